"""Fail, before any training, if anything crosses train, dev and test; report text overlap."""

import logging
from collections import Counter
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_sidecar
from emospace.protocols import fold_tables, protocol_rows
from emospace.protocols.audit import KINDS, REPEATED, Leak, audit_fold
from emospace.protocols.fold_facts import fold_facts, lacks
from workflow_scripts._command import arguments, run

SHOWN = 10


def audited(args, protocol: dict) -> tuple[list[Leak], dict[str, dict]]:
    """Leaks of all folds, and the facts of each."""
    every, recordings = protocol_rows.read(args.manifest), protocol_rows.recordings(args.digests)
    rows = {row.utterance: row for found in every.values() for row in found}
    known = protocol_rows.by_class(every, protocol["labels"])
    leaks, facts = [], {}
    for path in args.folds:
        table = fold_tables.read(path)
        leaks += audit_fold(path.stem, table, rows, recordings, protocol_rows.sharing(protocol))
        facts[path.stem] = fold_facts(table, known)
    return leaks, facts


def shared_by_definition(protocol: dict) -> list[str]:
    pairs = sorted(" and ".join(pair) for pair in protocol["shares_dialogues"])
    return [f"dialogues and their recordings: {pair}" for pair in pairs]


def job(args, recipe):
    protocol = read_json(args.protocol)
    leaks, folds = audited(args, protocol)
    kinds = dict(sorted(Counter(leak.kind for leak in leaks).items()))
    for leak in leaks[:SHOWN]:
        logging.info("%s", leak)  # declared, or refused below; the end of the run names leaky protocols
    # A declared leak may be measured; labels of test rows in a training table never have an excuse.
    if kinds.get("test label") or (leaks and not protocol["leaky"]):
        reason = f"{len(leaks)} leaks ({', '.join(f'{n} {k}' for k, n in kinds.items())}); first: {leaks[0]}"
        raise InputError(args.protocol, reason, "mend the split, or declare the protocol `leaky: true`")
    for what, where in (lacking := lacks(folds)).items():
        logging.warning("%s: %s, which others of its sides have", ", ".join(where), what)
    for name, corpora in (seen := recipe.get("seen", {})).items():
        logging.warning("the weights %s were trained on %s, which is tested", name, ", ".join(corpora))
    facts = {
        "ok": True,
        "leaky": protocol["leaky"],
        "checked": [*KINDS, "test label", REPEATED],
        "shared_by_definition": shared_by_definition(protocol),
        "leaks": kinds,
        "examples": [str(leak) for leak in leaks[:SHOWN]],
        "left_out": protocol["left_out"],
        "lacks": lacking,
        "seen": seen,
        "folds": folds,
    }
    inputs = [args.protocol, *args.manifest_sidecar, *args.folds, *args.digests]  # training reads no other fold table
    write_sidecar(args.out, recipe, inputs=inputs, outputs=[], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="one per corpus, named after it")
    parser.add_argument("--manifest-sidecar", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True, help="sidecar of the protocol")
    parser.add_argument("--folds", type=Path, nargs="+", required=True)
    parser.add_argument("--digests", type=Path, nargs="+", required=True, help="of the sounds and films of every part")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
