"""The quality gate decides which copies of an augmented view enter training: first scores, then verdicts.

The `score` of a view's module compares a copy with its parent and sees neither labels nor folds. Verdicts are per fold:
emospace/runs/gate_probe.py measures, on the train rows alone, how well copies keep their parents' labels.
"""
