"""What analyses made of each run: pictures and tables shown, everything linked."""

import base64
import csv
import io
from pathlib import PurePath

TITLE = "Analyses"
ORDER = 40
PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
LARGEST = 2_000_000  # bytes of a picture or table that the page takes in; larger ones are linked alone
SHOWN = 70  # lines of a table: more than all subsets of six inputs


def gather(results) -> dict | None:
    """One entry per run, with what each analysis made of it, but for those that a section of their name shows."""
    found: dict[str, list[dict]] = {}
    shown = results.recipe.get("sections", ())
    for made in (one for one in results.analyses if one.plugin not in shown):
        found.setdefault(made.run, []).append(_entry(made))
    return {"runs": found} if found else None


def _entry(made) -> dict:
    return {"name": made.name, "facts": made.facts, "files": [_shown(made, name) for name in made.files]}


def _shown(made, name: str) -> dict:
    """A file as the page shows it: its link, and its picture (a data URI, so that no script in it runs) or table."""
    suffix, about = PurePath(name).suffix.lower(), {"name": name, "link": made.link(name)}
    if suffix not in (*PICTURES, ".csv") or made.size(name) > LARGEST:
        return about
    content = made.read(name)
    if suffix == ".csv":
        return about | _table(content.decode("utf-8", "replace"))
    return about | {"picture": f"data:{PICTURES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"}


def _table(text: str) -> dict:
    """Header, and lines with cells as people read them."""
    header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    return {"header": header, "lines": lines[:SHOWN], "count": len(lines), "number": _numbers(header, lines)}


def _numbers(header: list[str], lines: list[list[str]]) -> list[bool]:
    """Is a column one of numbers?"""
    return [all(_number(line[k]) for line in lines if len(line) > k and line[k]) for k in range(len(header))]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
