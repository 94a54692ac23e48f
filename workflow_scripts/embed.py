"""Apply an encoder to one part of a view: a ragged float32 store, empty where the modality is missing."""

import logging
from pathlib import Path

from tqdm import tqdm

from emospace import manifest, plugin, store
from emospace.features import encode, write_store
from emospace.provenance import write_sidecar
from emospace.weights import Weights
from workflow_scripts._command import arguments, run
from workflow_scripts._weights import opened


def weights_facts(weights: Weights | None, used: bool) -> dict:
    """What the sidecar says of the weights; they count as random only if a row met them."""
    if weights and weights.random and used:
        logging.info("random weights: %s (%s)", weights.name, weights.why)
    return {"weights": weights and weights.facts(), "random_weights": bool(used and weights and weights.random)}


def job(args, recipe):
    module, view = plugin.find("encoders", recipe["plugin"]), plugin.find("views", recipe["reader"])
    rows = manifest.read(args.manifest)
    weights = opened(args.weights) if args.weights else None
    used = {}

    def load():
        import torch

        torch.set_num_threads(args.threads)
        encoder = module.load(**recipe["options"], view=view.KIND, weights=weights)
        used.update(encoder.facts)
        return encoder

    items = tqdm(view.read(args.view, rows), recipe["plugin"], len(rows), disable=None, unit="row")
    facts = write_store(args.out, encode(items, load)) | weights_facts(weights, bool(used))
    inputs = [args.manifest, args.view_sidecar, *([args.weights] if args.weights else [])]
    outputs = [args.out, store.offsets_path(args.out)]
    about = {"encoder": recipe["plugin"], "encoding": used, **facts}
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=module.PACKAGES, **about)


def main():
    parser = arguments(__doc__)
    for name in ("view", "view-sidecar", "manifest", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="weights.json of the encoder's weights")
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
