"""The quality gate: what of an augmented view may be trained on. One module per view, scores first, then verdicts.

`emospace/gate/<view>.py` scores a part, without a look at labels or folds. `_probe.py` tells, per fold and by its train
rows alone, how far the copies still carry their parents' labels. `_tables.py` writes both down.
"""

import inspect

from emospace import plugin
from emospace.errors import InputError
from emospace.gate import _tables


def thresholds(view: str, options: dict, where: str = "gate") -> tuple[dict, dict]:
    """Part the options of `gate: <view>` into those of its scores and those of its verdicts per fold.

    They are the keyword arguments of the view's `score` and of `_tables.judge`. Raises InputError, which names the
    place `where` in the config, for an unknown view or option.
    """
    module = plugin.find("gate", view)
    scoring, judging = _keywords(module.score), _keywords(_tables.judge) if module.PROBE else []
    for option in options:
        if option not in [*scoring, *judging]:
            reason = f"{view} has no threshold {option!r}"
            raise InputError(f"{where}: {view}", reason, plugin.suggest(option, [*scoring, *judging]))
    return tuple({k: v for k, v in options.items() if k in known} for known in (scoring, judging))


def _keywords(function) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
