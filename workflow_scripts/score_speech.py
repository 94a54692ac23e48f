"""Score the synthetic speech of one part: duration, loudness, word errors, and verdicts."""

from pathlib import Path

from emospace import manifest, records, texts
from emospace.gate import _tables, audio_tts, thresholds
from emospace.provenance import write_sidecar
from emospace.store import Ragged
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments, run


def job(args, recipe):
    utterances = [row.utterance for row in manifest.read(args.manifest)]
    parents, children = (Ragged.open(path, len(utterances)) for path in (args.parent, args.child))
    chosen, _ = thresholds("audio_tts", recipe["options"])
    spoken, heard = (texts.read_made(path) for path in (args.spoken, args.heard))
    cut = texts.read_cut(args.spoken)
    lines = audio_tts.score(utterances, parents, children, spoken, heard, cut, **chosen)
    records.write(args.out, audio_tts.COLUMNS, lines)
    inputs = [args.manifest, *sidecars(args.parent, args.child, args.spoken, args.heard)]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], **_tables.counts(lines))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--parent", type=Path, required=True, help="audio view, .npy")
    parser.add_argument("--child", type=Path, required=True, help="audio_tts view, .npy")
    parser.add_argument("--spoken", type=Path, required=True, help="what the voice should say, .csv")
    parser.add_argument("--heard", type=Path, required=True, help="what a recogniser hears in the voice, .csv")
    parser.add_argument("--out", type=Path, required=True, help=".csv")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
