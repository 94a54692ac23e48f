"""Published systems: what was published beside what was measured, from the analysis `members`."""

from emospace.analyses.members import OUTPUTS, SCORES

TITLE = "Published systems"
ORDER = 18
HIDDEN = ("model", "protocol", "inputs", "leaky", "versus", "seeds", "weights", "crossfit", "augment")


def gather(results) -> dict | None:
    """One table per title, in order of first occurrence: a line per member, a column per heading."""
    tables: dict[str, dict] = {}
    for one in results.analyses:
        if one.plugin == "members":
            _add(
                tables.setdefault(
                    one.facts["table"],
                    {"average": one.facts["average"], "columns": {}, "published": {}, "others": {}, "members": {}},
                ),
                one,
                results,
            )
    return {"tables": tables, "scores": SCORES} if tables else None


def _add(table: dict, one, results) -> None:
    column = table["columns"].setdefault(one.facts["column"], {"runs": []})
    meta = results.metrics[one.run]["meta"]
    options = {name: value for name, value in results.config["runs"][one.run].items() if name not in HIDDEN}
    links = {name: one.link(name) for name in OUTPUTS}
    run = {"run": one.run, "n": one.facts["n"], "leaks": meta["leaks"], "options": options, "links": links}
    column["runs"].append(run)
    table["published"] |= one.facts["published"]
    for source, figures in one.facts["others"].items():
        table["others"].setdefault(source, {}).update(figures)
    for line in one.facts["members"]:
        table["members"].setdefault(line["member"], {})[one.facts["column"]] = line
