"""Validate the stored states of a run without training: apply them to the test rows again and score them.

To validate a single trained run, request its file:
`snakemake results/<name>/analyses/<run>/validation/validation.csv`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from emospace.analyses.members import SCORES, averages
from emospace.core import plugin, records
from emospace.core.data import Trained
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.runs.applying import ask
from emospace.runs.run_files import read_state, read_trained

OUTPUTS = ("validation.csv",)
GPU = True
PACKAGES = ("numpy", "torch")
COLUMNS = ["state", "fold", "seed", "n", *SCORES, "unlike_stored"]


def analyse(run, out: Path, *, seed: int) -> dict:
    """Write a line per state and training: weighted averages, and the number of rows whose prediction has changed.

    The states are `model`, which made the stored predictions, and the run's checkpoints by name.
    """
    lines = [line for training in run.trainings for line in _lines(run, training)]
    records.write(out / OUTPUTS[0], COLUMNS, lines)
    unlike = sum(line["unlike_stored"] for line in lines if line["state"] == "model")
    return {"states": list(dict.fromkeys(line["state"] for line in lines)), "unlike_stored": unlike}


def _lines(run, training):
    rows, places = run.rows(training).test, run.places(training)
    recipe = read_json(training.folder / "run.json")["recipe"]
    stored, trained = (
        run.predictions.probabilities[run.seeds.index(training.seed), places],
        read_trained(training.folder),
    )
    names = plugin.declared(plugin.find("models", recipe["plugin"]), "checkpoints", recipe["options"])
    states = {"model": trained}
    for name in names:
        states[name] = replace(trained, state=read_state(training.folder / f"checkpoint.{name}.safetensors"))
    for name, one in states.items():
        predicted = _predicted(run, recipe, one, rows)
        scores = averages(run.truth.label[places], predicted, len(run.classes), "weighted")
        line = {"state": name, "fold": training.fold, "seed": training.seed, "n": len(rows)}
        line |= {score: f"{value:.4f}" for score, value in zip(SCORES, scores, strict=True)}
        yield line | {"unlike_stored": int((predicted != stored.argmax(-1)).sum())}


def _predicted(run, recipe: dict, trained: Trained, rows) -> np.ndarray:
    if missing := set(run.inputs) - rows.inputs.keys():
        raise InputError(run.name, f"the rows lack the input {min(missing)!r}", "supply all inputs of the run")
    module = plugin.find("models", recipe["plugin"])
    output = ask(module, trained, rows, recipe["options"], device=run.device, weights=run.weights)
    return output.probabilities.argmax(-1)
