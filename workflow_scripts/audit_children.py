"""Fail, before any training reads them, unless the augmented rows are children of train rows in every fold."""

import logging
from collections import Counter
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_sidecar
from emospace.protocols import fold_tables, protocol_rows
from emospace.protocols.audit import audit_children, audit_fold
from workflow_scripts._command import arguments, run

SHOWN = 10


def job(args, recipe):
    protocol = read_json(args.protocol)
    rows = {row.utterance: row for found in protocol_rows.read(args.manifest).values() for row in found}
    recordings, shared = protocol_rows.recordings(args.digests), protocol_rows.sharing(protocol)
    strays, leaks, counts = [], [], {}
    for table, children in zip(args.folds, args.children, strict=True):
        originals, added = fold_tables.read(table), fold_tables.read(children)
        found = audit_children(table.stem, originals, added, recipe["view"])
        strays += found
        if not found:  # else a child may have no parent to compare it by
            leaks += audit_fold(table.stem, [*originals, *added], rows, recordings, shared)
        counts[table.stem] = len(added)
    kinds = dict(sorted(Counter(leak.kind for leak in leaks).items()))
    for leak in (strays + leaks)[:SHOWN]:
        logging.warning("%s", leak)
    # A declared leak of the protocol may be measured; a child that is not its train row's never has an excuse.
    if strays or kinds.get("test label") or (leaks and not protocol["leaky"]):
        reason = f"{len(strays + leaks)} leaks; first: {(strays + leaks)[0]}"
        raise InputError(args.children[0].parent, reason, "delete these tables and run the workflow again")
    facts = {"ok": True, "view": recipe["view"], "leaky": protocol["leaky"], "leaks": kinds, "children": counts}
    facts["checked"] = ["child of a train row", "train only", "label and place of the parent", "nothing crosses"]
    inputs = [args.protocol, *args.manifest_sidecar, *args.folds, *args.children, *args.digests]
    write_sidecar(args.out, recipe, inputs=inputs, outputs=[], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="one per corpus, named after it")
    parser.add_argument("--manifest-sidecar", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True, help="sidecar of the protocol")
    parser.add_argument("--folds", type=Path, nargs="+", required=True)
    parser.add_argument("--children", type=Path, nargs="+", required=True, help="those of each fold, in the same order")
    parser.add_argument("--digests", type=Path, nargs="+", required=True, help="of the sounds and films of every part")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
