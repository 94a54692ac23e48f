"""Price of a protocol: each system under each of its protocols, from the analysis `price`."""

import base64

from emospace.analyses.price import OUTPUTS

TITLE = "Price of a protocol"
ORDER = 17


def gather(results) -> dict | None:
    """One table per analysis: a line per system, a column per title of a protocol; no section without any."""
    analysed = [one for one in results.analyses if one.plugin == "price"]
    return {"tables": [_table(one) for one in analysed]} if analysed else None


def _table(analysed) -> dict:
    lines, systems = analysed.facts["lines"], {}
    for line in lines:
        systems.setdefault(line["system"], {})[line["column"]] = line
    picture = base64.b64encode(analysed.read(OUTPUTS[1])).decode("ascii")
    columns = list(dict.fromkeys(line["column"] for line in lines))
    table = {"name": analysed.name, "metric": analysed.facts["metric"], "columns": columns, "systems": systems}
    return table | {"picture": f"data:image/svg+xml;base64,{picture}", "link": analysed.link(OUTPUTS[0])}
