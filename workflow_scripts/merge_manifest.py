"""Join the parts of a manifest, compare the counts with the publication, say what the corpus is."""

from collections import Counter
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.errors import InputError
from emospace.core.provenance import write_sidecar
from emospace.plan.raw_files import SEE
from workflow_scripts._command import arguments, run
from workflow_scripts.index_part import refuse_faulty


def join(paths: list[Path]) -> list[manifest.Utterance]:
    """Rows of all parts in the order given. None is dropped: a row has one place here and in the stores of its part."""
    rows, home = [], {}
    for path in paths:
        for row in manifest.read(path):
            if row.utterance in home:
                reason = f"the utterance {row.utterance!r} is in {home[row.utterance]} too"
                raise InputError(path, reason, "remove one of them from the corpus")
            home[row.utterance] = path
            rows.append(row)
    return rows


def counts(rows: list[manifest.Utterance], *columns: str) -> dict[str, dict[str, int]]:
    """Column -> value -> number of rows."""
    return {column: dict(sorted(Counter(getattr(r, column) for r in rows).items())) for column in columns}


def missed(corpus, rows: list[manifest.Utterance], options: dict) -> list[manifest.Problem]:
    """What a corpus lacks by its publication. Raises InputError, naming the reader's file, for what are no problems."""
    file = plugin.file_of(corpus)
    with plugin.blamed(file, "expected()", SEE):
        found = list(corpus.expected(rows, **options))
    refuse_faulty(found, manifest.Problem, file, "expected()")
    return found


def job(args, recipe):
    corpus = plugin.find("corpora", recipe["plugin"])
    rows = join(args.manifest)
    problems = [p for path in args.quality for p in manifest.read_problems(path)]
    problems += missed(corpus, rows, recipe["options"])
    manifest.write(args.out, rows)
    manifest.write_problems(args.out_quality, problems)
    facts = {"codes": corpus.CODES, "licence": corpus.LICENCE, "public": corpus.PUBLIC}
    facts |= {"citation": corpus.CITATION, "note": corpus.NOTE} | recipe.get("about", {})
    write_sidecar(
        args.sidecar,
        recipe,
        inputs=[*args.manifest, *args.quality],
        outputs=[args.out, args.out_quality],
        rows=len(rows),
        dropped=sum(p.dropped for p in problems),
        problems=dict(sorted(Counter(p.reason for p in problems).items())),
        seconds=round(sum(r.end - r.start for r in rows), 3),
        missing={m: sum(not getattr(r, m) for r in rows) for m in ("audio", "video", "text")},
        counts=counts(rows, "label", "session", "speaker", "gender", "part"),
        **facts,
    )


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="parts, in order")
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    for output in ("--out", "--out-quality", "--sidecar"):
        parser.add_argument(output, type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
