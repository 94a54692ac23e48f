"""Hold an analysis to its contract: the files in its folder, and the facts that it returned."""

import json
from collections.abc import Sequence
from pathlib import Path

from emospace.core import plugin, records
from emospace.core.errors import InputError

SEE = "see Analysis in docs/contracts.md"


def refuse_wrong(folder: Path, declared: Sequence[str], facts, file: str) -> None:
    """Raise InputError unless exactly the declared files exist, CSV files are tables, and JSON can hold the facts."""
    written = {path.name for path in folder.iterdir()}
    if missing := [name for name in declared if name not in written]:
        raise InputError(file, f"analyse() did not write {missing[0]!r}, which OUTPUTS names", SEE)
    if more := written - set(declared):
        raise InputError(file, f"analyse() wrote {min(more)!r}, which OUTPUTS does not name", SEE)
    for path in folder.glob("*.csv"):
        with plugin.blamed(file, f"reading its {path.name}", SEE):
            if not records.read(path, remedy=SEE) and not path.stat().st_size:
                raise InputError(file, f"its {path.name} is no table: it has no header", SEE)
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(file, f"the facts that analyse() returned are no JSON: {error}", SEE) from error
    if not isinstance(facts, dict):
        raise InputError(file, f"analyse() returned a {type(facts).__name__}, not a dict of facts", SEE)
