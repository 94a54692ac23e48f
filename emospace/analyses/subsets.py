"""Score a run on every subset of its inputs: its stored models see the test rows with the other inputs hidden."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.option_types import Count, NamedRuns
from emospace.runs.run_inputs import of_rows

OUTPUTS = ("subsets.csv",)
DEFAULT = True
GPU = True
PACKAGES = ("numpy", "scipy", "torch", "safetensors")
ALONE = ["alone", "alone_UA", "alone_lo", "alone_hi", "difference", "difference_lo", "difference_hi"]
COLUMNS = ["inputs", "n", "present", "UA", "UA_lo", "UA_hi", *ALONE]
UA = COLUMNS[3:6]
TEXTS = ("inputs", "alone")  # columns
STORED_DECIMALS = 7  # of stored probabilities


def suits(model, inputs: Sequence[str]) -> bool:
    """Whether the model accepts missing inputs and reads more than one."""
    return getattr(model, "SUBSETS", False) and len(inputs) > 1


def check_others(run: Mapping, others: Sequence[Mapping]) -> None:
    """Raise InputError unless the runs of `alone` share protocol and seeds with `run` and read subsets of its inputs.

    Each subset may occur once.
    """
    option, readers = "alone", {}
    for other in others:
        names, reads = f"{other['name']!r} and {run['name']!r}", frozenset(of_rows(other["inputs"]))
        for key, remedy in {"protocol": "name runs of one protocol", "seeds": "give both runs the same seeds"}.items():
            if other[key] != run[key]:
                raise InputError(option, f"the {key} of {names} differ: {other[key]!r} and {run[key]!r}", remedy)
        if not reads < {*of_rows(run["inputs"])}:
            reason = f"{other['name']!r} does not read a subset of the inputs of {run['name']!r}"
            raise InputError(option, reason, f"name runs that read some of {', '.join(run['inputs'])}, or set `runs`")
        if reads in readers:
            reason = f"{readers[reads]!r} and {other['name']!r} read the same inputs"
            raise InputError(option, reason, "name one of them")
        readers[reads] = other["name"]


def analyse(run, out: Path, *, most: Count = 6, alone: NamedRuns = ()) -> dict:
    """Write subsets.csv: inputs, number of test rows, rows with any of these inputs, UA and its 95 % interval.

    most: with up to that many inputs, the table has every subset; with more, single inputs, all but one, and all.
    alone: runs that were trained on a subset of the inputs, on the same protocol and seeds. The line of that subset
    gives the run, its UA, and the paired difference: the analysed run restricted to the subset minus that run.
    The facts count the test rows of all seeds for which all inputs now give another class than training stored.
    """
    trained = {_inputs(run, run.others[name].inputs): run.others[name] for name in alone}
    subsets = _with(list(_subsets(run.inputs, most)), trained)
    probabilities, present = _applied(run, subsets)
    lines = [
        {
            "inputs": " ".join(subset),
            "n": len(run.truth.rows),
            "present": int(rows.sum()),
            **dict(zip(UA, _cells(run.measured(values)), strict=True)),
            **(_beside(run, values, trained[subset]) if subset in trained else {}),
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
    numbers = {key: float(text) if text else None for key, text in line.items() if key not in TEXTS}
    return numbers | {"inputs": line["inputs"].split(), "alone": line["alone"]}


def _inputs(run, names: Iterable[str]) -> tuple[str, ...]:
    """These inputs of a run in its order."""
    return tuple(name for name in run.inputs if name in names)


def _with(subsets: list[tuple[str, ...]], more: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The subsets and those that `most` left out, all inputs last."""
    return [*subsets[:-1], *(subset for subset in more if subset not in subsets), subsets[-1]]


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


def _beside(run, probabilities: np.ndarray, other) -> dict:
    """Columns ALONE: another run, its UA, and the paired difference from it. probabilities: (seeds, N, C)."""
    stored = other.predictions.probabilities
    cells = [*_cells(other.measured(stored)), *_cells(run.difference(probabilities, stored), "difference")]
    return dict(zip(ALONE, [other.name, *cells], strict=True))


def _cells(result: dict, value: str = "value") -> list[str]:
    """A value and its interval, "" where undefined."""
    return ["" if result[key] is None else f"{result[key]:.6f}" for key in (value, "lo", "hi")]
