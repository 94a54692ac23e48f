"""Join the parts of a manifest, compare the counts with the publication's and describe the corpus."""

import logging
from collections import Counter
from pathlib import Path

from emospace import manifest, plugin
from emospace.errors import InputError
from emospace.provenance import write_sidecar
from workflow_scripts._command import arguments, run


def counts(rows, name: str) -> dict[str, int]:
    return dict(sorted(Counter(getattr(row, name) for row in rows).items()))


def check_ids(rows) -> None:
    """Ids are unique within a part already; across parts only renaming helps, as stores follow the parts."""
    part_of = {}
    for row in rows:
        if row.utterance in part_of:
            reason = f"utterance {row.utterance!r} is in part {part_of[row.utterance]} and in part {row.part}"
            raise InputError(row.audio or row.video, reason, "give each utterance an id of its own")
        part_of[row.utterance] = row.part


def job(args, recipe):
    corpus = plugin.find("corpora", recipe["plugin"])
    rows = [row for path in args.manifest for row in manifest.read(path)]
    if not rows:
        raise InputError(
            recipe["corpus"], "no utterance could be read", f"see {args.quality[0].parent} for the reasons"
        )
    check_ids(rows)
    problems = [problem for path in args.quality for problem in manifest.read_problems(path)]
    unexpected = corpus.expected(rows, **recipe["options"])
    for problem in unexpected:
        logging.warning("%s: %s", recipe["corpus"], problem.detail)
    manifest.write(args.out, rows)
    manifest.write_problems(args.out_quality, problems + unexpected)
    facts = {
        "corpus": recipe["corpus"],
        "rows": len(rows),
        "dropped": sum(p.dropped for p in problems),
        "counts": {name: counts(rows, name) for name in ("label", "session", "speaker", "gender")},
        "about": {k.lower(): getattr(corpus, k) for k in ("LICENCE", "PUBLIC", "CITATION", "NOTE")},
    }
    write_sidecar(args.sidecar, recipe, inputs=args.manifest, outputs=[args.out, args.out_quality], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True)
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    for name in ("out", "out-quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
