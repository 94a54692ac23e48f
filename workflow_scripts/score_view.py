"""Score the copies of one part of an augmented view: the gate's table of scores and verdicts."""

from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.provenance import write_sidecar
from emospace.gate import tables
from emospace.gate.scores import lines
from emospace.gate.thresholds import thresholds
from emospace.views._answers import Call, blamed
from workflow_scripts._command import arguments, run
from workflow_scripts._view_job import files_read


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    thresholds(recipe["plugin"], recipe["options"], f"gate: {recipe['view']}")
    offer = plugin.offered(module.score, features=tuple(args.features))
    with blamed(Call.of(module, "score"), rows):
        answer = module.score(rows, args.parent, args.child, **offer, **files_read(args), **recipe["options"])
    table = lines(answer, module, rows)
    tables.write_scores(args.out, module.COLUMNS, table)
    inputs = [args.manifest, *args.sidecars]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], **tables.counts(table))


def main():
    parser = arguments(__doc__)
    for name in ("manifest", "parent", "child", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--features", type=Path, nargs="*", default=[], help="a feature of the parents, then of copies")
    parser.add_argument("--read", nargs="*", default=[], metavar="STEP=FILE", help="steps that it gets by name")
    parser.add_argument("--sidecars", type=Path, nargs="*", default=[], help="those of all these files")
    run(parser, job)


if __name__ == "__main__":
    main()
