"""Augmented views: how many copies pass the gate, per view and per fold, and examples with their parents."""

TITLE = "Augmentation"
ORDER = 50


def gather(results) -> dict | None:
    """One entry per augmented view and corpus; no section without augmentation."""
    return {"sheets": results.sheets} if results.sheets else None
