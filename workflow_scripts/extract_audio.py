"""Decode the audio of one part: a ragged int16 store, one row per utterance."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from emospace import manifest, store
from emospace.provenance import write_sidecar
from emospace.views import audio
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    problems: list[manifest.Problem] = []
    waves = audio.extract(args.corpus_root, rows, problems, **recipe["options"])
    count, samples = store.write(args.out, tqdm(waves, "audio", len(rows), disable=None), dtype=np.int16)
    manifest.write_problems(args.quality, problems)
    rate = recipe["options"].get("sample_rate", 16000)
    missing = int((store.Ragged.open(args.out).lengths == 0).sum())
    facts = {"rows": count, "missing": missing, "sample_rate": rate, "audio_seconds": round(samples / rate, 2)}
    outputs, inputs = [args.out, store.offsets_path(args.out)], [args.manifest, args.digests]
    packages = ["numpy", "soundfile", "soxr", "av"]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    for name in ("corpus-root", "manifest", "digests", "out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
