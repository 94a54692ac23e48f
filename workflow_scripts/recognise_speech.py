"""Recognise what is said in a part of an audio view, one line per utterance."""

from collections import Counter
from pathlib import Path

from emospace import manifest, recognition, texts
from emospace.manifest import WITHOUT_COPY, Problem
from emospace.provenance import read_json, write_sidecar
from emospace.store import Ragged
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments, run
from workflow_scripts._weights import opened

# The flags that are news, and the reason that the quality table gives; the view has named what it has no audio of.
REASONS = {"too short": "too short", "silent": "silent"}
REASONS |= {"empty result": "no transcript", "recogniser failed": "no transcript"}


def job(args, recipe):
    rows, weights = manifest.read(args.manifest), opened(args.weights)
    [about] = sidecars(args.view)
    waves, rate = Ragged.open(args.view, len(rows)), read_json(about)["sample_rate"]
    options = recognition.settings(recipe["options"])
    heard = recognition.recognise(waves, weights=weights, rate=rate, threads=args.threads, **options)
    said, flags = [text for text, _ in heard], [flag for _, flag in heard]
    texts.write(args.out, [row.utterance for row in rows], said, flag=flags)
    problems = [
        Problem(row.utterance, args.view.name, REASONS[flag], f"recognition: {flag}", WITHOUT_COPY)
        for row, flag in zip(rows, flags, strict=True)
        if flag in REASONS
    ]
    manifest.write_problems(args.quality, problems)
    counts = {flag or "ok": count for flag, count in sorted(Counter(flags).items())}
    facts = {"rows": len(rows), "flags": counts, "settings": options, "weights": weights.facts()}
    inputs, packages = [args.manifest, about, args.weights], ["vosk", "faster-whisper", "ctranslate2", "numpy"]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out, args.quality], packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--view", type=Path, required=True, help=".npy of the part")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--weights", type=Path, required=True, help="weights.json of the recogniser")
    parser.add_argument("--threads", type=int, default=1)
    for name in ("out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
