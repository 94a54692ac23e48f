"""Concordance correlation coefficient of valence (Lin 1989), -1 to 1, over the rows with a rating of valence."""

from emospace.evaluation.metrics import _ccc

TITLE = "CCC valence"
PERCENT = False
LOWEST = -1.0
NEEDS = "valence"
_functions = _ccc.contract(0)
statistics, value = _functions.statistics, _functions.value
