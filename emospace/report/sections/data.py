"""Corpora, their problems, and the speakers and rows on each side of each fold."""

from emospace.report.balance import balance

TITLE = "Data"
ORDER = 60


def gather(results) -> dict:
    """Corpora, and the sides of the folds of each protocol."""
    return {"corpora": results.corpora, "protocols": [balance(audit) for audit in results.audits.values()]}
