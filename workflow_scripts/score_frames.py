"""Score the augmented pictures of one part: how much they changed, what can still be seen, and verdicts."""

from pathlib import Path

from emospace import manifest, records
from emospace.gate import _tables, frames_aug, thresholds
from emospace.provenance import write_sidecar
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments, run


def job(args, recipe):
    utterances = [row.utterance for row in manifest.read(args.manifest)]
    chosen, _ = thresholds("frames_aug", recipe["options"])
    lines = frames_aug.score(utterances, args.parent, args.child, **chosen)
    records.write(args.out, frames_aug.COLUMNS, lines)
    inputs = [args.manifest, *sidecars(args.parent, args.child)]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], **_tables.counts(lines))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--parent", type=Path, required=True, help="frames view, .zip")
    parser.add_argument("--child", type=Path, required=True, help="frames_aug view, .zip")
    parser.add_argument("--out", type=Path, required=True, help=".csv")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
