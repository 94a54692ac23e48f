"""Fail before training if anything crosses train, dev and test; report text overlap."""

import logging

from emospace.core.provenance import read_json, write_sidecar
from emospace.protocols import draw_audit, protocol_rows
from emospace.protocols.audit_facts import (
    CHECKED,
    SHOWN,
    audit_draw,
    audit_folds,
    by_kind,
    refuse_leaks,
    shared_by_definition,
)
from emospace.protocols.fold_facts import lacks
from workflow_scripts import _audit
from workflow_scripts._command import run


def job(args, recipe):
    protocol, corpora = read_json(args.protocol), protocol_rows.read(args.manifest)
    recordings = protocol_rows.recordings(args.digests)
    leaks, folds = audit_folds(args.folds, corpora, recordings, protocol)
    for leak in leaks[:SHOWN]:
        logging.info("%s", leak)  # declared, or refused below; the summary of the run names leaky protocols
    refuse_leaks(leaks, protocol, args.protocol)
    for what, where in (lacking := lacks(folds)).items():
        logging.warning("%s: %s, which others of its sides have", ", ".join(where), what)
    for name, tested in (seen := recipe.get("seen", {})).items():
        logging.warning("the weights %s were trained on %s, which is tested", name, ", ".join(tested))
    draw = audit_draw(args.folds, corpora, recordings, protocol, args.protocol)
    checked = [*CHECKED, *([draw_audit.CHECKED] if draw else [])]
    facts = {"ok": True, "leaky": protocol["leaky"], "checked": checked, "leaks": by_kind(leaks)}
    facts |= {"shared_by_definition": shared_by_definition(protocol), "examples": [str(leak) for leak in leaks[:SHOWN]]}
    facts |= {"left_out": protocol["left_out"], "lacks": lacking, "seen": seen, "folds": folds}
    facts |= {"draw": draw}
    write_sidecar(args.out, recipe, inputs=_audit.inputs(args), outputs=[], **facts)


def main():
    run(_audit.parser(__doc__), job)


if __name__ == "__main__":
    main()
