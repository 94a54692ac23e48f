"""What the two audits conclude from the tables of a protocol: leaks of every fold, and facts for their sidecars."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.protocols import fold_tables, protocol_rows
from emospace.protocols.audit import KINDS, REPEATED, Leak, Stray, audit_children, audit_fold
from emospace.protocols.draw_audit import draw_faults, refuse_faults
from emospace.protocols.fold_facts import fold_facts
from emospace.protocols.protocol_rows import Corpora

SHOWN = 10  # leaks in the log, and in the sidecar
CHECKED = [*KINDS, "test label", REPEATED]
CHECKED_CHILDREN = ["child of a train row", "train only", "label and place of the parent", "nothing crosses"]


def audit_folds(
    folds: Sequence[Path], corpora: Corpora, recordings: dict[str, str], protocol: dict
) -> tuple[list[Leak], dict[str, dict]]:
    """(leaks of all folds, fold -> its facts). recordings: path -> digest. protocol: content of its sidecar."""
    rows = {row.utterance: row for of_corpus in corpora.values() for row in of_corpus}
    classes = protocol_rows.by_class(corpora, protocol["labels"])
    leaks, facts = [], {}
    for path in folds:
        table = fold_tables.read(path)
        leaks += audit_fold(path.stem, table, rows, recordings, protocol_rows.sharing(protocol))
        facts[path.stem] = fold_facts(table, classes)
    return leaks, facts


def audit_draw(folds: Sequence[Path], corpora: Corpora, recordings: dict[str, str], protocol: dict, file: Path) -> dict:
    """The draw of a protocol for its audit: train_rows, draw, and fold -> number of train rows to draw from.

    {} for a protocol that trains on all rows. Raises InputError, naming the file of the protocol, unless each fold
    lacks train rows only.
    """
    if not (draw := protocol.get("draw")):
        return {}
    rows, before = protocol_rows.by_class(corpora, protocol["labels"], draw["filter"]), draw["before"]
    tables = {path.stem: fold_tables.read(path) for path in folds}
    about = {"rows": rows, "recordings": recordings, "count": draw["train_rows"]}
    refuse_faults({fold: draw_faults(table, before=before[fold], **about) for fold, table in tables.items()}, file)
    return {key: draw[key] for key in ("train_rows", "draw")} | {"of": {fold: before[fold]["train"] for fold in tables}}


def refuse_leaks(leaks: Sequence[Leak], protocol: dict, file: Path) -> None:
    """Raise InputError for a leak that is not declared, and for a label of a test row in any case."""
    kinds = by_kind(leaks)
    if kinds.get("test label") or (leaks and not protocol["leaky"]):
        reason = f"{len(leaks)} leaks ({', '.join(f'{n} {k}' for k, n in kinds.items())}); first: {leaks[0]}"
        raise InputError(file, reason, "mend the split, or declare the protocol `leaky: true`")


def audit_augmented(
    folds: Sequence[Path],
    children: Sequence[Path],
    view: str,
    corpora: Corpora,
    recordings: dict[str, str],
    protocol: dict,
) -> tuple[list[Stray], list[Leak], dict[str, int]]:
    """(rows that are no child of a train row, leaks of all folds with their children, fold -> number of children)."""
    rows = {row.utterance: row for of_corpus in corpora.values() for row in of_corpus}
    strays, leaks, counts = [], [], {}
    for table, path in zip(folds, children, strict=True):
        originals, added = fold_tables.read(table), fold_tables.read(path)
        mine = audit_children(table.stem, originals, added, view)
        strays += mine
        if not mine:  # else a child may have no parent to compare it with
            shared = protocol_rows.sharing(protocol)
            leaks += audit_fold(table.stem, [*originals, *added], rows, recordings, shared)
        counts[table.stem] = len(added)
    return strays, leaks, counts


def refuse_strays(strays: Sequence[Stray], leaks: Sequence[Leak], protocol: dict, folder: Path) -> None:
    """Raise InputError for any stray, a label of a test row, or a leak that the protocol does not declare."""
    if strays or by_kind(leaks).get("test label") or (leaks and not protocol["leaky"]):
        every = [*strays, *leaks]
        reason = f"{len(every)} leaks; first: {every[0]}"
        raise InputError(folder, reason, "delete these tables and run the workflow again")


def by_kind(leaks: Iterable[Leak]) -> dict[str, int]:
    """Kind of leak -> number of leaks."""
    return dict(sorted(Counter(leak.kind for leak in leaks).items()))


def shared_by_definition(protocol: dict) -> list[str]:
    """Pairs of sides that may share dialogues, as text."""
    pairs = sorted(" and ".join(pair) for pair in protocol["shares_dialogues"])
    return [f"dialogues and their recordings: {pair}" for pair in pairs]
