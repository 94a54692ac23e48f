"""Corpora, their problems, and who is on which side of which fold."""

from emospace.report.balance import balance

TITLE = "Data"
ORDER = 60


def gather(results) -> dict:
    """Corpora, and the sides of each protocol."""
    return {"corpora": results.corpora, "protocols": [balance(audit) for audit in results.audits.values()]}
