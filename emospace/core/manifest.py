"""The manifest: one row per utterance, the spine that every store follows row by row."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import get_type_hints

from emospace.core import records
from emospace.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of a corpus. Paths are relative to the corpus root, times are seconds.

    `audio` and `video` may be empty (that modality is missing). `start`/`end` delimit the utterance inside
    `video`; and inside `audio` too unless `whole` is true, in which case the audio file holds this utterance alone.
    `crop` is `x0 y0 x1 y1` in pixels of the video, or empty for the whole picture. `label` is the corpus's own code.
    `valence`, `arousal`, `dominance` are on the corpus's own scale, None where unlabelled. `language` is an ISO 639-1
    code, `intensity` the corpus's own word for how strongly an emotion is acted, `votes` what annotators said, as codes
    with counts ("ang:2 neu:1"); each is empty where the corpus does not say.
    `split` is the side that the corpus itself puts the utterance on ("train", "dev", "test"), or empty.
    `part` is filled in by the workflow from `group` of the reader; readers leave it empty.
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
    """One line of data/quality/<name>/<corpus>.csv: what is wrong with a file or an utterance, and what to do.

    `reason` is one of `emospace.core.manifest.REASONS` ("unreadable", "missing file", "too short", "silent", ...);
    `dropped` says whether the whole utterance left the manifest (otherwise
    only the modality in `file` is treated as missing, or the row stays with a warning).
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
    "damaged": "the decoder found that the file is not as it was written",
    "silent": "the audio of the utterance is all but zero",
    "no frames": "no picture could be taken from the interval",
    "no transcript": "the utterance has no text",
    "too short": "the interval is too short to hold speech",
    "too long": "the recording is much longer than the utterance, so it holds something else",
    "bad times": "the times of the utterance cannot be",
    "bad gender": "the gender is none of F, M and empty",
    "bad rating": "valence, arousal or dominance is not on the corpus's scale",
    "no label": "the corpus has the utterance but not its evaluation",
    "empty interval": "the interval ends before or where it starts",
    "bad label": "the label is not one that the corpus is known to use",
    "missing file": "a file that the corpus should have is not there",
    "duplicate id": "two utterances claim one id",
    "bad line": "a line of an annotation file cannot be read",
    "no alignment": "the corpus should have a word alignment here and has none",
    "count": "the corpus does not hold as many utterances as its publication says",
}

WITHOUT_COPY = "nothing is lost: training does without this copy"  # remedy where a row cannot be augmented

GENDERS = ("F", "M", "")
RATINGS = ("valence", "arousal", "dominance")
COLUMNS = [f.name for f in fields(Utterance)]
LATER = ["split"]  # only in a manifest of which a row has it
PROBLEM_COLUMNS = [f.name for f in fields(Problem)]
# Type of a field -> the types of its values.
KINDS = {str: (str,), bool: (bool,), float: (Real,), float | None: (Real, type(None))}
FORBIDDEN = set("/\\\0\n\r\t")
LATEST = 1e6  # seconds, eleven days: no recording is as long


def fault(made: object, kind: type) -> str:
    """What is wrong with an utterance or a problem that a plug-in made, "" if nothing."""
    if not isinstance(made, kind):
        return f"it is {made!r:.80}, not {'an' if kind is Utterance else 'a'} {kind.__name__}"
    for name, wanted in get_type_hints(kind).items():
        value, known = getattr(made, name), KINDS[wanted]
        if not isinstance(value, known) or (isinstance(value, bool) and bool not in known):
            return f"its {name} is {value!r:.80}, not {getattr(wanted, '__name__', wanted)}"
    return ""


def check(rows: Iterable[Utterance]) -> tuple[list[Utterance], list[Problem]]:
    """Sort rows by id and drop those that no stage could use (repeated or unusable id, times that cannot be).

    Ratings that are not finite, and genders of another code, are taken out of their rows.
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
            problems.append(Problem(row.utterance, file, "bad rating", detail, "correct it; it counts as not given"))
        changed = dict.fromkeys(wrong)
        if row.gender not in GENDERS:
            detail = f"gender is {row.gender!r}, not F, M or empty"
            problems.append(Problem(row.utterance, file, "bad gender", detail, "correct it; it counts as not given"))
            changed["gender"] = ""
        kept.append(replace(row, **changed) if changed else row)
    return kept, problems


def _fault(row: Utterance, seen: set[str]) -> tuple[str, str, str] | None:
    """(reason, detail, remedy) if no stage could use a row; seen: ids of those before it."""
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


def told(votes: Iterable[str]) -> str:
    """Cell of `votes`: codes with their counts, the most frequent first."""
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
    """Write rows as CSV (UTF-8, times to 0.1 ms), atomically. Rows must already be `check`ed."""
    lines = [_cells(row) for row in rows]
    idle = [name for name in LATER if not any(line[name] for line in lines)]
    kept = ({name: cell for name, cell in line.items() if name not in idle} for line in lines)
    records.write(path, [name for name in COLUMNS if name not in idle], kept)


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write problems as CSV, sorted, so that the file does not depend on the order of discovery."""
    ordered = sorted(problems, key=lambda p: (p.utterance, p.file, p.reason, p.detail))
    records.write(path, PROBLEM_COLUMNS, map(_cells, ordered))


def _typed(record: dict[str, str]) -> Utterance:
    number = {k: float(record[k]) if record[k] else None for k in ("start", "end", *RATINGS)}
    flags = {k: record[k] == "1" for k in ("scripted", "whole")}
    return Utterance(**{**record, **number, **flags})


def read(path: Path) -> list[Utterance]:
    """Read a manifest. Raises InputError where the file is not one."""
    first = [name for name in COLUMNS if name not in LATER]
    found = records.read(path, first)
    if found and (odd := found[0].keys() - set(COLUMNS)):
        raise InputError(path, f"it has a column {min(odd)!r}, which no manifest has", records.REMEDY)
    return [_typed(record) for record in found]


def read_problems(path: Path) -> list[Problem]:
    """Read a quality table written by `write_problems`."""
    lines = records.read(path, PROBLEM_COLUMNS, exactly=True)
    return [Problem(**{**line, "dropped": line["dropped"] == "1"}) for line in lines]
