"""States of a network over time -> steps of a feature."""

import math

import numpy as np

from emospace.core.errors import InputError


def states_a_step(states: float, per_second: float, encoder: str) -> int:
    """How many states one step is the mean of. states: per second, of the network.

    Raises InputError, naming the encoder, unless it is a whole number.
    """
    ratio = states / per_second
    if ratio < 1 or not math.isclose(ratio, round(ratio), rel_tol=1e-6):
        reason = f"per_second is {per_second:g}, and the network has {states:g} states a second"
        fitting = ", ".join(f"{states / k:g}" for k in (1, 2, 4, 5, 10))
        raise InputError(f"encoder {encoder}", reason, f"divide that by a whole number: {fitting}, ...")
    return round(ratio)


def pooled(states: np.ndarray, pool: int) -> np.ndarray:
    """Means of `pool` states each, of the last ones as many as are left: float32 (ceil(T / pool), D)."""
    edges = np.arange(0, len(states), pool)
    counts = np.diff(np.append(edges, len(states)))
    return (np.add.reduceat(states, edges, axis=0) / counts[:, None]).astype(np.float32)
