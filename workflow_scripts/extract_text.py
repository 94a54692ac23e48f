"""Normalise the transcripts of one part: a CSV, one row per utterance."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.views import text
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    texts = text.extract(rows, **recipe["options"])
    text.write(args.out, rows, texts)
    manifest.write_problems(args.quality, [])
    facts = {"rows": len(rows), "missing": texts.count("")}
    write_sidecar(args.sidecar, recipe, inputs=[args.manifest], outputs=[args.out], **facts)


def main():
    parser = arguments(__doc__)
    for name in ("manifest", "out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
