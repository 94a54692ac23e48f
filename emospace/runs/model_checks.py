"""Hold what a model returns to its contract, before any of it is written."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np

from emospace.core.data import Output, Trained
from emospace.core.errors import InputError
from emospace.core.plugin import file_of
from emospace.core.store import Ragged

SEE = "see Model in docs/contracts.md"
TRAINED = {"state": Mapping, "classes": Sequence, "history": Sequence, "facts": dict, "checkpoints": Mapping}
WIDEST = 8  # bytes of a number that safetensors can hold
TOLERANCE = 1e-3  # of the sum of probabilities
NAME = re.compile(r"[a-z][a-z0-9_]*")


def _wrong(module: ModuleType, what: str, reason: str) -> InputError:
    return InputError(file_of(module), f"{what} {reason}", SEE)


# Trained -------------------------------------------------------------------------------------------------------


def checked_trained(found, classes: Sequence[str], declared: Sequence[str], module: ModuleType) -> Trained:
    """What `train` returned, with its facts as JSON reads them. Raises InputError for what the contract forbids."""
    if not isinstance(found, Trained):
        raise _wrong(module, "train()", f"returned {type(found).__name__}, not emospace.core.data.Trained")
    for name, kind in TRAINED.items():
        _kind(f"Trained.{name}", getattr(found, name), kind, module)
    if list(found.classes) != list(classes):
        raise _wrong(module, "Trained.classes", f"is {list(found.classes)}, not the classes of the fold")
    _names("Trained.checkpoints", found.checkpoints, declared, "checkpoints()", module)
    _state("Trained.state", found.state, module)
    for name, state in found.checkpoints.items():
        _state(f"Trained.checkpoints[{name!r}]", state, module)
    _history(found.history, module)
    return replace(found, classes=list(classes), facts=_facts(found.facts, module))


def _kind(what: str, value, kind: type, module: ModuleType) -> None:
    if not isinstance(value, kind):
        raise _wrong(module, what, f"is {type(value).__name__}, not a {kind.__name__.lower()}")


def _state(what: str, state, module: ModuleType) -> None:
    _kind(what, state, Mapping, module)
    for name, value in state.items():
        _kind(f"A name in {what}", name, str, module)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.dtype.itemsize > WIDEST:
            kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            raise _wrong(module, f"{what}[{name!r}]", f"is {kind}, not a numpy array of numbers")
        if value.dtype.kind == "f" and np.isnan(value).any():
            raise _wrong(module, f"{what}[{name!r}]", "holds NaN")


def _history(history, module: ModuleType) -> None:
    for number, line in enumerate(history, 1):
        _kind(f"Trained.history, entry {number},", line, dict, module)
        if list(line) != list(history[0]) or not line:
            told = f"has in entry {number} the columns {list(line)}, not {list(history[0])}"
            raise _wrong(module, "Trained.history", told)
        for name, value in line.items():
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                told = f"has in entry {number} {value!r} for {name}, which is no number"
                raise _wrong(module, "Trained.history", told)


def _facts(facts, module: ModuleType) -> dict:
    try:
        return json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise _wrong(module, "Trained.facts", f"cannot be written as JSON ({error})") from error


# Output --------------------------------------------------------------------------------------------------------


def checked_output(found, rows: int, classes: int, declared: Sequence[str], module: ModuleType) -> Output:
    """What `apply` returned, in float32. Raises InputError for what the contract forbids."""
    if not isinstance(found, Output):
        raise _wrong(module, "apply()", f"returned {type(found).__name__}, not emospace.core.data.Output")
    _kind("Output.extras", found.extras, Mapping, module)
    arrays = {"probabilities": _array("probabilities", found.probabilities, (rows, classes), module)}
    for name, width in {"embeddings": None, "gender": 2, "dimensions": 3}.items():
        value = getattr(found, name)
        arrays[name] = None if value is None else _array(name, value, (rows, width), module, name == "dimensions")
    if (given := arrays["embeddings"] is not None) != module.EMBEDDINGS:
        told = "holds an array" if given else "is None"
        raise _wrong(module, "Output.embeddings", f"{told}, and EMBEDDINGS is {module.EMBEDDINGS}")
    for name in ("probabilities", "gender"):
        if arrays[name] is not None:
            _distributions(name, arrays[name], module)
    _names("Output.extras", found.extras, declared, "extras()", module)
    for name, value in found.extras.items():
        _ragged(f"Output.extras[{name!r}]", value, rows, module)
    return Output(**arrays, extras={name: found.extras[name] for name in declared})


def _array(name: str, value, shape: tuple, module: ModuleType, gaps: bool = False) -> np.ndarray:
    """gaps: may a column be NaN in all rows?"""
    what = f"Output.{name}"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        raise _wrong(module, what, f"is {type(value).__name__}, not a numpy array of numbers")
    if value.ndim != 2 or len(value) != shape[0] or shape[1] not in (None, value.shape[1]):
        wanted = f"({shape[0]}, {'E' if shape[1] is None else shape[1]})"
        raise _wrong(module, what, f"has the shape {value.shape}, not {wanted}")
    value = _single(value)
    held = value[:, _predicted(value)] if gaps else value
    if gaps and len(value) and not held.shape[1]:
        raise _wrong(module, what, "is NaN throughout; it must be None where the model predicts none")
    if not np.isfinite(held).all():
        row = int(np.argwhere(~np.isfinite(held))[0][0])
        raise _wrong(module, what, f"holds values in row {row} that are not finite in float32")
    return value


def _predicted(dimensions: np.ndarray) -> np.ndarray:
    """Which columns are not NaN in all rows, bool (D,)."""
    return ~np.isnan(dimensions).all(0)


def _single(value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # too large a number becomes infinite, and is told of as such
        return value.astype(np.float32, copy=False)


def _distributions(name: str, value: np.ndarray, module: ModuleType) -> None:
    bad = (value < 0).any(1) | (np.abs(value.sum(1) - 1) > TOLERANCE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise _wrong(module, f"Output.{name}", f"has {value[row].tolist()} in row {row}, which is no distribution")


def _ragged(what: str, value, rows: int, module: ModuleType) -> None:
    if not isinstance(value, Ragged) or value.values.ndim != 2 or value.values.dtype.kind not in "iuf":
        raise _wrong(module, what, "is not a Ragged of rows (T, D)")
    if len(value) != rows:
        raise _wrong(module, what, f"has {len(value)} rows, not {rows}")
    if not np.isfinite(_single(value.values)).all():
        raise _wrong(module, what, "holds values that are not finite in float32")


def check_alike(found: Sequence[Output], module: ModuleType) -> None:
    """Raise InputError unless a model gives the same outputs, of the same width, for all sides: they share files."""
    for name in ("embeddings", "gender", "dimensions"):
        values = [getattr(output, name) for output in found]
        if len({None if value is None else value.shape[1] for value in values}) > 1:
            told = ["nothing" if value is None else f"width {value.shape[1]}" for value in values]
            raise _wrong(module, f"Output.{name}", f"differs from one set of rows to another: {', '.join(told)}")
    dimensions = [output.dimensions for output in found if output.dimensions is not None and len(output.dimensions)]
    if len({tuple(_predicted(value)) for value in dimensions}) > 1:
        raise _wrong(module, "Output.dimensions", "has other columns without NaN from one set of rows to another")
    for name in found[0].extras:
        values = [output.extras[name].values for output in found]
        if len(widths := {value.shape[1] for value in values if len(value)}) > 1:
            raise _wrong(module, f"Output.extras[{name!r}]", f"has rows of the widths {sorted(widths)}, not of one")


# Names ---------------------------------------------------------------------------------------------------------


def _names(what: str, found: dict, declared: Sequence[str], function: str, module: ModuleType) -> None:
    for name in found:
        _kind(f"A name in {what}", name, str, module)
    if odd := found.keys() - set(declared):
        raise _wrong(module, what, f"has {min(odd)!r}, which {function} does not name")
    if odd := set(declared) - found.keys():
        raise _wrong(module, what, f"lacks {min(odd)!r}, which {function} names")


def check_declared(what: str, names: Sequence[str], module: ModuleType, taken: Sequence[str] = ()) -> None:
    """Raise InputError, when planned, for names of extras or checkpoints that cannot be names of files."""
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise _wrong(module, f"{what}()", f"gives {names!r}, not names of letters, digits and underscores")
    if len(set(names)) < len(names) or set(names) & set(taken):
        raise _wrong(module, f"{what}()", f"gives {list(names)!r}, with a name that is taken")
