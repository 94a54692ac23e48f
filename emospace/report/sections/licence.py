"""Under which licence each corpus is, and how it is cited."""

TITLE = "Licence and citation"
ORDER = 80


def gather(results) -> dict:
    """Corpora."""
    return {"corpora": results.corpora}
