"""Take a few pictures of every utterance of a part, cropped to the speaker, as JPEGs in a zip."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.views import frames
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    problems, facts = frames.extract(rows, args.corpus_root, args.out, threads=args.threads, **recipe["options"])
    manifest.write_problems(args.quality, problems)
    outputs, inputs = [args.out, args.quality], [args.manifest, args.digests]
    write_sidecar(
        args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=["av", "ffmpeg-python", "pillow"], **facts
    )


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus-root", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--digests", type=Path, required=True, help="digests of the part's video files")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help=".zip")
    parser.add_argument("--quality", type=Path, required=True)
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
