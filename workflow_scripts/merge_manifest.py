"""Join the parts of a manifest, compare counts with the publication, and record the attributes of the corpus."""

from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.provenance import write_sidecar
from emospace.corpora._answers import missed
from emospace.corpora._attributes import attributes
from emospace.corpora._joining import counts, join
from workflow_scripts._command import arguments, run


def job(args, recipe):
    corpus, rows = plugin.find("corpora", recipe["plugin"]), join(args.manifest)
    problems = [p for path in args.quality for p in manifest.read_problems(path)]
    problems += missed(corpus, rows, recipe["options"])
    manifest.write(args.out, rows)
    manifest.write_problems(args.out_quality, problems)
    facts = counts(rows, problems) | attributes(corpus, recipe.get("about", {}))
    inputs, outputs = [*args.manifest, *args.quality], [args.out, args.out_quality]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="parts, in order")
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    for output in ("--out", "--out-quality", "--sidecar"):
        parser.add_argument(output, type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
