"""Fetch pretrained weights into weights/<name>, pinned and verified. Only this job uses the network."""

from pathlib import Path

from emospace.core.provenance import write_sidecar
from emospace.weights.fetch import fetch
from workflow_scripts._command import arguments, run


def job(args, recipe):
    folder = args.out.parent
    record = fetch(recipe.get("name", folder.name), recipe["options"], folder)
    write_sidecar(args.out, recipe, inputs=[], outputs=[], **record)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="weights.json, in the folder of the weights")
    run(parser, job, online=True)


if __name__ == "__main__":
    main()
