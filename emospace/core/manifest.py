"""The manifest: one row per utterance; every store has the same rows in the same order."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import get_type_hints

from emospace.core import records
from emospace.core.errors import InputError

# Seconds by which an interval may exceed its file without a report: the precision of annotations.
SLACK = 0.1


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of a corpus. Paths are relative to the corpus root, times are seconds.

    `audio` and `video` may be empty (that modality is missing). `start`/`end` delimit the utterance inside `video`, and
    inside `audio` unless `whole` is true: then the audio file contains this utterance only.
    `crop` is `x0 y0 x1 y1` in pixels of the video, or empty for the whole picture. `label` is the corpus's own code.
    `valence`, `arousal`, `dominance` are on the corpus's own scale, None if unlabelled. `language` is an ISO 639-1
    code; `intensity` is the corpus's own term for how strongly an emotion is acted; `votes` lists the annotators'
    labels as codes with counts ("ang:2 neu:1"). Each is empty if the corpus does not provide it.
    `split` is the side that the corpus itself assigns ("train", "dev", "test"), or empty.
    `part` is set by the workflow from `group` of the reader; readers leave it empty.
    """

    utterance: str
    dialogue: str
    session: str
    speaker: str
    gender: str  # "F", "M" or ""
    scripted: bool
    start: float
    end: float
    whole: bool
    text: str
    audio: str
    video: str
    crop: str
    label: str
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    language: str = ""
    intensity: str = ""
    votes: str = ""
    part: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of data/quality/<name>/<corpus>.csv: a fault of a file or an utterance, with its remedy.

    `reason` is a key of `emospace.core.manifest.REASONS` ("unreadable", "missing file", "too short", "silent", ...).
    `dropped`: was the utterance removed from the manifest? If not, the modality in `file` is treated as missing, or the
    row is kept with a warning.
    """

    utterance: str
    file: str
    reason: str
    detail: str
    remedy: str
    dropped: bool = False


REASONS = {
    "unreadable": "the file cannot be opened or decoded",
    "truncated": "the file ends before the interval does",
    "damaged": "the decoder reports that the file is corrupt",
    "silent": "the audio of the utterance is almost entirely zero",
    "no frames": "no frame could be extracted from the interval",
    "no transcript": "the utterance has no text",
    "too short": "the interval is too short to contain speech",
    "too long": "the recording is much longer than the utterance, so it contains something else",
    "bad times": "the times of the utterance are impossible",
    "bad gender": "the gender is not F, M or empty",
    "bad rating": "valence, arousal or dominance is not on the corpus's scale",
    "no label": "the corpus has the utterance but no label for it",
    "empty interval": "the interval ends at or before its start",
    "bad label": "the label is not one of the corpus's known codes",
    "missing file": "a file that the corpus should have is missing",
    "duplicate id": "two utterances have the same id",
    "bad line": "a line of an annotation file cannot be parsed",
    "no alignment": "the corpus should have a word alignment for the utterance but has none",
    "count": "the number of utterances differs from the corpus's publication",
}

WITHOUT_COPY = "nothing is lost: training does without this copy"  # remedy if a row cannot be augmented

GENDERS = ("F", "M", "")
RATINGS = ("valence", "arousal", "dominance")
COLUMNS = [f.name for f in fields(Utterance)]
OMITTED_IF_EMPTY = ["split"]  # columns that a manifest has only if some row has a value
PROBLEM_COLUMNS = [f.name for f in fields(Problem)]
# Annotation of a field -> the types of its values.
VALUE_TYPES = {str: (str,), bool: (bool,), float: (Real,), float | None: (Real, type(None))}
FORBIDDEN = set("/\\\0\n\r\t")
LATEST = 1e6  # seconds, eleven days: longer than any recording


def fault(record: object, cls: type) -> str:
    """Return what is wrong with an Utterance or Problem from a plug-in, or ""."""
    if not isinstance(record, cls):
        return f"it is {record!r:.80}, not {'an' if cls is Utterance else 'a'} {cls.__name__}"
    for name, hint in get_type_hints(cls).items():
        value, allowed = getattr(record, name), VALUE_TYPES[hint]
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            return f"its {name} is {value!r:.80}, not {getattr(hint, '__name__', hint)}"
    return ""


def check(rows: Iterable[Utterance]) -> tuple[list[Utterance], list[Problem]]:
    """Sort rows by id and drop those that no stage can use (duplicate or invalid id, impossible times).

    Ratings that are not finite and unknown gender codes are removed from their rows.
    """
    kept, problems, seen = [], [], set()
    for row in sorted(rows, key=lambda r: (r.utterance, r.start)):
        file = row.audio or row.video
        if fault := _fault(row, seen):
            problems.append(Problem(row.utterance, file, *fault, True))
            continue
        seen.add(row.utterance)
        wrong = [name for name in RATINGS if not math.isfinite(getattr(row, name) or 0)]
        if wrong:
            detail = ", ".join(f"{name} is {getattr(row, name)}" for name in wrong)
            problems.append(Problem(row.utterance, file, "bad rating", detail, "correct it; it counts as missing"))
        changed = dict.fromkeys(wrong)
        if row.gender not in GENDERS:
            detail = f"gender is {row.gender!r}, not F, M or empty"
            problems.append(Problem(row.utterance, file, "bad gender", detail, "correct it; it counts as missing"))
            changed["gender"] = ""
        kept.append(replace(row, **changed) if changed else row)
    return kept, problems


def _fault(row: Utterance, seen: set[str]) -> tuple[str, str, str] | None:
    """Return (reason, detail, remedy) if no stage can use the row. seen: ids of the rows before it."""
    times = f"start {row.start:.3f} s, end {row.end:.3f} s"
    if row.utterance in seen:
        return "duplicate id", f"id {row.utterance!r} occurs again at {row.start:.3f} s", "give each its own id"
    if not row.utterance or FORBIDDEN & set(row.utterance):
        detail = f"id {row.utterance!r} is empty or holds a slash or control character"
        return "bad line", detail, "rename the utterance"
    if not row.end > row.start:
        return "empty interval", times, "correct its times"
    if not 0 <= row.start < row.end <= LATEST:
        return "bad times", times, "correct its times"
    return None


def format_votes(votes: Iterable[str]) -> str:
    """Return the cell of `votes`: codes with their counts, most frequent first."""
    return " ".join(f"{code}:{n}" for code, n in sorted(Counter(votes).items(), key=lambda item: (-item[1], item[0])))


def _cells(row: Utterance | Problem) -> dict[str, str]:
    return {name: _cell(value) for name, value in asdict(row).items()}


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.4f}" if isinstance(value, float) else value


def write(path: Path, rows: Iterable[Utterance]) -> None:
    """Write rows as CSV (UTF-8, times to 0.1 ms), atomically. Rows must have passed `check`."""
    lines = [_cells(row) for row in rows]
    omitted = [name for name in OMITTED_IF_EMPTY if not any(line[name] for line in lines)]
    kept = ({name: cell for name, cell in line.items() if name not in omitted} for line in lines)
    records.write(path, [name for name in COLUMNS if name not in omitted], kept)


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write problems as CSV, sorted, so that the file does not depend on the order of discovery."""
    ordered = sorted(problems, key=lambda p: (p.utterance, p.file, p.reason, p.detail))
    records.write(path, PROBLEM_COLUMNS, map(_cells, ordered))


def _typed(record: dict[str, str]) -> Utterance:
    number = {k: float(record[k]) if record[k] else None for k in ("start", "end", *RATINGS)}
    flags = {k: record[k] == "1" for k in ("scripted", "whole")}
    return Utterance(**{**record, **number, **flags})


def read(path: Path) -> list[Utterance]:
    """Read a manifest. Raises InputError if the file is not one."""
    required = [name for name in COLUMNS if name not in OMITTED_IF_EMPTY]
    lines = records.read(path, required)
    if lines and (unknown := lines[0].keys() - set(COLUMNS)):
        raise InputError(path, f"it has a column {min(unknown)!r}, which no manifest has", records.REMEDY)
    return [_typed(line) for line in lines]


def read_problems(path: Path) -> list[Problem]:
    """Read a quality table written by `write_problems`."""
    lines = records.read(path, PROBLEM_COLUMNS, exactly=True)
    return [Problem(**{**line, "dropped": line["dropped"] == "1"}) for line in lines]
