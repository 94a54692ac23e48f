"""Licence and citation of each corpus."""

TITLE = "Licence and citation"
ORDER = 80


def gather(results) -> dict:
    """The corpora."""
    return {"corpora": results.corpora}
