"""Text files of people: lines in whichever encoding, and what is odd about it."""

import codecs
import re

_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")  # no tab; line ends are gone
# UTF-32's mark begins with UTF-16's.
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded_lines(raw: bytes) -> tuple[list[str], dict[int, str]]:
    """Lines of a file in UTF-8 or Windows-1252, and line number -> what is odd about its encoding.

    Each line is decoded on its own: one wrong byte must not change how the others are read. Split as bytes: to
    str.splitlines some characters of Windows-1252 are line ends. A file that a mark declares to be UTF-16 or UTF-32 is
    read as such.
    """
    raw, wider = _as_utf8(raw)
    lines, foreign, wide = [], [], False
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", raw), 1):
        try:
            lines.append(line.decode("utf-8"))
            wide |= not line.isascii()
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
            foreign.append(number)
    odd = {1: f"begins a file in {wider}; read as such"} if wider else {}
    odd |= {n: "is not UTF-8, as others are; read as Windows-1252" for n in foreign if wide}
    odd |= {n: "holds a byte that is no character" for n in foreign if "\ufffd" in lines[n - 1]}
    odd |= {n: "holds a control character" for n, line in enumerate(lines, 1) if _CONTROL.search(line)}
    return lines, odd


def _as_utf8(raw: bytes) -> tuple[bytes, str]:
    """(the bytes without a mark of their encoding, the encoding if it had to be changed)."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace").encode(), encoding.upper()
    return raw.removeprefix(codecs.BOM_UTF8), ""
