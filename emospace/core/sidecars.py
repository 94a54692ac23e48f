"""Describe the inputs of a run from the sidecars of their parts, so that models need not parse the inputs' names."""

from collections.abc import Iterable
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json

OF_MODELS = "weights:"  # prefix, in `random_inputs` of sidecars, of weights that a model loads


def sample_rate(file: Path) -> int | None:
    """Return the sample rate of a view's file from its sidecar, Hz; None unless the view is sound."""
    return read_json(Path(file).with_suffix(".json")).get("sample_rate")


def about(sidecars: Iterable[Path]) -> dict[str, dict]:
    """Return input -> {"holds", "rate", "layers"}.

    holds: "cepstral", "embedding", ... or "" for a view. rate: sample rate in Hz, or None. layers: number of layers of
    a network whose states stand side by side, so that D = layers x width; 1 for everything else. If the facts of its
    encoder have `names`, they are its "columns". Raises InputError if the parts of an input, in one corpus or several,
    disagree.
    """
    inputs: dict[str, dict] = {}
    first: dict[str, Path] = {}
    columns: dict[str, dict] = {}
    for path in sidecars:
        sidecar = read_json(path)
        recipe = sidecar.get("recipe", {})
        name = recipe.get("feature") or recipe.get("view") or ""
        facts = {"holds": sidecar.get("holds") or "", "rate": sidecar.get("rate") or sidecar.get("sample_rate")}
        facts["layers"] = sidecar.get("layers")
        if name in inputs:  # a part in which every row is missing does not know its number of layers
            facts["layers"] = facts["layers"] or inputs[name]["layers"]
            inputs[name]["layers"] = inputs[name]["layers"] or facts["layers"]
        if inputs.setdefault(name, facts) != facts:
            reason = f"it records {facts} for {name!r}, but {first[name]} records {inputs[name]}"
            raise InputError(path, reason, "delete both and run the workflow again")
        first.setdefault(name, path)
        if names := sidecar.get("encoding", {}).get("names"):  # absent from a part without any item
            columns[name] = {"columns": names}
    return {name: facts | {"layers": facts["layers"] or 1} | columns.get(name, {}) for name, facts in inputs.items()}
