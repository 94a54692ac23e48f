"""How well each run does from every subset of its inputs, as the analysis `subsets` scored it."""

from emospace.analyses.subsets import OUTPUTS, read

TITLE = "Subsets of inputs"
ORDER = 35
FILE = OUTPUTS[0]


def gather(results) -> dict | None:
    """One entry per run of which there is such an analysis; no section without any."""
    found = [_entry(made, results.metrics[made.run]["meta"]) for made in results.analyses if made.plugin == "subsets"]
    return {"runs": found} if found else None


def _entry(made, meta: dict) -> dict:
    about = {"run": made.run, "chance": 1 / len(meta["classes"]), "n": meta["n"], "intervals": meta["intervals"]}
    return about | {"lines": read(made.files[FILE]), "facts": made.facts, "link": made.link(FILE)}
