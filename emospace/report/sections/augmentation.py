"""Augmented views: what of them passes the gate, per view and per fold, and examples with their parents."""

TITLE = "Augmentation"
ORDER = 50


def gather(results) -> dict | None:
    """One entry per augmented view of a corpus; no section where nothing is augmented."""
    return {"sheets": results.sheets} if results.sheets else None
