"""Install metrics for a test beside those of the project, as if each had a file of its own."""

from types import SimpleNamespace

import numpy as np

from emospace.core import contracts, plugin


def plant(monkeypatch, name: str, **attributes) -> None:
    """Make `plugin.find` return a metric with these attributes, after checking it against the contract."""
    module = SimpleNamespace(**{"TITLE": name} | attributes)
    plugin.hold(module, contracts.Metric, f"emospace/evaluation/metrics/{name}.py")
    found = plugin.find
    monkeypatch.setattr(plugin, "find", lambda kind, n: module if (kind, n) == ("metrics", name) else found(kind, n))


def ones(truth, predicted) -> np.ndarray:
    return np.ones((len(truth.label), 1))


def constant(value: float):
    """Return a metric function `value` that ignores its sums and returns one number."""
    return lambda sums: np.full(sums.shape[:-1], value)
