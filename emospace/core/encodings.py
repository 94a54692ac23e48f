"""Decode text files of unknown encoding line by line, and report what is wrong with their encoding."""

import codecs
import re

_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")  # not the tab; line ends are already removed
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded_lines(raw: bytes) -> tuple[list[str], dict[int, str]]:
    """Return the lines of a file in UTF-8 or Windows-1252, and line number -> fault of its encoding.

    Lines are decoded one by one, so a wrong byte affects its own line only. They are split as bytes, because
    str.splitlines splits at some characters of Windows-1252. A file with a byte order mark of UTF-16 or UTF-32 is
    decoded accordingly.
    """
    raw, encoding = _as_utf8(raw)
    lines, not_utf8, any_utf8 = [], [], False
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", raw), 1):
        try:
            lines.append(line.decode("utf-8"))
            any_utf8 |= not line.isascii()
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
            not_utf8.append(number)
    faults = {1: f"begins a file in {encoding}; read as such"} if encoding else {}
    faults |= {n: "is not UTF-8, as others are; read as Windows-1252" for n in not_utf8 if any_utf8}
    faults |= {n: "holds a byte that is no character" for n in not_utf8 if "\ufffd" in lines[n - 1]}
    faults |= {n: "holds a control character" for n, line in enumerate(lines, 1) if _CONTROL.search(line)}
    return lines, faults


def _as_utf8(raw: bytes) -> tuple[bytes, str]:
    """Return the bytes in UTF-8 without a byte order mark, and the original encoding if it was UTF-16 or UTF-32."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace").encode(), encoding.upper()
    return raw.removeprefix(codecs.BOM_UTF8), ""
