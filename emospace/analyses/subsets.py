"""Score a run on every subset of its inputs: its stored models see the test rows with the other inputs hidden."""

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
STORED_DECIMALS = 7  # of stored probabilities


def suits(model, inputs: Sequence[str]) -> bool:
    """Whether the model accepts missing inputs and reads more than one."""
    return getattr(model, "SUBSETS", False) and len(inputs) > 1


def analyse(run, out: Path, *, most: Count = 6) -> dict:
    """Write subsets.csv: inputs, number of test rows, rows with any of these inputs, UA and its 95 % interval.

    most: with up to that many inputs, the table has every subset; with more, single inputs, all but one, and all.
    The facts count the test rows of all seeds for which all inputs now give another class than training stored.
    """
    subsets = list(_subsets(run.inputs, most))
    probabilities, present = _applied(run, subsets)
    lines = [
        {
            "inputs": " ".join(subset),
            "n": len(run.truth.rows),
            "present": int(rows.sum()),
            **_cells(run.measured(values)),
        }
        for subset, values, rows in zip(subsets, probabilities, present, strict=True)
    ]
    records.write(out / OUTPUTS[0], COLUMNS, lines)
    applied, stored = probabilities[-1].argmax(-1), run.predictions.probabilities.argmax(-1)
    return {"unlike stored": int((applied != stored).sum()), "every subset": len(run.inputs) <= most}


def read(path: Path) -> list[dict]:
    """Lines of subsets.csv: `inputs` as a list, numbers parsed, None where undefined."""
    return [_typed(line) for line in records.read(path, COLUMNS, exactly=True)]


def _typed(line: dict[str, str]) -> dict:
    numbers = {key: float(text) if text else None for key, text in line.items() if key != "inputs"}
    return numbers | {"inputs": line["inputs"].split()}


def _subsets(names: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    """Non-empty subsets by size, all inputs last."""
    sizes = range(1, len(names) + 1) if len(names) <= most else sorted({1, len(names) - 1, len(names)})
    return chain.from_iterable(combinations(names, size) for size in sizes)


def _applied(run, subsets: list[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Per subset: probabilities (seeds, N, C), and whether a row has any of the inputs (N,). Rows as in `truth`."""
    size = len(run.truth.rows)
    probabilities = np.full((len(subsets), len(run.seeds), size, len(run.classes)), np.nan)
    present = np.zeros((len(subsets), size), bool)
    for training in run.trainings if size else ():
        rows = run.rows(training).test
        places, seed = run.places(training), run.seeds.index(training.seed)
        for k, subset in enumerate(subsets):
            values = run.apply(training, rows, keep=subset).probabilities
            probabilities[k, seed, places] = np.round(values.astype(float), STORED_DECIMALS)
            present[k, places] |= run.present(rows, subset)
    return probabilities, present


def _cells(result: dict) -> dict:
    """Cells of UA with its interval, "" where undefined."""
    texts = {key: "" if result[key] is None else f"{result[key]:.6f}" for key in ("value", "lo", "hi")}
    return {"UA": texts["value"], "UA_lo": texts["lo"], "UA_hi": texts["hi"]}
