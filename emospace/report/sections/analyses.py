"""Results of the analyses of each run: pictures and tables inline, all files linked."""

import base64
import csv
import io
from pathlib import PurePath

TITLE = "Analyses"
ORDER = 40
SEVERAL = "Several runs"
PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_BYTES = 2_000_000  # of a picture or table in the page; larger files are only linked
MAX_LINES = 70  # of a table in the page; more than the subsets of six inputs


def gather(results) -> dict | None:
    """One entry per run with its analyses, except those that have a section of their own."""
    by_run: dict[str, list[dict]] = {}
    sections = results.recipe.get("sections", ())
    for analysed in results.analyses:
        if analysed.plugin not in sections:
            by_run.setdefault(analysed.run or SEVERAL, []).append(_entry(analysed))
    return {"runs": by_run} if by_run else None


def _entry(analysed) -> dict:
    files = [_file(analysed, name) for name in analysed.files]
    return {"name": analysed.name, "facts": analysed.facts, "files": files}


def _file(analysed, name: str) -> dict:
    """A file's link, and its picture (as a data URI, so that no script in it runs) or table."""
    suffix, entry = PurePath(name).suffix.lower(), {"name": name, "link": analysed.link(name)}
    if suffix not in (*PICTURES, ".csv") or analysed.size(name) > MAX_BYTES:
        return entry
    content = analysed.read(name)
    if suffix == ".csv":
        return entry | _table(content.decode("utf-8", "replace"))
    return entry | {"picture": f"data:{PICTURES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"}


def _table(text: str) -> dict:
    """Header, first lines, number of lines, and which columns are numeric."""
    header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    return {"header": header, "lines": lines[:MAX_LINES], "count": len(lines), "numeric": _numeric(header, lines)}


def _numeric(header: list[str], lines: list[list[str]]) -> list[bool]:
    """Whether each column holds only numbers."""
    return [all(_is_number(line[k]) for line in lines if len(line) > k and line[k]) for k in range(len(header))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
