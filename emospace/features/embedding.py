"""Encode the items of a view into a store of features. Items are streamed: only one window of them is in memory."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from emospace.core import plugin, store
from emospace.core.contracts import LoadedEncoder
from emospace.core.errors import InputError

RATE = 16_000  # Hz; required by encoders that neither set RATE nor take the option `rate`
EMPTY = np.empty((0, 0), np.float32)
CONTRACT = "fix the encoder; see LoadedEncoder in docs/contracts.md"


def rate_of(module: ModuleType) -> int | None:
    """Return the sample rate that an encoder requires, Hz; None if it takes any."""
    return module.RATE or (None if "rate" in inspect.signature(module.load).parameters else RATE)


def encode(
    items: Iterable, utterances: Sequence[str], load: Callable[[], LoadedEncoder], file: str
) -> Iterator[np.ndarray]:
    """Yield one matrix (T, D) per item, in order.

    Empty items give empty matrices; `load` is called at the first item that is not empty. file: of the encoder. Raises
    InputError, with the file and the utterance, for output that violates the contract LoadedEncoder.
    """
    pairs = zip(items, utterances, strict=True)
    for pair in pairs:
        if len(pair[0]):
            yield from _of_one_width(_windows(load(), chain([pair], pairs), file), file)
        else:
            yield EMPTY


def _windows(encoder: LoadedEncoder, pairs: Iterator, file: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (utterance, checked matrix) for each item."""
    size = getattr(encoder, "batch", LoadedEncoder.batch)
    while window := list(islice(pairs, size)):
        full = [(item, utterance) for item, utterance in window if len(item)]
        matrices = iter(_call(encoder, full, file) if full else ())
        yield from ((utterance, next(matrices) if len(item) else EMPTY) for item, utterance in window)


def _call(encoder: LoadedEncoder, pairs: list[tuple[Any, str]], file: str) -> list[np.ndarray]:
    items, utterances = ([*side] for side in zip(*pairs, strict=True))
    with plugin.blamed(file, f"the encoder, called with {utterances[0]!r} to {utterances[-1]!r},", CONTRACT):
        rows = encoder(items, utterances)
    count = len(rows) if hasattr(rows, "__len__") else None
    if count != len(items):
        reason = f"it returned {type(rows).__name__ if count is None else count} for {len(items)} items"
        raise InputError(file, f"{reason}, {utterances[0]!r} to {utterances[-1]!r}", CONTRACT)
    return [_matrix(row, utterance, file) for row, utterance in zip(rows, utterances, strict=True)]


def _matrix(row: Any, utterance: str, file: str) -> np.ndarray:
    """Return the row as float32; raise InputError unless it is a matrix of finite floats."""
    kind, shape = getattr(getattr(row, "dtype", None), "kind", ""), getattr(row, "shape", ())
    if kind != "f" or len(shape) != 2:
        returned = f"{row.dtype} of shape {shape}" if kind else type(row).__name__
        raise InputError(file, f"for {utterance!r} it returned {returned}, not floats of shape (T, D)", CONTRACT)
    matrix = np.asarray(row, np.float32)
    if not np.isfinite(matrix).all():
        remedy = f"inspect the input of that utterance; if it is valid, {CONTRACT}"
        raise InputError(file, f"for {utterance!r} it returned values that are not finite", remedy)
    return matrix


def _of_one_width(rows: Iterable[tuple[str, np.ndarray]], file: str) -> Iterator[np.ndarray]:
    """Yield the matrices; raise InputError at the first one whose width differs from the first width."""
    first, width = "", 0
    for utterance, matrix in rows:
        if len(matrix) and not width:
            first, width = utterance, matrix.shape[1]
        if len(matrix) and (not width or matrix.shape[1] != width):
            reason = f"for {utterance!r} it returned the width {matrix.shape[1]}"
            raise InputError(file, f"{reason}, for {first!r} {width}" if width else reason, CONTRACT)
        yield matrix if len(matrix) else EMPTY


def check_loaded(encoder: Any, file: str) -> dict:
    """Return the facts of a loaded encoder, {} by default. Raises InputError if it violates LoadedEncoder."""
    try:
        inspect.signature(encoder).bind([], [])
    except (TypeError, ValueError) as error:
        reason = f"the result of load() cannot be called with (items, utterances): {error}"
        raise InputError(file, reason, CONTRACT) from error
    size = getattr(encoder, "batch", LoadedEncoder.batch)
    if type(size) is not int or size < 1:
        raise InputError(file, f"batch is {size!r}, not a positive integer", CONTRACT)
    facts = getattr(encoder, "facts", LoadedEncoder.facts)
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(file, f"facts cannot be written as JSON ({error})", CONTRACT) from error
    if not isinstance(facts, dict):
        raise InputError(file, f"facts is a {type(facts).__name__}, not a dict", CONTRACT)
    if not isinstance(facts.get("layers", [0]), list) or not facts.get("layers", [0]):
        raise InputError(file, f"facts['layers'] is {facts['layers']!r}, not a list of layers", CONTRACT)
    return dict(facts)


def count_layers(encoding: dict | None, dim: int, file: str) -> int | None:
    """Return the number of layers side by side in a width `dim`, from the facts of an encoder; None without facts.

    Raises InputError if the width is no multiple of it.
    """
    if encoding is None:
        return None
    layers = len(encoding.get("layers", [0]))
    if dim % layers:
        raise InputError(file, f"it names {layers} layers, but its features have the width {dim}", CONTRACT)
    return layers


def write_store(path: Path, matrices: Iterable[np.ndarray]) -> dict:
    """Write a store; return its shape as facts. If no row has a step, the width is unknown and stored as 0."""
    rows, steps = store.write(path, matrices, dtype=np.float32)
    if not steps:
        store.write(path, [EMPTY] * rows, dtype=np.float32, dim=0)
    written = store.Ragged.open(path, rows)
    missing = int((written.lengths == 0).sum())
    return {"dtype": "float32", "rows": rows, "steps": steps, "dim": written.values.shape[1], "missing": missing}
