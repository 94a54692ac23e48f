"""Where the stores of a corpus hold an utterance: in which part, and in which row of it."""

from collections import Counter
from collections.abc import Iterable

from emospace.core.manifest import Utterance
from emospace.protocols.protocol_rows import Corpora


def positions(rows: Iterable[Utterance]) -> dict[str, int]:
    """Index of each utterance within its part: its row in every store of that part."""
    sizes: Counter = Counter()
    place = {}
    for row in rows:
        place[row.utterance] = sizes[row.part]
        sizes[row.part] += 1
    return place


def places(corpora: Corpora) -> dict[str, dict]:
    """Utterance -> corpus, part and row."""
    by_utterance = {}
    for corpus, rows in corpora.items():
        place = positions(rows)
        by_utterance |= {r.utterance: {"corpus": corpus, "part": r.part, "row": place[r.utterance]} for r in rows}
    return by_utterance
