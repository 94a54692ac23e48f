"""Databases in audformat layout (as audb publishes them): db.yaml, tables in CSV or Parquet, media in the same folder.

Needs the package audformat (MIT), an extra: pip install -r requirements-extra.txt -c constraints.txt. Pickles are never
loaded: a database whose tables are only pickles is rejected.

Labels come from a column of one table, or of several tables without a common file; the other columns may be in any
table. Gender, language and the like may also be fields of the speakers' scheme or of its misc table. The type of a
table's split is the side of its rows for `split: table`.
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
from emospace.corpora.table import COLUMNS, check_index, exists

__all__ = ["CITATION", "CODES", "LICENCE", "PUBLIC", "about", "check_index", "group", "grouping", "index"]

CODES: dict[str, str] = {}  # each database has its own; see `about`
LICENCE = "not stated"
PUBLIC = False
CITATION = "not stated"

GIVEN = {"path", "start", "end", "split", "utterance", "video", "scripted"}  # from a table's index or split, or absent
THEIRS = {name: name for name in COLUMNS if name not in GIVEN} | {"label": "emotion", "text": "transcription"}
GENDERS = {"other": "", "child": ""}  # further values of audformat


def group(path: str) -> None:
    """Paths do not reveal the speaker; see `grouping`."""


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
    """One row per labelled file or segment.

    columns: our column name -> the database's; by default the label is `emotion`, the text `transcription`, and the
    others have the names of a table corpus. tables: those whose rows to use; by default the only one with labels. The
    other options are those of a table corpus (emospace/corpora/table.py); language, licence and citation default to
    those in the database's header.
    """
    database = _load(root, columns=columns, tables=tables, deal=deal)
    own = [entry for entry in database.entries if entry.group % parts == part]
    meaning = Meaning(codes, GENDERS | (genders or {}), scale, language or database.language)
    return rows(root, own, files, meaning)


def grouping(root: Path, **options: Any) -> Callable[[str], int | None]:
    """Map each medium to its speakers' group, the header and the tables to every part, other files to none."""
    if not exists(root):
        return lambda path: None
    database = _load(root, **options)
    return group_of(database.entries, database.files)


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
    """Licence and citation from the options, or else from the header; codes from the options, or else all labels."""
    database = _load(root, **options) if exists(root) else None
    facts = {"licence": licence or (database.licence if database else "") or LICENCE, "public": public, "note": note}
    facts["citation"] = citation or (database.source if database else "") or CITATION
    if codes is None and database:
        codes = {label: label for entry in database.entries if (label := entry.line.cells.get("label"))}
    return facts if codes is None else facts | {"codes": codes}


class _Database:
    """Entries and metadata of a database. files: its header and the tables that were read."""

    def __init__(self, root: Path, columns: dict[str, str], tables: tuple[str, ...], deal: str):
        base = _audformat.opened(root)
        self.entries: list[Entry] = entries(_audformat.lines(base, THEIRS | columns, tables), deal)
        self.files = [_audformat.HEADER, *base.files.values()]
        self.licence, self.source = str(base.db.license or ""), str(base.db.source or "")
        self.language = _language(base.db.languages)


def _language(languages: Sequence[str]) -> str:
    """ISO 639-1 code of the database's language (an ISO 639-3 code in audformat); "" unless there is exactly one."""
    if len(languages or ()) != 1:
        return ""
    from iso639 import Lang  # a dependency of audformat

    return Lang(languages[0]).pt1


def _load(
    root: Path, *, columns: dict[str, str] | None = None, tables: Sequence[str] = (), deal: str = "speaker", **_: Any
) -> _Database:
    stats = ((path.name, path.stat()) for path in sorted(root.glob("db.*")))
    stamp = tuple((name, status.st_size, status.st_mtime_ns) for name, status in stats)
    return _loaded(root, tuple((columns or {}).items()), tuple(tables), deal, stamp)


@lru_cache(maxsize=4)  # planning needs it several times
def _loaded(root: Path, columns: tuple, tables: tuple[str, ...], deal: str, _stamp: tuple) -> _Database:
    return _Database(root, dict(columns), tables, deal)
