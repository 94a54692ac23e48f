"""Decode every utterance of a part to int16 samples of one rate, mono, in a ragged store."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.store import offsets_path
from emospace.views import audio
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    problems, facts = audio.extract(rows, args.corpus_root, args.out, **recipe["options"])
    manifest.write_problems(args.quality, problems)
    outputs, inputs = [args.out, offsets_path(args.out), args.quality], [args.manifest, args.digests]
    write_sidecar(
        args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=["soundfile", "soxr", "av", "numpy"], **facts
    )


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus-root", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--digests", type=Path, required=True, help="digests of the part's audio files")
    parser.add_argument("--out", type=Path, required=True, help=".npy; offsets go beside it")
    parser.add_argument("--quality", type=Path, required=True)
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
