"""Change the pictures of a part: one random transform per utterance, the same for all of its pictures."""

from pathlib import Path

from emospace import manifest
from emospace.provenance import write_sidecar
from emospace.views import frames_aug
from workflow_scripts._command import arguments, run


def job(args, recipe):
    utterances = [row.utterance for row in manifest.read(args.manifest)]
    options = {"seed": recipe["seed"], **recipe["options"]}
    problems, facts = frames_aug.extract(args.frames, args.out, utterances, **options)
    manifest.write_problems(args.quality, problems)
    inputs, outputs = [args.manifest, args.frames_sidecar], [args.out, args.quality]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=frames_aug.PACKAGES, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--frames", type=Path, required=True, help=".zip of the frames view")
    parser.add_argument("--frames-sidecar", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--out", type=Path, required=True, help=".zip")
    parser.add_argument("--quality", type=Path, required=True)
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
