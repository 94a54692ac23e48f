"""Take the pictures of one part: a stored zip of JPEGs, K per utterance."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.views import frames
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    problems: list[manifest.Problem] = []
    pictures = frames.extract(args.corpus_root, rows, problems, threads=args.threads, **recipe["options"])
    frames.write(args.out, pictures)
    manifest.write_problems(args.quality, problems)
    missing = sum(not jpegs for jpegs in pictures.values())
    facts = {"rows": len(rows), "missing": missing, "frames": sum(map(len, pictures.values()))}
    inputs, packages = [args.manifest, args.digests], ["pillow", "av", "ffmpeg-python"]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    for name in ("corpus-root", "manifest", "digests", "out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1, help="video files decoded at once")
    run(parser, job)


if __name__ == "__main__":
    main()
