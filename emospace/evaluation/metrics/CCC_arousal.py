"""Concordance correlation coefficient of arousal (Lin 1989), -1 to 1, over the rows with a rating of arousal."""

from emospace.evaluation.metrics import _ccc

TITLE = "CCC arousal"
PERCENT = False
LOWEST = -1.0
NEEDS = "arousal"
_functions = _ccc.contract(1)
statistics, value = _functions.statistics, _functions.value
