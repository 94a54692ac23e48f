"""Apply a run to the train rows of its own fold, for a second stage that learns from what it says of them.

Either the stored model, which has learnt from these very rows (in-sample: it is surer of them than of others), or, with
`crossfit: K`, K models of the same options, each of which has learnt from the speakers of the other parts only.
"""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emospace.core.data import Fold, Output, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged, stack
from emospace.runs.applying import apply, ask, learn, without_labels
from emospace.runs.model_checks import check_alike
from emospace.runs.run_files import write_outputs
from workflow_scripts import _fold
from workflow_scripts._command import run


def parts_of(speakers: list[str], count: int) -> np.ndarray:
    """Part of each row, int (N,): all rows of a speaker in one, the largest speakers dealt first to the smallest part.

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


def crossfitted(module, fold: Fold, originals: Rows, count: int, options: dict, checkpoint: Path, **given) -> Output:
    """What models say of the rows that they have not learnt from. Augmented copies go where their originals go."""
    part = parts_of(list(fold.train.speakers), count)
    outputs, places = [], []
    for number in tqdm(range(count), "part", disable=None):
        held = np.flatnonzero(part[: len(originals)] == number)
        rows = without_labels(originals.take(held))
        others = replace(fold, train=fold.train.take(np.flatnonzero(part != number)), test=rows)
        trained = learn(module, others, options, checkpoint=checkpoint / str(number), **given)
        outputs.append(ask(module, trained, rows, options, **given))
        places.append(held)
    check_alike(outputs, module)
    return joined(outputs, np.argsort(np.concatenate(places)))


def joined(outputs: list[Output], order: np.ndarray) -> Output:
    """Outputs one after another, then in this order."""
    found = {}
    for name in ("probabilities", "embeddings", "gender", "dimensions"):
        values = [getattr(output, name) for output in outputs]
        found[name] = None if values[0] is None else np.concatenate(values)[order]
    extras = {name: _stacked([output.extras[name] for output in outputs], order) for name in outputs[0].extras}
    return Output(**found, extras=extras)


def _stacked(stores: list[Ragged], order: np.ndarray) -> Ragged:
    rows = [row for store in stores for row in store]
    return stack([rows[i] for i in order], stores)


def job(args, recipe):
    fold, sources, module = _fold.read(args, recipe), _fold.sources(args), _fold.model_of(recipe)
    given, options, stored = _fold.supplied(args, module), recipe["options"], args.out.parent
    originals = fold.train.take(np.flatnonzero(fold.train.parent < 0))
    checkpoint = _fold.checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    if count := recipe["crossfit"]:
        output = crossfitted(module, fold, originals, count, options, checkpoint, seed=args.seed, **given)
    else:
        output = apply(stored, originals, **given)
    outputs = write_outputs(args.out, fold.classes, {"train": (originals, output)})
    facts = {"in_sample": not count} | _fold.inherited(sources)
    _fold.finish(args.out / "apply.json", args, recipe, outputs, stored / "run.json", **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    run(_fold.parser(__doc__), job)


if __name__ == "__main__":
    main()
