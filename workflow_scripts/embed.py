"""Apply an encoder to one part of a view: a ragged float32 store, empty where the modality is missing."""

from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from emospace.core import manifest, plugin, store
from emospace.core.allocator import keep_freed_memory
from emospace.core.errors import InputError
from emospace.core.provenance import write_sidecar
from emospace.features.embedding import check_loaded, count_layers, encode, write_store
from emospace.features.inputs import read_rate, weights_facts
from emospace.plan.outside_files import digests
from workflow_scripts._command import arguments, run
from workflow_scripts._weights import opened


def refuse_changed(planned: dict[str, str]) -> None:
    """Raise InputError if a file that an option names has changed since the job was planned."""
    for path, digest in digests([*planned]).items():
        if digest != planned[path]:
            raise InputError(path, "it changed while the workflow was running", "start the workflow again")


def job(args, recipe):
    module, view = plugin.find("encoders", recipe["plugin"]), plugin.find("views", recipe["reader"])
    rows, rate = manifest.read(args.manifest), read_rate(args.view_sidecar, module)
    refuse_changed(recipe.get("files", {}))
    weights = opened(args.weights) if args.weights else None
    loaded, file = [], plugin.file_of(module)

    def load():
        keep_freed_memory()
        with suppress(ImportError):  # not every environment has it
            import torch

            torch.set_num_threads(args.threads)
        known = {row.utterance for path in args.known for row in manifest.read(path)}
        offer = {"view": view.KIND, "rate": rate, "weights": weights, "known": known, "threads": args.threads}
        with plugin.blamed(file, "load()", "fix it; see Encoder in docs/contracts.md"):
            encoder = module.load(**recipe["options"], **plugin.offered(module.load, **offer))
        loaded.append(check_loaded(encoder, file))
        return encoder

    items = tqdm(view.read(args.view, rows), recipe["plugin"], len(rows), disable=None, unit="row")
    made = encode(items, [row.utterance for row in rows], load, file)
    facts = write_store(args.out, made) | weights_facts(weights, bool(loaded))
    inputs = [args.manifest, args.view_sidecar, *([args.weights] if args.weights else [])]
    outputs = [args.out, store.offsets_path(args.out)]
    about = {"encoder": recipe["plugin"], "encoding": next(iter(loaded), {}), "holds": module.HOLDS, "rate": rate}
    about["layers"] = count_layers(next(iter(loaded), None), facts["dim"], file)
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=outputs, packages=module.PACKAGES, **about, **facts)


def main():
    parser = arguments(__doc__)
    for name in ("view", "view-sidecar", "manifest", "out", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="weights.json of the encoder's weights")
    parser.add_argument("--known", type=Path, nargs="*", default=[], help="manifests of all of the config's corpora")
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
