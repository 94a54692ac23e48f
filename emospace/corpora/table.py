"""A table is a corpus: a CSV with a line for each utterance, in the folder of its recordings.

    path,speaker,label
    anna/001.wav,anna,angry

Columns `path`, `speaker` and `label` must be there. These may: `utterance` (the id; by default the path, and the start
where there is one), `start` and `end` (seconds within the file; by default the whole file), `text`, `video`, `gender`,
`session` (by default the speaker), `dialogue` (by default the utterance, or the file it is cut out of), `split` (train,
dev or test), `valence`, `arousal`, `dominance`, `language`, `intensity`, `votes` and `scripted` (1 or 0); of others
nothing is read. Paths are relative to the table's own folder; a film given as `path` is sound and pictures both.

A protocol without `labels` has each label as a class; `split: table` without a file takes the column `split`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import Scale
from emospace.core.plugin import suggest
from emospace.corpora import _csv
from emospace.corpora._entries import Entry, entries, group_of
from emospace.corpora._rows import Meaning, rows

CODES: dict[str, str] = {}  # the table tells them
LICENCE = "not stated"
PUBLIC = False
CITATION = "not stated"

NEEDED = ("path", "speaker", "label")
COLUMNS = (*NEEDED, "utterance", "start", "end", "text", "video", "gender", "session", "dialogue", "split")
COLUMNS += ("valence", "arousal", "dominance", "language", "intensity", "votes", "scripted")
SUFFIXES = (".csv", ".tsv")
Found = tuple[list[Entry], list[Problem], str]


def group(path: str) -> None:
    """No path tells its speaker; `grouping` does."""


def index(
    root: Path,
    files: Sequence[str],
    *,
    part: int,
    parts: int,
    table: str = "",
    columns: dict[str, str] | None = None,
    encoding: str = "utf-8",
    deal: Literal["speaker", "session"] = "speaker",
    codes: dict[str, str] | None = None,
    genders: dict[str, Literal["F", "M", ""]] | None = None,
    scale: Scale | None = None,
    language: str = "",
    licence: str = LICENCE,
    public: bool = PUBLIC,
    citation: str = CITATION,
    note: str = "",
) -> tuple[list[Utterance], list[Problem]]:
    """One row per line.

    table: path of the CSV below the root; by default the only .csv or .tsv in the root itself. It may be separated by
    commas, semicolons or tabs. columns: our name of a column -> the table's, as in {label: emotion}. encoding: of the
    table. deal: whose lines no part cuts: those of a speaker or of a session; who share a dialogue or a file stay
    together too. codes: label -> its English name; with it, a line with another label is left out. genders: what the
    table's words mean, as in {w: F}; f, female, m and male are known. scale: least and greatest valence, arousal and
    dominance; a value beyond counts as not given. language: ISO 639-1 code of lines that name none. licence, public,
    citation, note: what sidecars and reports say of the corpus.

    A line that is of no use is a Problem with its number. Raises InputError for a table that cannot be read.
    """
    found, problems, _ = _look(root, table=table, columns=columns, encoding=encoding, deal=deal)
    mine = [entry for entry in found if entry.group % parts == part]
    made, more = rows(root, mine, files, Meaning(codes, genders or {}, scale, language))
    return made, more + (problems if part == 0 else [])


def check_index(*, columns: dict[str, str] | None, scale: Sequence[float] | None, **_: Any) -> None:
    """Raise InputError for a column that there is not, or a scale without length."""
    for name in columns or ():
        if name not in COLUMNS:
            raise InputError("columns", f"a table has no column {name!r}", suggest(name, COLUMNS))
    if scale and not scale[0] < scale[1]:
        raise InputError("scale", f"it is {scale[0]:g} to {scale[1]:g}", "give the least value, then the greatest")


def grouping(root: Path, **options: Any) -> Callable[[str], int | None]:
    """A medium is of the group of who speaks in it, the table of every one, other files of none."""
    if not here(root):
        return lambda path: None
    found, _, table = _look(root, **options)
    return group_of(found, [table])


def about(
    root: Path,
    *,
    codes: dict[str, str] | None = None,
    licence: str = LICENCE,
    public: bool = PUBLIC,
    citation: str = CITATION,
    note: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Licence and the like from the options; codes from there too, or else all labels of the table."""
    told: dict[str, Any] = {"licence": licence, "public": public, "citation": citation, "note": note}
    if codes is None and here(root):
        found, _, _ = _look(root, **options)
        codes = {label: label for entry in found if (label := entry.line.cells.get("label"))}
    return told if codes is None else told | {"codes": codes}


def here(root: Path) -> bool:
    """Is the corpus there? An unmounted disk leaves an empty folder."""
    return root.is_dir() and any(root.iterdir())


def _look(
    root: Path,
    *,
    table: str = "",
    columns: dict[str, str] | None = None,
    encoding: str = "utf-8",
    deal: str = "speaker",
    **_: Any,
) -> Found:
    """Entries of the table, problems with its lines, and its path."""
    file = Path(table or _only(root)).as_posix()
    status = (root / file).stat() if (root / file).is_file() else None
    stamp = (status.st_size, status.st_mtime_ns) if status else ()
    return _looked(root, file, tuple((columns or {}).items()), encoding, deal, stamp)


@lru_cache(maxsize=4)  # a plan asks several times
def _looked(root: Path, file: str, columns: tuple, encoding: str, deal: str, _stamp: tuple) -> Found:
    needed = (*NEEDED, "session") if deal == "session" else NEEDED
    lines, problems = _csv.read(root, file, COLUMNS, needed, dict(columns), encoding)
    return entries(lines, deal), problems, file


def _only(root: Path) -> str:
    """The table in the folder of a corpus. Raises InputError where there is none, or several."""
    found = sorted(p.name for p in root.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if len(found) != 1:
        reason = f"several tables are there: {', '.join(found)}" if found else "no table (.csv) is there"
        raise InputError(root, reason, "name it: `options: {table: ...}` of the corpus")
    return found[0]
