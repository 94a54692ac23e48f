"""How well each run does from every subset of its inputs, as the analysis `subsets` scored it."""

import csv
import io

TITLE = "Subsets of inputs"
ORDER = 35


def gather(results) -> dict | None:
    """One entry per run of which there is such an analysis; no section without any."""
    found = [_entry(made, results.metrics[made.run]["meta"]) for made in results.analyses if made.plugin == "subsets"]
    return {"runs": found} if found else None


def _entry(made, meta: dict) -> dict:
    text = made.read("subsets.csv").decode("utf-8")
    lines = [_typed(line) for line in csv.DictReader(io.StringIO(text, newline=""))]
    about = {"run": made.run, "chance": 1 / len(meta["classes"]), "n": meta["n"], "intervals": meta["intervals"]}
    return about | {"lines": lines, "facts": made.facts, "link": made.link("subsets.csv")}


def _typed(line: dict[str, str]) -> dict:
    """A line with numbers as numbers; what is empty there is None."""
    numbers = {key: float(text) if text else None for key, text in line.items() if key != "inputs"}
    return numbers | {"inputs": line["inputs"].split()}
