"""Translate the texts of a part along a chain of MarianMT models; an empty chain hands them on as they are."""

import shutil
from pathlib import Path

from emospace import manifest, texts
from emospace.features import read_view
from emospace.manifest import Problem
from emospace.provenance import write_sidecar
from emospace.views import text_bt
from workflow_scripts._command import arguments, run
from workflow_scripts._weights import opened


def handed_on(said: list[str], utterances: list[str], out: Path) -> tuple[list[Problem], dict]:
    """Write the texts themselves, in the columns of a translation."""
    flags = ["" if text else "empty source" for text in said]
    texts.write(out, utterances, said, flag=flags)
    return [], {"rows": len(said), "flags": {"ok": flags.count(""), "empty source": flags.count("empty source")}}


def job(args, recipe):
    import torch

    torch.set_num_threads(args.threads)
    rows = manifest.read(args.manifest)
    utterances, said = [row.utterance for row in rows], list(read_view("text", args.texts, rows))
    chain = [opened(record) for record in args.weights]
    if chain:
        problems, facts = text_bt.extract(said, utterances, args.out, args.cache, weights=chain, **recipe["options"])
    else:
        problems, facts = handed_on(said, utterances, args.out)
    manifest.write_problems(args.quality, problems)
    inputs, facts["weights"] = [args.manifest, args.texts, *args.weights], [w.facts() for w in chain]
    outputs = [args.out, args.quality]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=text_bt.PACKAGES, **facts)
    if args.cache:
        shutil.rmtree(args.cache, ignore_errors=True)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="CSV of a text view, or of what was recognised")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json of each model, in order")
    parser.add_argument("--cache", type=Path, help="folder of finished batches, removed at the end")
    parser.add_argument("--threads", type=int, default=1)
    for name in ("out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
