"""The quality gate: which copies of an augmented view may be trained on. First scores, then verdicts.

The `score` of a view, which its module brings, compares a copy with its parent; it sees neither labels nor folds.
Verdicts are per fold: emospace/runs/gate_probe.py measures, from the train rows alone, how well the copies keep their
parents' labels.
"""
