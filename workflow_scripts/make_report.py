"""Write the report: one self-contained HTML file, which only links large outputs of analyses."""

from itertools import chain
from pathlib import Path

from emospace.core.provenance import atomic, write_sidecar
from emospace.report.page import render
from emospace.report.results import Files, Results
from workflow_scripts._command import arguments, run


def job(args, recipe):
    given = [args.metrics, args.runs, args.audit, args.quality, args.manifest_sidecar]
    given += [args.feature_sidecars, args.sheets, args.gates, args.analyses]
    results = Results(Files(args.summary, *given), recipe, args.out.parent)
    with atomic(args.out) as tmp:
        tmp.write_text(render(results, recipe["sections"]), encoding="utf-8")
    write_sidecar(args.out.with_suffix(".json"), recipe, inputs=[args.summary, *chain(*given)], outputs=[args.out])


def main():
    parser = arguments(__doc__)
    parser.add_argument("--summary", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.json of every run")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="run.json of every run, fold and seed")
    parser.add_argument("--audit", type=Path, nargs="+", required=True)
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    parser.add_argument("--manifest-sidecar", type=Path, nargs="+", required=True)
    parser.add_argument("--feature-sidecars", type=Path, nargs="*", default=[], help="of every part of every feature")
    parser.add_argument("--sheets", type=Path, nargs="*", default=[], help="examples of every augmented view, .json")
    parser.add_argument(
        "--gates", type=Path, nargs="*", default=[], help="sidecars of the gate, of every fold and view"
    )
    parser.add_argument("--analyses", type=Path, nargs="*", default=[], help="sidecar of every analysis of every run")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
