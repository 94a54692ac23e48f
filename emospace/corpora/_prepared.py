"""The four prepared tables of ACIT4630 (docs/systems.md): acoustic statistics and transcripts of train and test rows.

audio_train_v0.csv and audio_test_v0.csv have the columns wav_file, label and one per statistic; text_train.csv and
text_test.csv have wav_file, label and transcription. The label is a number. An utterance has one line per copy.
"""

from collections.abc import Sequence
from pathlib import Path

from emospace.core import records
from emospace.core.errors import InputError

KEYS = ("wav_file", "label")
TEXT = "transcription"
AUDIO_FILES = ("audio_train_v0.csv", "audio_test_v0.csv")
TEXT_FILES = ("text_train.csv", "text_test.csv")
CODES = {"0": "ang", "1": "hap", "2": "sad", "3": "fea", "4": "sur", "5": "neu"}
REMEDY = "write the tables again, all four with one program"


def read_texts(path: Path) -> list[dict[str, str]]:
    """Read the lines of a transcript table. Raises InputError for a missing column or an unknown label."""
    lines = records.read(path, remedy=REMEDY)
    _check(path, lines, [*KEYS, TEXT])
    return lines


def read_statistics(paths: Sequence[Path]) -> tuple[list[str], list[dict[str, str]]]:
    """Read the names of the statistics and the lines of the tables. Raises InputError if their columns differ."""
    first, lines = [], []
    for path in paths:
        own = records.read(path, remedy=REMEDY)
        _check(path, own, KEYS)
        names = [name for name in own[0] if name not in KEYS]
        if not names or names != (first or names):
            different = sorted({*names} ^ {*first})
            reason = f"its statistics differ from those of {paths[0]}: {', '.join(different[:3])}"
            raise InputError(path, reason if names else "it has no statistics", REMEDY)
        first, lines = names, lines + own
    return first, lines


def _check(path: Path, lines: list[dict[str, str]], columns: Sequence[str]) -> None:
    if not lines:
        raise InputError(path, "it has no lines", REMEDY)
    if missing := [name for name in columns if name not in lines[0]]:
        raise InputError(path, f"it has no column {missing[0]!r}", REMEDY)
    for number, line in enumerate(lines, 2):
        if None in line or None in line.values():
            raise InputError(path, f"line {number} has more or fewer cells than the header", REMEDY)
        if line["label"] not in CODES:
            reason = f"line {number} has the label {line['label']!r}"
            raise InputError(path, reason, f"labels are {', '.join(CODES)}, for {', '.join(CODES.values())}")
