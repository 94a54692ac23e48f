"""What the inputs of a run are, by the sidecars of their parts: models look here, never at an input's name."""

from collections.abc import Iterable
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json

OF_MODELS = "weights:"  # begins the names of weights that a model loads, among `random_inputs` of sidecars


def sample_rate(file: Path) -> int | None:
    """Rate of the sound in a view's file, Hz, as the sidecar beside it tells; None of other views."""
    return read_json(Path(file).with_suffix(".json")).get("sample_rate")


def about(sidecars: Iterable[Path]) -> dict[str, dict]:
    """Input -> {"holds": what it is ("cepstral", "embedding", ...; "" of a view), "rate": of its sound in Hz, or None}.

    Raises InputError where two parts of an input, or two corpora, tell different things.
    """
    found: dict[str, dict] = {}
    seen: dict[str, Path] = {}
    for path in sidecars:
        told = read_json(path)
        recipe = told.get("recipe", {})
        name = recipe.get("feature") or recipe.get("view") or ""
        facts = {"holds": told.get("holds") or "", "rate": told.get("rate") or told.get("sample_rate")}
        if found.setdefault(name, facts) != facts:
            reason = f"it tells {facts} of {name!r}, and {seen[name]} tells {found[name]}"
            raise InputError(path, reason, "delete both and run the workflow again")
        seen.setdefault(name, path)
    return found
