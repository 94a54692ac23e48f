"""Score the back-translations of one part: a table of similarities and verdicts."""

from pathlib import Path

from emospace import manifest, records, texts
from emospace.gate import _tables, text_bt, thresholds
from emospace.provenance import write_sidecar
from emospace.store import Ragged
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments, run


def job(args, recipe):
    utterances = [row.utterance for row in manifest.read(args.manifest)]
    parents, children = (Ragged.open(path, len(utterances)) for path in (args.parent, args.child))
    chosen, _ = thresholds("text_bt", recipe["options"])
    before, after = texts.read(args.texts), texts.read_made(args.made)
    cut = texts.read_cut(args.made)
    lines = text_bt.score(utterances, parents, children, before, after, cut, **chosen)
    records.write(args.out, text_bt.COLUMNS, lines)
    inputs = [args.manifest, *sidecars(args.parent, args.child, args.texts, args.made)]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], **_tables.counts(lines))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--parent", type=Path, required=True, help="feature of the text view, .npy")
    parser.add_argument("--child", type=Path, required=True, help="the same feature of the text_bt view, .npy")
    parser.add_argument("--texts", type=Path, required=True, help="text view, .csv")
    parser.add_argument("--made", type=Path, required=True, help="text_bt view, .csv")
    parser.add_argument("--out", type=Path, required=True, help=".csv")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
