"""Any corpus described by a table: a CSV with one line per utterance, in the folder of its recordings.

    path,speaker,label
    anna/001.wav,anna,angry

The columns `path`, `speaker` and `label` are required. Optional ones: `utterance` (the id; by default the path, plus
the start if there is one), `start` and `end` (seconds within the file; by default the whole file), `text`, `video`,
`gender`, `session` (by default the speaker), `dialogue` (by default the utterance, or the file that contains it),
`split` (train, dev or test), `valence`, `arousal`, `dominance`, `language`, `intensity`, `votes` and `scripted` (1 or
0). Other columns are ignored. Paths are relative to the table's folder; a film in `path` is both audio and video.

In a protocol without `labels`, each label is a class; `split: table` without a file uses the column `split`.
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

CODES: dict[str, str] = {}  # each table has its own; see `about`
LICENCE = "not stated"
PUBLIC = False
CITATION = "not stated"

NEEDED = ("path", "speaker", "label")
COLUMNS = (*NEEDED, "utterance", "start", "end", "text", "video", "gender", "session", "dialogue", "split")
COLUMNS += ("valence", "arousal", "dominance", "language", "intensity", "votes", "scripted")
SUFFIXES = (".csv", ".tsv")
Listing = tuple[list[Entry], list[Problem], str]


def group(path: str) -> None:
    """Paths do not reveal the speaker; see `grouping`."""


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

    table: path of the CSV relative to the root; by default the only .csv or .tsv in the root folder. Separators are
    commas, semicolons or tabs. columns: our column name -> the table's, as in {label: emotion}. encoding: of the table.
    deal: the unit that parts never split, a speaker or a session; speakers who share a dialogue or a file stay together
    too. codes: label -> English name; lines with other labels are left out. genders: meaning of the table's words, as
    in {w: F}; f, female, m and male are known. scale: least and greatest valence, arousal and dominance; values outside
    are left out. language: ISO 639-1 code of lines that name none. licence, public, citation, note: facts about the
    corpus for sidecars and reports.

    An unusable line is a Problem with its line number. Raises InputError for a table that cannot be read.
    """
    listed, problems, _ = _load(root, table=table, columns=columns, encoding=encoding, deal=deal)
    own = [entry for entry in listed if entry.group % parts == part]
    utterances, more = rows(root, own, files, Meaning(codes, genders or {}, scale, language))
    return utterances, more + (problems if part == 0 else [])


def check_index(*, columns: dict[str, str] | None, scale: Sequence[float] | None, **_: Any) -> None:
    """Raise InputError for an unknown column name or an empty scale."""
    for name in columns or ():
        if name not in COLUMNS:
            raise InputError("columns", f"unknown column {name!r}", suggest(name, COLUMNS))
    if scale and not scale[0] < scale[1]:
        raise InputError("scale", f"it is {scale[0]:g} to {scale[1]:g}", "write the least value, then the greatest")


def grouping(root: Path, **options: Any) -> Callable[[str], int | None]:
    """Map each medium to its speakers' group, the table to every part, other files to none."""
    if not exists(root):
        return lambda path: None
    listed, _, table = _load(root, **options)
    return group_of(listed, [table])


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
    """Licence and other facts from the options; codes from the options, or else all labels of the table."""
    facts: dict[str, Any] = {"licence": licence, "public": public, "citation": citation, "note": note}
    if codes is None and exists(root):
        listed, _, _ = _load(root, **options)
        codes = {label: label for entry in listed if (label := entry.line.cells.get("label"))}
    return facts if codes is None else facts | {"codes": codes}


def exists(root: Path) -> bool:
    """Does the corpus exist? An empty folder, as an unmounted disk leaves behind, does not count."""
    return root.is_dir() and any(root.iterdir())


def _load(
    root: Path,
    *,
    table: str = "",
    columns: dict[str, str] | None = None,
    encoding: str = "utf-8",
    deal: str = "speaker",
    **_: Any,
) -> Listing:
    """Entries of the table, problems with its lines, and its path."""
    file = Path(table or _only(root)).as_posix()
    status = (root / file).stat() if (root / file).is_file() else None
    stamp = (status.st_size, status.st_mtime_ns) if status else ()
    return _loaded(root, file, tuple((columns or {}).items()), encoding, deal, stamp)


@lru_cache(maxsize=4)  # planning needs it several times
def _loaded(root: Path, file: str, columns: tuple, encoding: str, deal: str, _stamp: tuple) -> Listing:
    needed = (*NEEDED, "session") if deal == "session" else NEEDED
    lines, problems = _csv.read(root, file, COLUMNS, needed, dict(columns), encoding)
    return entries(lines, deal), problems, file


def _only(root: Path) -> str:
    """The only table in the folder of a corpus. Raises InputError if there is none or more than one."""
    tables = sorted(p.name for p in root.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if len(tables) != 1:
        reason = f"it contains several tables: {', '.join(tables)}" if tables else "it contains no table (.csv)"
        raise InputError(root, reason, "set `options: {table: ...}` of the corpus")
    return tables[0]
