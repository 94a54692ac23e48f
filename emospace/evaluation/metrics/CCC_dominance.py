"""Concordance correlation coefficient of dominance (Lin 1989), -1 to 1, over the rows with a rating of dominance."""

from emospace.evaluation.metrics import _ccc

TITLE = "CCC dominance"
PERCENT = False
LOWEST = -1.0
NEEDS = "dominance"
_functions = _ccc.contract(2)
statistics, value = _functions.statistics, _functions.value
