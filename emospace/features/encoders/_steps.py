"""Pool the states of a network over time into the steps of a feature."""

import math

import numpy as np

from emospace.core.errors import InputError


def states_per_step(states: float, per_second: float, encoder: str) -> int:
    """Return the number of states per step. states: of the network, per second. per_second: steps.

    Raises InputError, with the name of the encoder, unless it is a whole number.
    """
    ratio = states / per_second
    if ratio < 1 or not math.isclose(ratio, round(ratio), rel_tol=1e-6):
        reason = f"per_second is {per_second:g}, but the network has {states:g} states per second"
        divisors = ", ".join(f"{states / k:g}" for k in (1, 2, 4, 5, 10))
        raise InputError(f"encoder {encoder}", reason, f"divide the latter by a whole number: {divisors}, ...")
    return round(ratio)


def pooled(states: np.ndarray, pool: int) -> np.ndarray:
    """Return means over `pool` states, the last over the remaining ones: float32 (ceil(T / pool), D)."""
    edges = np.arange(0, len(states), pool)
    counts = np.diff(np.append(edges, len(states)))
    return (np.add.reduceat(states, edges, axis=0) / counts[:, None]).astype(np.float32)
