"""Apply an encoder to one part of a view: a ragged float32 store, empty where the modality is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emospace import manifest, plugin, store
from emospace.errors import InputError
from emospace.provenance import read_json, write_sidecar
from emospace.views.frames import Frames
from emospace.views.text import read as read_text
from emospace.weights import open_weights
from workflow_scripts._command import arguments, run

WINDOW = 16  # batches sorted by length at a time, so that batches are even and rows still come in order


def read_view(kind: str, path: Path, rows: Sequence[manifest.Utterance]) -> Sequence:
    """Rows of a view: int16 waveforms, lists of JPEGs or strings."""
    if kind == "audio":
        return store.Ragged.open(path, len(rows))
    if kind == "text":
        return read_text(path)
    archive = Frames(path)
    return [archive.row(row.utterance) for row in rows]


def encode(encoder, items: Sequence, bar: tqdm) -> Iterator[np.ndarray]:
    """Yield the encoding of every item, in order; empty items never reach the encoder."""
    for start in range(0, len(items), WINDOW * encoder.batch):
        window = [items[i] for i in range(start, min(start + WINDOW * encoder.batch, len(items)))]
        order = sorted((i for i, item in enumerate(window) if len(item)), key=lambda i: len(window[i]))
        done: list[np.ndarray] = [np.empty((0, 0), np.float32)] * len(window)
        for i in range(0, len(order), encoder.batch):
            chosen = order[i : i + encoder.batch]
            for j, encoded in zip(chosen, encoder([window[j] for j in chosen]), strict=True):
                done[j] = encoded
        yield from done
        bar.update(len(window))


def job(args, recipe):
    import torch

    torch.set_num_threads(args.threads)
    rows = manifest.read(args.manifest)
    items = read_view(args.view_kind, args.view, rows)
    if len(items) != len(rows):
        raise InputError(args.view, f"holds {len(items)} rows, the manifest {len(rows)}", "run the workflow again")
    present = sum(len(item) > 0 for item in items)
    facts = {"encoder": recipe["plugin"], "dtype": "float32", "rows": len(rows), "missing": len(rows) - present}
    facts["random_weights"] = False
    encoded: Iterator[np.ndarray] = iter([np.empty((0, 0), np.float32)] * len(rows))
    with tqdm(total=len(rows), desc=recipe.get("feature"), disable=None) as bar:
        if present:  # a part without the modality needs no model
            weights = open_weights(args.weights.parent) if args.weights else None
            module = plugin.find("encoders", recipe["plugin"])
            encoder = module.load(**recipe["options"], view=args.view_kind, weights=weights)
            facts |= {"dim": encoder.dim, "encoding": encoder.facts}
            if weights:
                facts |= {"weights": read_json(args.weights)["weights"], "random_weights": weights.random}
            encoded = encode(encoder, items, bar)
        _, facts["steps"] = store.write(args.out, encoded, dtype=np.float32)
    inputs = [args.manifest, args.view_sidecar, *([args.weights] if args.weights else [])]
    packages = ["numpy", "torch", "librosa", "open_clip_torch", "sentence-transformers", "transformers", "pillow"]
    outputs = [args.out, store.offsets_path(args.out)]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    for name in ("view", "view-sidecar", "manifest", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--view-kind", choices=["audio", "frames", "text"], required=True)
    parser.add_argument("--weights", type=Path, help="weights.json of the encoder's weights")
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
