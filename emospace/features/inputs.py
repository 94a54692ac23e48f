"""What an encoder reads beside the items of a view: the rate of their sound, and pretrained weights."""

import logging
from pathlib import Path
from types import ModuleType

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.sidecars import sample_rate
from emospace.features.embedding import rate_of
from emospace.weights.record import Weights


def read_rate(sidecar: Path, encoder: ModuleType) -> int | None:
    """Rate of a view's sound, Hz; None for other views. Raises InputError if the encoder takes another rate."""
    rate, taken = sample_rate(sidecar), rate_of(encoder)
    if rate and taken not in (None, rate):
        remedy = f"give the encoder a view of {taken} Hz: views: <name>: {{view: audio, sample_rate: {taken}}}"
        raise InputError(sidecar, f"the view has {rate} Hz, {plugin.file_of(encoder)} takes {taken}", remedy)
    return rate


def weights_facts(weights: Weights | None, used: bool) -> dict:
    """Facts of the weights for a sidecar. Random weights count only if they were used, that is if a row had an item."""
    if weights and weights.random and used:
        logging.info("random weights: %s (%s)", weights.name, weights.why)
    return {"weights": weights and weights.facts(), "random_weights": bool(used and weights and weights.random)}
