"""The processed file of multi-level attention: features, words and times of all utterances of a run's first fold.

A later run can start from it where the corpus is not at hand: reader `processed`, encoders `processed_acoustic` and
`processed_lexical`. The file is derived from the corpus, and its licence restricts it too.
"""

from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import NamedView
from emospace.core.store import Ragged, concatenate
from emospace.corpora import _processed

OUTPUTS = (_processed.FILE,)
PACKAGES = ("numpy",)


def suits(model, inputs) -> bool:
    """Whether the model fuses sound and words."""
    return model.__name__.endswith(".blstm_fusion")


def analyse(run, out: Path, *, seed: int, words: NamedView = "words") -> dict:
    """Write the file. words: the view of the lexical feature. Labels are the classes of the protocol.

    Raises InputError unless the run reads one feature of words and one other.
    """
    fold, spoken = run.rows(run.trainings[0]), run.items(words)
    sides = [rows for rows in (fold.train, fold.dev, fold.test) if len(rows)]
    names = [name for rows in sides for name in rows.utterances]
    first = [names.index(name) for name in dict.fromkeys(names)]  # a row may be on two sides
    kinds = {"lexical" if facts["holds"] == "words" else "acoustic": name for name, facts in run.about.items()}
    if sorted(kinds) != sorted(_processed.SIDES) or len(run.about) != len(kinds):
        raise InputError(run.name, "it does not read one feature of words and one other", "leave it out")
    arrays = _columns(run, [names[k] for k in first])
    arrays |= _words([spoken[names[k]] for k in first])
    for side, name in kinds.items():
        arrays |= _steps(side, concatenate([rows.inputs[name] for rows in sides]), first)
    arrays["names"] = np.array(run.about[kinds["acoustic"]].get("columns", []), str)
    np.savez(out / _processed.FILE, **arrays)
    return {"fold": run.trainings[0].fold, "utterances": len(first), "words": len(arrays["words"])}


def _columns(run, names: list[str]) -> dict[str, np.ndarray]:
    rows = {row.utterance: row for row in run.utterances()}
    columns = {name: np.array([getattr(rows[u], name) for u in names], str) for name in _processed.COLUMNS}
    return columns | {
        "scripted": np.array([rows[u].scripted for u in names], bool),
        "start": np.array([rows[u].start for u in names], np.float64),
        "end": np.array([rows[u].end for u in names], np.float64),
    }


def _words(spoken: list) -> dict[str, np.ndarray]:
    flat = [word for words in spoken for word in words]
    return {
        "words": np.array([word for word, _, _ in flat], str),
        "word_start": np.array([start for _, start, _ in flat], np.float64),
        "word_end": np.array([end for _, _, end in flat], np.float64),
        "word_offsets": np.cumsum([0, *map(len, spoken)], dtype=np.int64),
    }


def _steps(side: str, store: Ragged, chosen: list[int]) -> dict[str, np.ndarray]:
    rows = [store[k] for k in chosen]
    values = np.concatenate([store.values[:0], *rows]).astype(np.float32)
    return {side: values, f"{side}_offsets": np.cumsum([0, *map(len, rows)], dtype=np.int64)}
