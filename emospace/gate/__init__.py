"""The quality gate: what of an augmented view may be trained on. One module per view, scores first, then verdicts.

`emospace/gate/<view>.py` scores a part, without a look at labels or folds. `_probe.py` tells, per fold and by its train
rows alone, how far the copies still carry their parents' labels. `_tables.py` writes both down.
"""

from emospace import plugin
from emospace.gate import _tables


def thresholds(view: str, options: dict, where: str = "gate") -> tuple[dict, dict]:
    """Part the options of `gate: <view>` into those of its scores and those of its verdicts per fold.

    They are the keyword arguments of the view's `score` and of `_tables.judge`. Raises InputError, which names the
    place `where` in the config, for an unknown view or option, or a wrong value.
    """
    module = plugin.find("gate", view)
    scoring, judging = plugin.options_of(module.score), plugin.options_of(_tables.judge) if module.PROBE else {}
    plugin.check_values(scoring | judging, options, f"{where}: {view}", "the gate")
    return tuple({k: v for k, v in options.items() if k in known} for known in (scoring, judging))
