"""Join the parts of a manifest, and count what the corpus holds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance


def join(paths: Sequence[Path]) -> list[Utterance]:
    """Rows of all parts, in order. None is dropped: a row has the same place in the stores of its part.

    Raises InputError for an utterance that occurs in two parts.
    """
    rows, home = [], {}
    for path in paths:
        for row in manifest.read(path):
            if row.utterance in home:
                reason = f"the utterance {row.utterance!r} is in {home[row.utterance]} too"
                raise InputError(path, reason, "remove one of them from the corpus")
            home[row.utterance] = path
            rows.append(row)
    return rows


def counts(rows: Sequence[Utterance], problems: Sequence[Problem]) -> dict:
    """Facts of a manifest: rows, seconds, missing media, values of columns, problems by reason, dropped rows."""
    columns = ("label", "session", "speaker", "gender", "part")
    return {
        "rows": len(rows),
        "dropped": sum(p.dropped for p in problems),
        "problems": _counted(p.reason for p in problems),
        "seconds": round(sum(r.end - r.start for r in rows), 3),
        "missing": {m: sum(not getattr(r, m) for r in rows) for m in ("audio", "video", "text")},
        "counts": {column: _counted(getattr(r, column) for r in rows) for column in columns},
    }


def _counted(values: Iterable) -> dict:
    """Value -> how often it occurs, sorted."""
    return dict(sorted(Counter(values).items()))
