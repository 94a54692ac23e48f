"""Score of each run on every subset of its inputs, from the analysis `subsets`."""

from emospace.analyses.subsets import OUTPUTS, read

TITLE = "Subsets of inputs"
ORDER = 35
FILE = OUTPUTS[0]


def gather(results) -> dict | None:
    """One entry per run with this analysis; no section without any."""
    analysed = [one for one in results.analyses if one.plugin == "subsets"]
    return {"runs": [_entry(one, results.metrics[one.run]["meta"]) for one in analysed]} if analysed else None


def _entry(analysed, meta: dict) -> dict:
    run = {"run": analysed.run, "chance": 1 / len(meta["classes"]), "n": meta["n"], "intervals": meta["intervals"]}
    return run | {"lines": read(analysed.files[FILE]), "facts": analysed.facts, "link": analysed.link(FILE)}
