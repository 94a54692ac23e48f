"""A database of audb, in audformat layout: db.yaml with tables in CSV or Parquet, media below the same folder.

Needs the package audformat (MIT), an extra: pip install -r requirements-extra.txt -c constraints.txt. Pickles are never
loaded: a database that has tables as pickles alone is refused.

Labels are a column of one table, or of several that share no file; other columns may be in any table. Gender, language
and the like are also found in the scheme of the speakers, or in its misc table. The type of a table's split is the side
of its rows for `split: table`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import Scale
from emospace.corpora import _audformat
from emospace.corpora._entries import Entry, entries, group_of
from emospace.corpora._rows import Meaning, rows
from emospace.corpora.table import COLUMNS, check_index, here

__all__ = ["CITATION", "CODES", "LICENCE", "PUBLIC", "about", "check_index", "group", "grouping", "index"]

CODES: dict[str, str] = {}  # the database tells them
LICENCE = "not stated"
PUBLIC = False
CITATION = "not stated"

GIVEN = {"path", "start", "end", "split", "utterance", "video", "scripted"}  # by the index of a table, or by nothing
THEIRS = {name: name for name in COLUMNS if name not in GIVEN} | {"label": "emotion", "text": "transcription"}
GENDERS = {"other": "", "child": ""}  # words of audformat's own


def group(path: str) -> None:
    """No path tells its speaker; `grouping` does."""


def index(
    root: Path,
    files: Sequence[str],
    *,
    part: int,
    parts: int,
    columns: dict[str, str] | None = None,
    tables: tuple[str, ...] = (),
    deal: Literal["speaker", "session"] = "speaker",
    codes: dict[str, str] | None = None,
    genders: dict[str, Literal["F", "M", ""]] | None = None,
    scale: Scale | None = None,
    language: str = "",
    licence: str = "",
    public: bool = PUBLIC,
    citation: str = "",
    note: str = "",
) -> tuple[list[Utterance], list[Problem]]:
    """One row per file or segment that a table labels.

    columns: our name of a column -> the database's; by default label is `emotion`, text `transcription`, and the others
    are called as in a table corpus. tables: those whose rows to take; by default the only one with labels. The rest as
    in a table corpus (emospace/corpora/table.py); language, licence and citation are the database's own by default.
    """
    found = _look(root, columns=columns, tables=tables, deal=deal)
    mine = [entry for entry in found.entries if entry.group % parts == part]
    meaning = Meaning(codes, GENDERS | (genders or {}), scale, language or found.language)
    return rows(root, mine, files, meaning)


def grouping(root: Path, **options: Any) -> Callable[[str], int | None]:
    """A medium is of the group of who speaks in it, header and tables of every one, other files of none."""
    if not here(root):
        return lambda path: None
    found = _look(root, **options)
    return group_of(found.entries, found.files)


def about(
    root: Path,
    *,
    codes: dict[str, str] | None = None,
    licence: str = "",
    public: bool = PUBLIC,
    citation: str = "",
    note: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Licence and source as the header states them, where the options do not; codes from there, or all labels."""
    found = _look(root, **options) if here(root) else None
    told = {"licence": licence or (found.licence if found else "") or LICENCE, "public": public, "note": note}
    told["citation"] = citation or (found.source if found else "") or CITATION
    if codes is None and found:
        codes = {label: label for entry in found.entries if (label := entry.line.cells.get("label"))}
    return told if codes is None else told | {"codes": codes}


class _Found:
    """What a database holds."""

    def __init__(self, root: Path, columns: dict[str, str], tables: tuple[str, ...], deal: str):
        base = _audformat.opened(root)
        self.entries: list[Entry] = entries(_audformat.lines(base, THEIRS | columns, tables), deal)
        self.files = [_audformat.HEADER, *base.files.values()]
        self.licence, self.source = str(base.db.license or ""), str(base.db.source or "")
        self.language = _language(base.db.languages)


def _language(languages: Sequence[str]) -> str:
    """ISO 639-1 of the only language, which audformat has in ISO 639-3."""
    if len(languages or ()) != 1:
        return ""
    from iso639 import Lang  # audformat brings it

    return Lang(languages[0]).pt1


def _look(
    root: Path, *, columns: dict[str, str] | None = None, tables: Sequence[str] = (), deal: str = "speaker", **_: Any
) -> _Found:
    stats = ((path.name, path.stat()) for path in sorted(root.glob("db.*")))
    stamp = tuple((name, status.st_size, status.st_mtime_ns) for name, status in stats)
    return _looked(root, tuple((columns or {}).items()), tuple(tables), deal, stamp)


@lru_cache(maxsize=4)  # a plan asks several times
def _looked(root: Path, columns: tuple, tables: tuple[str, ...], deal: str, _stamp: tuple) -> _Found:
    return _Found(root, dict(columns), tables, deal)
