"""Cross-fitting: outputs for train rows from models that have not learnt from their speakers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emospace.core.data import Fold, Output, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged, stack
from emospace.runs.applying import ask, learn, without_labels
from emospace.runs.model_checks import check_alike


def parts_of(speakers: Sequence[str], count: int) -> np.ndarray:
    """Part of each row, int (N,). All rows of a speaker share one; speakers are dealt by size to the smallest part.

    Raises InputError for fewer speakers than parts.
    """
    sizes = Counter(speakers)
    if len(sizes) < count:
        reason = f"{len(sizes)} train speakers cannot be dealt into {count} parts"
        raise InputError("crossfit", reason, "give a smaller number, or leave it out")
    filled, part = [0] * count, {}
    for speaker, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        part[speaker] = int(np.argmin(filled))
        filled[part[speaker]] += size
    return np.array([part[speaker] for speaker in speakers])


def crossfitted(module, fold: Fold, originals: Rows, count: int, options: dict, checkpoint: Path, **supplied) -> Output:
    """Outputs for the original train rows, each from the model that was trained without its part.

    Augmented copies are in the part of their originals. checkpoint: folder of the checkpoints of all parts.
    """
    part = parts_of(list(fold.train.speakers), count)
    outputs, places = [], []
    for number in tqdm(range(count), "part", disable=None):
        held = np.flatnonzero(part[: len(originals)] == number)
        rows = without_labels(originals.take(held))
        others = replace(fold, train=fold.train.take(np.flatnonzero(part != number)), test=rows)
        trained = learn(module, others, options, checkpoint=checkpoint / str(number), **supplied)
        outputs.append(ask(module, trained, rows, options, **supplied))
        places.append(held)
    check_alike(outputs, module)
    return joined(outputs, np.argsort(np.concatenate(places)))


def joined(outputs: Sequence[Output], order: np.ndarray) -> Output:
    """The rows of all outputs in one, then in this order, int (N,)."""
    values = {}
    for name in ("probabilities", "embeddings", "gender", "dimensions"):
        arrays = [getattr(output, name) for output in outputs]
        values[name] = None if arrays[0] is None else np.concatenate(arrays)[order]
    extras = {name: _stacked([output.extras[name] for output in outputs], order) for name in outputs[0].extras}
    return Output(**values, extras=extras)


def _stacked(stores: list[Ragged], order: np.ndarray) -> Ragged:
    rows = [row for store in stores for row in store]
    return stack([rows[i] for i in order], stores)
