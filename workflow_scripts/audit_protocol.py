"""Fail, before any training, if anything crosses train, dev and test; report text overlap."""

import logging
from collections import Counter
from pathlib import Path

from emospace import manifest, records
from emospace.audit import audit_fold
from emospace.errors import InputError
from emospace.provenance import read_digests, read_json, write_sidecar
from emospace.splits import SHARES_DIALOGUES
from workflow_scripts._command import arguments, run

SHOWN = 10


def job(args, recipe):
    protocol = read_json(args.protocol)
    rows = {r.utterance: r for r in manifest.read(args.manifest)}
    recordings = read_digests(args.digests)
    shared = SHARES_DIALOGUES.get(protocol["split"], ())
    found = {p.stem: audit_fold(p.stem, records.read(p), rows, recordings, shared) for p in args.folds}
    leaks = [leak for fold_leaks, _ in found.values() for leak in fold_leaks]
    kinds = dict(sorted(Counter(leak.kind for leak in leaks).items()))
    for leak in leaks[:SHOWN]:
        logging.warning("%s", leak)
    # A declared leak may be measured; labels of test rows in a training table never have an excuse.
    if kinds.get("test label") or (leaks and not protocol["leaky"]):
        reason = f"{len(leaks)} leaks ({', '.join(f'{n} {k}' for k, n in kinds.items())}); first: {leaks[0]}"
        raise InputError(args.protocol, reason, "mend the split, or declare the protocol `leaky: true`")
    facts = {
        "ok": True,
        "leaky": protocol["leaky"],
        "checked": ["utterance", "speaker", "dialogue", "recording", "augmented child", "test label"],
        "shared_by_definition": sorted(f"dialogue: {' and '.join(pair)}" for pair in shared),
        "leaks": kinds,
        "examples": [str(leak) for leak in leaks[:SHOWN]],
        "folds": {name: fold_facts for name, (_, fold_facts) in found.items()},
    }
    write_sidecar(args.out, recipe, inputs=[args.protocol, args.manifest_sidecar, *args.digests], outputs=[], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--manifest-sidecar", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True, help="sidecar of the protocol")
    parser.add_argument("--folds", type=Path, nargs="+", required=True)
    parser.add_argument("--digests", type=Path, nargs="+", required=True, help="audio digests of every part")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
