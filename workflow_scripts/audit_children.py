"""Fail before training unless all augmented rows are children of train rows, in every fold."""

import logging
from pathlib import Path

from emospace.core.provenance import read_json, write_sidecar
from emospace.protocols import protocol_rows
from emospace.protocols.audit_facts import CHECKED_CHILDREN, SHOWN, audit_augmented, by_kind, refuse_strays
from workflow_scripts import _audit
from workflow_scripts._command import run


def job(args, recipe):
    protocol, corpora = read_json(args.protocol), protocol_rows.read(args.manifest)
    recordings = protocol_rows.recordings(args.digests)
    tables = args.folds, args.children, recipe["view"]
    strays, leaks, counts = audit_augmented(*tables, corpora, recordings, protocol)
    for leak in (strays + leaks)[:SHOWN]:
        logging.warning("%s", leak)
    refuse_strays(strays, leaks, protocol, args.children[0].parent)
    facts = {"ok": True, "view": recipe["view"], "leaky": protocol["leaky"], "leaks": by_kind(leaks)}
    facts |= {"children": counts, "checked": CHECKED_CHILDREN}
    write_sidecar(args.out, recipe, inputs=[*_audit.inputs(args), *args.children], outputs=[], **facts)


def main():
    parser = _audit.parser(__doc__)
    parser.add_argument("--children", type=Path, nargs="+", required=True, help="one table per fold, in the same order")
    run(parser, job)


if __name__ == "__main__":
    main()
