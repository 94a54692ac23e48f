"""Check the results of a model against its contract before they are written."""

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
WIDEST = 8  # bytes of the largest number type of safetensors
TOLERANCE = 1e-3  # for the sum of probabilities
NAME = re.compile(r"[a-z][a-z0-9_]*")


def _wrong(module: ModuleType, what: str, reason: str) -> InputError:
    return InputError(file_of(module), f"{what} {reason}", SEE)


# Trained -------------------------------------------------------------------------------------------------------


def checked_trained(returned, classes: Sequence[str], declared: Sequence[str], module: ModuleType) -> Trained:
    """Return the value of `train`, with facts normalised by JSON. Raises InputError if it violates the contract."""
    if not isinstance(returned, Trained):
        raise _wrong(module, "train()", f"returned {type(returned).__name__}, not emospace.core.data.Trained")
    for name, expected in TRAINED.items():
        _check_type(f"Trained.{name}", getattr(returned, name), expected, module)
    if list(returned.classes) != list(classes):
        raise _wrong(module, "Trained.classes", f"is {list(returned.classes)}, not the classes of the fold")
    _names("Trained.checkpoints", returned.checkpoints, declared, "checkpoints()", module)
    _state("Trained.state", returned.state, module)
    for name, state in returned.checkpoints.items():
        _state(f"Trained.checkpoints[{name!r}]", state, module)
    _history(returned.history, module)
    return replace(returned, classes=list(classes), facts=_facts(returned.facts, module))


def _check_type(what: str, value, expected: type, module: ModuleType) -> None:
    if not isinstance(value, expected):
        raise _wrong(module, what, f"is {type(value).__name__}, not a {expected.__name__.lower()}")


def _state(what: str, state, module: ModuleType) -> None:
    _check_type(what, state, Mapping, module)
    for name, value in state.items():
        _check_type(f"A name in {what}", name, str, module)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.dtype.itemsize > WIDEST:
            actual = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            raise _wrong(module, f"{what}[{name!r}]", f"is {actual}, not a numpy array of numbers")
        if value.dtype.kind == "f" and np.isnan(value).any():
            raise _wrong(module, f"{what}[{name!r}]", "holds NaN")


def _history(history, module: ModuleType) -> None:
    for number, line in enumerate(history, 1):
        _check_type(f"Trained.history, entry {number},", line, dict, module)
        if list(line) != list(history[0]) or not line:
            reason = f"has in entry {number} the columns {list(line)}, not {list(history[0])}"
            raise _wrong(module, "Trained.history", reason)
        for name, value in line.items():
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                reason = f"has in entry {number} {value!r} for {name}, which is no number"
                raise _wrong(module, "Trained.history", reason)


def _facts(facts, module: ModuleType) -> dict:
    try:
        return json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise _wrong(module, "Trained.facts", f"cannot be written as JSON ({error})") from error


# Output --------------------------------------------------------------------------------------------------------


def checked_output(returned, rows: int, classes: int, declared: Sequence[str], module: ModuleType) -> Output:
    """Return the value of `apply` as float32. Raises InputError if it violates the contract."""
    if not isinstance(returned, Output):
        raise _wrong(module, "apply()", f"returned {type(returned).__name__}, not emospace.core.data.Output")
    _check_type("Output.extras", returned.extras, Mapping, module)
    arrays = {"probabilities": _array("probabilities", returned.probabilities, (rows, classes), module)}
    for name, width in {"embeddings": None, "gender": 2, "dimensions": 3}.items():
        value = getattr(returned, name)
        arrays[name] = None if value is None else _array(name, value, (rows, width), module, name == "dimensions")
    if (present := arrays["embeddings"] is not None) != module.EMBEDDINGS:
        state = "holds an array" if present else "is None"
        raise _wrong(module, "Output.embeddings", f"{state}, but EMBEDDINGS is {module.EMBEDDINGS}")
    for name in ("probabilities", "gender"):
        if arrays[name] is not None:
            _distributions(name, arrays[name], module)
    _names("Output.extras", returned.extras, declared, "extras()", module)
    for name, value in returned.extras.items():
        _ragged(f"Output.extras[{name!r}]", value, rows, module)
    return Output(**arrays, extras={name: returned.extras[name] for name in declared})


def _array(name: str, value, shape: tuple, module: ModuleType, gaps: bool = False) -> np.ndarray:
    """Check an array and return it as float32. gaps: whether columns may be NaN in all rows."""
    what = f"Output.{name}"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        raise _wrong(module, what, f"is {type(value).__name__}, not a numpy array of numbers")
    if value.ndim != 2 or len(value) != shape[0] or shape[1] not in (None, value.shape[1]):
        expected = f"({shape[0]}, {'E' if shape[1] is None else shape[1]})"
        raise _wrong(module, what, f"has the shape {value.shape}, not {expected}")
    value = _single(value)
    required = value[:, _predicted(value)] if gaps else value
    if gaps and len(value) and not required.shape[1]:
        raise _wrong(module, what, "is NaN throughout; it must be None if the model predicts no dimension")
    if not np.isfinite(required).all():
        row = int(np.argwhere(~np.isfinite(required))[0][0])
        raise _wrong(module, what, f"holds values in row {row} that are not finite in float32")
    return value


def _predicted(dimensions: np.ndarray) -> np.ndarray:
    """Mask of the columns with a number in some row, bool (D,)."""
    return ~np.isnan(dimensions).all(0)


def _single(value: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which is reported
        return value.astype(np.float32, copy=False)


def _distributions(name: str, value: np.ndarray, module: ModuleType) -> None:
    invalid = (value < 0).any(1) | (np.abs(value.sum(1) - 1) > TOLERANCE)
    if invalid.any():
        row = int(np.flatnonzero(invalid)[0])
        raise _wrong(module, f"Output.{name}", f"has {value[row].tolist()} in row {row}, which is no distribution")


def _ragged(what: str, value, rows: int, module: ModuleType) -> None:
    if not isinstance(value, Ragged) or value.values.ndim != 2 or value.values.dtype.kind not in "iuf":
        raise _wrong(module, what, "is not a Ragged of rows (T, D)")
    if len(value) != rows:
        raise _wrong(module, what, f"has {len(value)} rows, not {rows}")
    if not np.isfinite(_single(value.values)).all():
        raise _wrong(module, what, "holds values that are not finite in float32")


def check_alike(outputs: Sequence[Output], module: ModuleType) -> None:
    """Raise InputError unless outputs of all sides have the same arrays and widths, since they share files."""
    for name in ("embeddings", "gender", "dimensions"):
        values = [getattr(output, name) for output in outputs]
        if len({None if value is None else value.shape[1] for value in values}) > 1:
            widths = ["nothing" if value is None else f"width {value.shape[1]}" for value in values]
            raise _wrong(module, f"Output.{name}", f"differs from one set of rows to another: {', '.join(widths)}")
    dimensions = [output.dimensions for output in outputs if output.dimensions is not None and len(output.dimensions)]
    if len({tuple(_predicted(value)) for value in dimensions}) > 1:
        raise _wrong(module, "Output.dimensions", "predicts different columns from one set of rows to another")
    for name in outputs[0].extras:
        values = [output.extras[name].values for output in outputs]
        if len(widths := {value.shape[1] for value in values if len(value)}) > 1:
            raise _wrong(module, f"Output.extras[{name!r}]", f"has rows of different widths, {sorted(widths)}")


# Names ---------------------------------------------------------------------------------------------------------


def _names(what: str, values: dict, declared: Sequence[str], function: str, module: ModuleType) -> None:
    for name in values:
        _check_type(f"A name in {what}", name, str, module)
    if extra := values.keys() - set(declared):
        raise _wrong(module, what, f"has {min(extra)!r}, which {function} does not name")
    if missing := set(declared) - values.keys():
        raise _wrong(module, what, f"lacks {min(missing)!r}, which {function} names")


def check_declared(what: str, names: Sequence[str], module: ModuleType, taken: Sequence[str] = ()) -> None:
    """Raise InputError during planning for names of extras or checkpoints that are not valid file names."""
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise _wrong(module, f"{what}()", f"gives {names!r}, not names of letters, digits and underscores")
    if len(set(names)) < len(names) or set(names) & set(taken):
        raise _wrong(module, f"{what}()", f"gives {list(names)!r}, with a name that is taken")
