"""Networks of transformers from a local folder: loaded, and the states of their layers side by side."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from emospace.core import batching, torchvision_shim
from emospace.core.errors import InputError
from emospace.weights.record import REMEDY, Weights

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")
LAST = (-1,)


def loaded(weights: Weights | None, precision: str, prepare: str, encoder: str) -> tuple:
    """(network in evaluation mode, what prepares its inputs, facts), of AutoModel and the class of the name `prepare`.

    Of an encoder-decoder the encoder. No code of the folder is run, and of weights only .safetensors are read. Raises
    InputError for weights that are missing, random (there is no architecture to draw them for) or cannot be loaded.
    """
    if weights is None or weights.random:
        reason = f"it cannot have random weights ({weights.why})" if weights else "it needs pretrained weights"
        raise InputError(weights.directory if weights else f"encoder {encoder}", reason, REMEDY)
    torchvision_shim.ensure()
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    device = batching.device()
    precision = batching.precision(precision, device)
    number = torch.bfloat16 if precision == "bf16" else torch.float32
    folder, local = str(weights.directory), {"local_files_only": True, "trust_remote_code": False}
    try:
        inputs = getattr(transformers, prepare).from_pretrained(folder, **local)
        network = transformers.AutoModel.from_pretrained(folder, dtype=number, use_safetensors=True, **local)
    except Exception as error:  # the libraries below raise whatever they like at a damaged folder
        reason = f"cannot be loaded by transformers ({(str(error) or repr(error)).strip().splitlines()[0]})"
        raise InputError(
            weights.directory, reason, f"check `files` of these weights, delete it and {REMEDY}"
        ) from error
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    facts = {"network": type(network).__name__, "precision": precision, "device": device.type}
    return network.to(device).eval(), inputs, facts


def layers_of(network, wanted: Sequence[int], encoder: str) -> list[int]:
    """Numbers of layers from 0 (what enters the first) on; negative ones count from the last. Raises InputError."""
    count = network.config.num_hidden_layers
    found = [n + count + 1 if n < 0 else n for n in wanted]
    if odd := [n for n, place in zip(wanted, found, strict=True) if not 0 <= place <= count]:
        reason = f"there is no layer {odd[0]}"
        raise InputError(f"encoder {encoder}: option layers", reason, f"it has 0 to {count}, or -1 for the last")
    return found


def states(network, inputs: dict, layers: Sequence[int]) -> "torch.Tensor":
    """float32 (B, T, layers x width): states after these layers, side by side. The last is the network's output."""
    import torch

    dtype = next(network.parameters()).dtype
    moved = {k: v.to(network.device, dtype if v.is_floating_point() else v.dtype) for k, v in inputs.items()}
    last = network.config.num_hidden_layers
    with torch.inference_mode():
        found = network(**moved, output_hidden_states=any(n != last for n in layers))
        every = [found.last_hidden_state if n == last else found.hidden_states[n] for n in layers]
        return torch.cat(every, dim=-1).float().cpu()


def in_order(sizes: Sequence[int], batch: int, encode: Callable[[list[int]], Sequence]) -> list:
    """What `encode` makes of batches of places, of like size each, in the order of the places."""
    made: list = [None] * len(sizes)
    for places in batching.by_length(sizes, batch):
        for place, rows in zip(places, encode(places), strict=True):
            made[place] = rows
    return made
