"""Apply an encoder to one part of a view: a ragged float32 store, empty where the modality is missing."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emospace import manifest, plugin, store
from emospace.errors import InputError
from emospace.manifest import Utterance
from emospace.provenance import write_sidecar
from emospace.weights import Weights, open_weights
from workflow_scripts._command import arguments, run

EMPTY = np.empty((0, 0), np.float32)


def read_view(kind: str, path: Path, rows: list[Utterance]) -> Iterator:
    """Rows of a view, one by one: int16 waveforms, lists of JPEGs or strings."""
    if kind == "audio":
        return iter(store.Ragged.open(path, len(rows)))
    # Found by name: so only features of frames depend on the code of the frames view, and likewise for text.
    view = plugin.find("views", kind)
    if kind == "frames":
        frames = view.Frames(path)
        return (frames.row(row.utterance) for row in rows)
    texts = view.read(path)
    if len(texts) != len(rows):
        raise InputError(path, f"holds {len(texts)} rows, the manifest {len(rows)}", "run the workflow again")
    return iter(texts)


def encode(rows: Iterable, load: Callable) -> Iterator[np.ndarray]:
    """One matrix (T, D) per row, in order. Empty rows stay empty, and nothing is loaded before the first full one."""
    rows = iter(rows)
    for row in rows:
        if len(row):
            yield from _windows(load(), chain([row], rows))
        else:
            yield EMPTY


def _windows(encoder, rows: Iterator) -> Iterator[np.ndarray]:
    while window := list(islice(rows, encoder.batch)):
        full = [row for row in window if len(row)]
        made = iter(encoder(full) if full else ())
        yield from (next(made) if len(row) else EMPTY for row in window)


def write(path: Path, matrices: Iterable[np.ndarray]) -> dict:
    """Write the store; its shape as facts. Without a single step there is no encoder to tell the width: it is 0."""
    rows, steps = store.write(path, matrices, dtype=np.float32)
    if not steps:
        store.write(path, [EMPTY] * rows, dtype=np.float32, dim=0)
    made = store.Ragged.open(path, rows)
    missing = int((made.lengths == 0).sum())
    return {"dtype": "float32", "rows": rows, "steps": steps, "dim": made.values.shape[1], "missing": missing}


def weights_facts(weights: Weights | None, used: bool) -> dict:
    """What the sidecar says of the weights; they count as random only if a row met them."""
    if weights and weights.random and used:
        logging.warning("random weights: %s (%s)", weights.name, weights.why)
    return {"weights": weights and weights.facts(), "random_weights": bool(used and weights and weights.random)}


def job(args, recipe):
    module, rows = plugin.find("encoders", recipe["plugin"]), manifest.read(args.manifest)
    weights = open_weights(args.weights.parent) if args.weights else None
    used = {}

    def load():
        import torch

        torch.set_num_threads(args.threads)
        encoder = module.load(**recipe["options"], view=args.view_kind, weights=weights)
        used.update(encoder.facts)
        return encoder

    items = tqdm(read_view(args.view_kind, args.view, rows), recipe["plugin"], len(rows), disable=None, unit="row")
    facts = write(args.out, encode(items, load)) | weights_facts(weights, bool(used))
    inputs = [args.manifest, args.view_sidecar, *([args.weights] if args.weights else [])]
    outputs = [args.out, store.offsets_path(args.out)]
    about = {"encoder": recipe["plugin"], "encoding": used, **facts}
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=module.PACKAGES, **about)


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
