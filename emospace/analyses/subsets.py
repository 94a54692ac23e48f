"""How well a run does from every subset of its inputs: the stored models, shown the test rows without the rest."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.option_types import Count

OUTPUTS = ("subsets.csv",)
DEFAULT = True
GPU = True
PACKAGES = ("numpy", "scipy", "torch", "safetensors")
COLUMNS = ["inputs", "n", "present", "UA", "UA_lo", "UA_hi"]
STORED = 7  # digits of stored probabilities


def suits(model, inputs: Sequence[str]) -> bool:
    """Does the model cope with missing inputs, and is there one that can be missing?"""
    return getattr(model, "SUBSETS", False) and len(inputs) > 1


def analyse(run, out: Path, *, most: Count = 6) -> dict:
    """Write subsets.csv: inputs, tested rows, those that have any of these inputs, UA and its 95 % interval.

    most: up to so many inputs, the table has every subset; beyond, every input alone, every one left out, and all.
    The facts count the test rows, of all seeds, for which all inputs now give another class than training stored.
    """
    subsets = list(_subsets(run.inputs, most))
    probabilities, present = _applied(run, subsets)
    lines = [
        {
            "inputs": " ".join(subset),
            "n": len(run.truth.rows),
            "present": int(there.sum()),
            **_scored(run.measured(values)),
        }
        for subset, values, there in zip(subsets, probabilities, present, strict=True)
    ]
    records.write(out / OUTPUTS[0], COLUMNS, lines)
    again, stored = probabilities[-1].argmax(-1), run.predictions.probabilities.argmax(-1)
    return {"unlike stored": int((again != stored).sum()), "every subset": len(run.inputs) <= most}


def read(path: Path) -> list[dict]:
    """Lines of subsets.csv: `inputs` as a list, numbers as numbers, None for what is undefined."""
    return [_typed(line) for line in records.read(path, COLUMNS, exactly=True)]


def _typed(line: dict[str, str]) -> dict:
    numbers = {key: float(text) if text else None for key, text in line.items() if key != "inputs"}
    return numbers | {"inputs": line["inputs"].split()}


def _subsets(names: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    """Subsets that are not empty, the smallest first, all inputs last."""
    sizes = range(1, len(names) + 1) if len(names) <= most else sorted({1, len(names) - 1, len(names)})
    return chain.from_iterable(combinations(names, size) for size in sizes)


def _applied(run, subsets: list[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Of each subset: probabilities (seeds, N, C), and whether any input is there (N,). Rows as in `truth`."""
    size = len(run.truth.rows)
    found = np.full((len(subsets), len(run.seeds), size, len(run.classes)), np.nan)
    present = np.zeros((len(subsets), size), bool)
    for training in run.trainings if size else ():
        rows = run.rows(training).test
        where, seed = run.places(training), run.seeds.index(training.seed)
        for k, subset in enumerate(subsets):
            values = run.apply(training, rows, keep=subset).probabilities
            found[k, seed, where] = np.round(values.astype(float), STORED)
            present[k, where] |= run.present(rows, subset)
    return found, present


def _scored(found: dict) -> dict:
    """Cells of a metric with its interval; what is undefined is empty."""
    texts = {key: "" if found[key] is None else f"{found[key]:.6f}" for key in ("value", "lo", "hi")}
    return {"UA": texts["value"], "UA_lo": texts["lo"], "UA_hi": texts["hi"]}
