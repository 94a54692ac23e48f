"""Metrics that a test plants beside those of the project, as if each were a file of its own."""

from types import SimpleNamespace

import numpy as np

from emospace.core import contracts, plugin


def plant(monkeypatch, name: str, **attributes) -> None:
    """Let `plugin.find` give a metric with these attributes, held to its contract."""
    module = SimpleNamespace(**{"TITLE": name} | attributes)
    plugin.hold(module, contracts.Metric, f"emospace/evaluation/metrics/{name}.py")
    found = plugin.find
    monkeypatch.setattr(plugin, "find", lambda kind, n: module if (kind, n) == ("metrics", name) else found(kind, n))


def ones(truth, predicted) -> np.ndarray:
    return np.ones((len(truth.label), 1))


def constant(value: float):
    """A function `value` that gives one number whatever the sums."""
    return lambda sums: np.full(sums.shape[:-1], value)
