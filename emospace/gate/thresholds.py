"""The quality gate: what of an augmented view may be trained on. Scores first, then verdicts.

The `score` of a view, which its module brings, looks at a part, not at labels or folds. Here is what all views share:
`_probe.py` tells, per fold and by its train rows alone, how far the copies still carry their parents' labels;
`tables.py` writes both down and reads it again.
"""

from emospace.core import plugin
from emospace.gate import tables


def thresholds(module: str, options: dict, where: str = "gate") -> tuple[dict, dict]:
    """Part the options of `gate: <view>` into those of its scores and those of its verdicts per fold.

    module: of the view. They are the keyword arguments of its `score` and of `tables.verdict_of`. Raises InputError,
    which names the place `where` in the config, for an unknown view or option, or a wrong value.
    """
    found = plugin.find("views", module)
    verdicts = [tables.verdict_of] if found.PROBE else []
    plugin.settings([found.score, *verdicts], options, where, "the gate", files=found.STEPS)
    judging = {option for function in verdicts for option in plugin.options_of(function)}
    scoring = {option: value for option, value in options.items() if option not in judging}
    return scoring, {option: options[option] for option in options if option in judging}
