"""Write the prepared tables of a run's first fold: scaled statistics and cleaned texts of train and test rows.

The format is that of ACIT4630 (emospace/corpora/_prepared.py), so that a system can start from the tables where the
corpus cannot be shipped. The tables are derived from the corpus, and its licence restricts them too.
"""

from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.corpora import _prepared
from emospace.models import _table
from emospace.runs.run_files import read_trained

OUTPUTS = (*_prepared.AUDIO_FILES, *_prepared.TEXT_FILES)
PACKAGES = ("numpy",)


def analyse(run, out: Path, *, seed: int) -> dict:
    """Write the four tables. Raises InputError for a class without a number in the format, or a run without texts."""
    training = run.trainings[0]
    codes = {name: code for code, name in _prepared.CODES.items()}
    if unknown := [name for name in run.classes if name not in codes]:
        raise InputError(
            run.name, f"the tables have no number for the class {unknown[0]!r}", f"it has {', '.join(codes)}"
        )
    state = read_trained(training.folder).state
    table = {name.removeprefix("table."): value for name, value in state.items() if name.startswith("table.")}
    if not {"low", "terms"} <= table.keys():
        raise InputError(run.name, "it does not read both statistics and texts", "give it both")
    fold = run.rows(training)
    labels = {"train": fold.train.label, "test": run.truth.label[run.places(training)]}
    names = [f"statistic_{k}" for k in range(len(table["low"]))]
    for (side, label), audio, text in zip(labels.items(), _prepared.AUDIO_FILES, _prepared.TEXT_FILES, strict=True):
        rows = getattr(fold, side)
        keys = [{"wav_file": u, "label": codes[run.classes[k]]} for u, k in zip(rows.utterances, label, strict=True)]
        records.write(out / audio, [*_prepared.KEYS, *names], _statistics(keys, _table.scaled(table, rows), names))
        lines = [key | {_prepared.TEXT: t.strip()} for key, t in zip(keys, _table.texts(rows), strict=True)]
        records.write(out / text, [*_prepared.KEYS, _prepared.TEXT], lines)
    counts = {side: len(label) for side, label in labels.items()}
    return {"fold": training.fold, **counts, "statistics": len(names)}


def _statistics(keys: list[dict], values: np.ndarray, names: list[str]):
    for key, row in zip(keys, values, strict=True):
        yield key | {name: f"{value:.9g}" for name, value in zip(names, row, strict=True)}
