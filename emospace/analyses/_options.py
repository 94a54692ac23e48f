"""Checks of options that several analyses have."""

from emospace.core import plugin
from emospace.core.errors import InputError


def check_metric(metric: str) -> None:
    """Raise InputError for a metric that does not exist."""
    if metric not in plugin.names("metrics"):
        raise InputError("metric", f"there is no metric {metric!r}", plugin.suggest(metric, plugin.names("metrics")))
