"""Time two ways of doing one thing fairly: in turn, in one process, the best of three."""

import time
from collections.abc import Callable


def compare(naive: Callable, ours: Callable, repeats: int = 3) -> tuple[float, float]:
    """Best seconds of each, interleaved, so that a busy moment of the machine hits both."""
    best = [float("inf"), float("inf")]
    for _ in range(repeats):
        for i, work in enumerate((naive, ours)):
            start = time.perf_counter()
            work()
            best[i] = min(best[i], time.perf_counter() - start)
    return best[0], best[1]
