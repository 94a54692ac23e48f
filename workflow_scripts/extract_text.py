"""Write the transcripts of a part, one line per utterance."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.views import text
from workflow_scripts._command import arguments, run


def job(args, recipe):
    problems, facts = text.extract(manifest.read(args.manifest), args.out, **recipe["options"])
    manifest.write_problems(args.quality, problems)
    write_sidecar(args.sidecar, recipe, inputs=[args.manifest], outputs=[args.out, args.quality], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--out", type=Path, required=True, help=".csv")
    parser.add_argument("--quality", type=Path, required=True)
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
