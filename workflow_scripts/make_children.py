"""Write the children of a fold: each train row that passed the gate, with one modality from an augmented view."""

from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import write_sidecar
from emospace.gate import tables
from emospace.protocols.fold_tables import child_of, read_train, write_table
from workflow_scripts._command import arguments, run


def passed(path: Path, parents: list[str]) -> set[str]:
    """Return the utterances that passed. Raises InputError unless the gate has a verdict on exactly the train rows."""
    verdicts = {line["utterance"]: line["verdict"] for line in tables.read(path)}
    if odd := verdicts.keys() ^ set(parents):
        reason = f"it and the train rows of the fold differ in {len(odd)} utterances, such as {min(odd)!r}"
        raise InputError(path, reason, "run the workflow again")
    return {name for name, verdict in verdicts.items() if verdict == tables.PASS}


def job(args, recipe):
    parents = read_train(args.fold)
    kept = passed(args.gate, [line["utterance"] for line in parents])
    children = [child_of(line, args.view) for line in parents if line["utterance"] in kept]
    write_table(args.out, children)
    facts = {"view": args.view, "train": len(parents), "children": len(children)}
    write_sidecar(args.sidecar, recipe, inputs=[args.fold, args.gate], outputs=[args.out], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--view", required=True, help="name of the augmented view")
    for name in ("fold", "gate", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
