"""Keep the frames of each utterance whose embeddings are closest to that of its text, in temporal order."""

from pathlib import Path

import numpy as np

from emospace.core import store
from emospace.core.plugin import check_call
from emospace.core.provenance import read_json, write_sidecar
from emospace.features.selection import best_frames
from workflow_scripts._command import arguments, run


def job(args, recipe):
    where = f"config: features: {recipe.get('feature', args.out.parent.name)}"
    check_call(best_frames, recipe["options"], where, "the selection")
    frames = store.Ragged.open(args.frames)
    text = store.Ragged.open(args.text, len(frames))
    chosen = [best_frames(f, t, **recipe["options"]) for f, t in zip(frames, text, strict=True)]
    kept = (f[indices] for f, indices in zip(frames, chosen, strict=True))
    dim = frames.values.shape[1]
    rows, steps = store.write(args.out, kept, dtype=np.float32, dim=dim)
    facts = {"dtype": "float32", "rows": rows, "steps": steps, "dim": dim, "steps_before": len(frames.values)}
    facts["missing"] = int((frames.lengths == 0).sum())
    facts["without_text"] = int(((text.lengths == 0) & (frames.lengths > 0)).sum())
    sidecars = [read_json(path) for path in args.sidecars]
    facts["random_weights"] = any(sidecar["random_weights"] for sidecar in sidecars)
    # Selected frames are what the store that they come from holds.
    facts |= {key: sidecars[0].get(key) for key in ("holds", "rate", "layers")}
    outputs = [args.out, store.offsets_path(args.out)]
    write_sidecar(args.sidecar, recipe, inputs=args.sidecars, outputs=outputs, packages=["numpy"], **facts)


def main():
    parser = arguments(__doc__)
    for name in ("frames", "text", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--sidecars", type=Path, nargs="+", required=True, help="sidecars of both stores")
    run(parser, job)


if __name__ == "__main__":
    main()
