"""Thresholds of the gate in the config: some belong to a view's scores, others to the verdicts per fold."""

from emospace.core import plugin
from emospace.gate import tables


def thresholds(module: str, options: dict, where: str = "gate") -> tuple[dict, dict]:
    """Split the options of `gate: <view>` into those of its scores and those of its verdicts per fold.

    module: name of the view's module. The options are keyword arguments of its `score` and of `tables.verdict_of`.
    Raises InputError, which names the place `where` in the config, for an unknown view or option, or an invalid value.
    """
    view = plugin.find("views", module)
    verdicts = [tables.verdict_of] if view.PROBE else []
    plugin.settings([view.score, *verdicts], options, where, "the gate", files=view.STEPS)
    of_verdicts = {option for function in verdicts for option in plugin.options_of(function)}
    of_scores = {option: value for option, value in options.items() if option not in of_verdicts}
    return of_scores, {option: options[option] for option in options if option in of_verdicts}
