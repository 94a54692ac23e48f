"""Hold the `score` of a view to its contract, and turn its answer into the gate's table."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from types import ModuleType
from typing import NoReturn

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.gate import tables

CONTRACT = "AugmentedView in docs/contracts.md"


def lines(answer, module: ModuleType, rows: Sequence[Utterance]) -> list[dict[str, str]]:
    """Lines of the gate's table, one per row. Raises InputError if the answer of `score` breaks the contract."""
    if not isinstance(answer, Sequence):
        _refuse(module, f"gave {type(answer).__name__}, not a list")
    if len(answer) != len(rows):
        _refuse(module, f"gave scores of {len(answer)} rows, there are {len(rows)}")
    for row, scores in zip(rows, answer, strict=True):
        _check(row, scores, module)
    pairs = zip(rows, answer, strict=True)
    return [tables.line(r.utterance, {c: s[c] for c in module.COLUMNS}, s["reason"]) for r, s in pairs]


def _check(row: Utterance, scores, module: ModuleType) -> None:
    keys = {*module.COLUMNS, "reason"}
    if not isinstance(scores, Mapping):
        _refuse(module, f"gave {row.utterance!r} {scores!r:.80}, not a dict")
    if scores.keys() != keys:
        odd = min(scores.keys() ^ keys, key=str)
        _refuse(module, f"gave {row.utterance!r} {sorted(scores, key=str)}, where {odd!r} is too much or missing")
    for name in module.COLUMNS:
        if (value := scores[name]) is not None and not (isinstance(value, Real) and math.isfinite(value)):
            _refuse(module, f"gave {row.utterance!r} {value!r:.80} as {name}")
    if not isinstance(scores["reason"], str):
        _refuse(module, f"gave {row.utterance!r} the reason {scores['reason']!r:.80}, which is no text")


def _refuse(module: ModuleType, reason: str) -> NoReturn:
    remedy = f"return what COLUMNS names, and a reason, for each row; see {CONTRACT}"
    raise InputError(plugin.file_of(module), f"score() {reason}", remedy)
