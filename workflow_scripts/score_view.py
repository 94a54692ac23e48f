"""Score the copies of one part of an augmented view: a table of scores and verdicts."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import write_sidecar
from emospace.gate import tables
from emospace.gate.thresholds import thresholds
from workflow_scripts._command import arguments, run
from workflow_scripts._sidecars import sidecars
from workflow_scripts._view_job import CONTRACTS, Call, blamed, files_read


def lines(found, module, rows: Sequence[Utterance]) -> list[dict[str, str]]:
    """The gate's table, from what `score` of a view returned. Raises InputError where that breaks the contract."""
    wanted = {*module.COLUMNS, "reason"}
    if not isinstance(found, Sequence):
        _refuse(module, f"gave {type(found).__name__}, not a list")
    if len(found) != len(rows):
        _refuse(module, f"gave scores of {len(found)} rows, there are {len(rows)}")
    for row, scores in zip(rows, found, strict=True):
        if not isinstance(scores, Mapping):
            _refuse(module, f"gave {row.utterance!r} {scores!r:.80}, not a dict")
        if scores.keys() != wanted:
            odd = min(scores.keys() ^ wanted, key=str)
            _refuse(module, f"gave {row.utterance!r} {sorted(scores, key=str)}, where {odd!r} is too much or missing")
        for name in module.COLUMNS:
            if (value := scores[name]) is not None and not (isinstance(value, Real) and math.isfinite(value)):
                _refuse(module, f"gave {row.utterance!r} {value!r:.80} as {name}")
        if not isinstance(scores["reason"], str):
            _refuse(module, f"gave {row.utterance!r} the reason {scores['reason']!r:.80}, which is no text")
    pairs = zip(rows, found, strict=True)
    return [tables.line(r.utterance, {c: s[c] for c in module.COLUMNS}, s["reason"]) for r, s in pairs]


def _refuse(module, reason: str) -> None:
    remedy = f"return what COLUMNS names, and a reason, for each row; see AugmentedView in {CONTRACTS}"
    raise InputError(plugin.file_of(module), f"score() {reason}", remedy)


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    thresholds(recipe["plugin"], recipe["options"], f"gate: {recipe['view']}")
    known = plugin.offered(module.score, features=tuple(args.features))
    with blamed(Call.of(module, "score"), rows):
        found = module.score(rows, args.parent, args.child, **known, **files_read(args), **recipe["options"])
    made = lines(found, module, rows)
    tables.write_scores(args.out, module.COLUMNS, made)
    inputs = [args.manifest, *sidecars(args.parent, args.child, *args.features, *files_read(args).values())]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], **tables.counts(made))


def main():
    parser = arguments(__doc__)
    for name in ("manifest", "parent", "child", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--features", type=Path, nargs="*", default=[], help="a feature of the parents, then of copies")
    parser.add_argument("--read", nargs="*", default=[], metavar="STEP=FILE", help="steps that it gets by name")
    run(parser, job)


if __name__ == "__main__":
    main()
