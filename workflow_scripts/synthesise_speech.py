"""Let a voice say the texts of a part, as their speakers said theirs: int16 samples of 16 kHz in a ragged store."""

from pathlib import Path

from emospace import manifest, texts
from emospace.errors import InputError
from emospace.provenance import read_json, write_sidecar
from emospace.store import Ragged, offsets_path
from emospace.synthesis import RATE, synthesise
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments, run


def job(args, recipe):
    rows = manifest.read(args.manifest)
    [about] = sidecars(args.audio)
    rate = read_json(about)["sample_rate"]
    if rate != RATE:
        reason = f"it has {rate} Hz, synthetic speech {RATE}"
        raise InputError(args.audio, reason, f"set views: audio: sample_rate to {RATE}")
    heard, spoken = (texts.read_made(path) for path in (args.recognised, args.spoken))
    parents = Ragged.open(args.audio, len(rows))
    problems, facts = synthesise(rows, parents, heard, spoken, args.out, threads=args.threads, **recipe["options"])
    manifest.write_problems(args.quality, problems)
    inputs, outputs = [args.manifest, about, args.recognised, args.spoken], [args.out, offsets_path(args.out)]
    packages = ["pyttsx3", "librosa", "soxr", "soundfile", "numpy"]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[*outputs, args.quality], packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--audio", type=Path, required=True, help=".npy of the parents")
    parser.add_argument("--recognised", type=Path, required=True, help="CSV: what the parents say")
    parser.add_argument("--spoken", type=Path, required=True, help="CSV: what the voice is to say")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the part")
    parser.add_argument("--threads", type=int, default=1)
    for name in ("out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
