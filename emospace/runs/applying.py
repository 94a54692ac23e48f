"""Apply a trained model, just fitted or stored by a run, to any rows."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from emospace.core import plugin
from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.plugin import file_of
from emospace.core.provenance import canonical, read_json
from emospace.runs.model_checks import SEE, check_alike, checked_output, checked_trained
from emospace.runs.run_files import read_trained
from emospace.runs.run_inputs import of_rows
from emospace.weights.record import Weights, open_weights


def apply(
    folder: Path,
    rows: Rows,
    *,
    device: str = "cpu",
    keep: Collection[str] | None = None,
    weights: Weights | None = None,
) -> Output:
    """Predict any rows with the model in a run's folder <fold>-<seed>; on the CPU, reproducible to the bit.

    keep: names of the inputs to use, all by default; only for models with SUBSETS. weights: the pretrained weights of
    the run, by default those in weights/. Raises InputError for missing or unknown inputs.
    """
    recipe = read_json(Path(folder) / "run.json")["recipe"]
    module = plugin.find("models", recipe["plugin"])
    inputs = of_rows(recipe["inputs"])
    if missing := set(inputs) - rows.inputs.keys():
        raise InputError(folder, f"the rows lack the input {min(missing)!r}", "supply all inputs of the run")
    if keep is not None:
        rows = rows.hiding(_hidden(folder, module, inputs, keep))
    if module.WEIGHTS and weights is None:
        weights = open_weights(Path("weights") / recipe["weights"])
    return ask(module, read_trained(folder), rows, recipe["options"], device=device, weights=weights)


def _hidden(folder: Path, module: ModuleType, inputs: Sequence[str], keep: Collection[str]) -> set[str]:
    """The inputs to hide. Raises InputError for an unknown input, none at all, or a model that needs all."""
    if unknown := set(keep) - set(inputs):
        raise InputError(folder, f"the model has no input {min(unknown)!r}", f"it has {', '.join(inputs)}")
    if not keep:
        raise InputError(folder, "no input is kept", f"keep one of {', '.join(inputs)}")
    hidden = set(inputs) - set(keep)
    if hidden and not module.SUBSETS:
        raise InputError(
            folder,
            f"{plugin.file_of(module)} needs all its inputs",
            f"only models with SUBSETS work without some; {SEE}",
        )
    return hidden


def learn(module: ModuleType, fold: Fold, options: dict, **supplied) -> Trained:
    """Train a model and check the result against its contract. supplied: seed, checkpoint, weights, device."""
    supplied["checkpoint"].mkdir(parents=True, exist_ok=True)
    trained = _called(module, "train", (fold,), options | plugin.offered(module.train, **supplied))
    return checked_trained(trained, fold.classes, plugin.declared(module, "checkpoints", options), module)


def ask(module: ModuleType, trained: Trained, rows: Rows, options: dict, **supplied) -> Output:
    """Apply a model and check the output against its contract. supplied: device, weights.

    The model receives only what a stored run and new rows have: no labels, no history, no checkpoints, and facts as
    JSON returns them (sorted keys, no tuples).
    """
    facts = json.loads(canonical(trained.facts))
    trained, rows = replace(trained, facts=facts, history=[], checkpoints={}), without_labels(rows)
    output = _called(module, "apply", (trained, rows), plugin.offered(module.apply, **supplied))
    return checked_output(output, len(rows), len(trained.classes), plugin.declared(module, "extras", options), module)


def ask_sides(module: ModuleType, trained: Trained, sides: Mapping[str, Rows], options: dict, **supplied):
    """Apply a model to several sides: side -> (rows, output). Raises InputError unless each output fits one file."""
    outputs = {side: (rows, ask(module, trained, rows, options, **supplied)) for side, rows in sides.items()}
    check_alike([output for _, output in outputs.values()], module)
    return outputs


def without_labels(rows: Rows) -> Rows:
    """The rows without labels, gender and ratings, as for test rows."""
    unknown, vad = np.full(len(rows), -1, np.int64), np.full((len(rows), 3), np.nan, np.float32)
    return replace(rows, label=unknown, gender=unknown.copy(), vad=vad)


def _called(module: ModuleType, function: str, arguments: tuple, options: dict):
    """Call a function of a model; an exception other than InputError becomes one that names the model's file."""
    with plugin.blamed(file_of(module), f"{function}()", f"the log has the traceback; {SEE}"):
        return getattr(module, function)(*arguments, **options)
