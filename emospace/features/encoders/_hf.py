"""Load networks of the transformers library from a local folder, and extract the hidden states of their layers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emospace.core import batching, torchvision_shim
from emospace.core.errors import InputError
from emospace.features.encoders._layers import resolved
from emospace.weights.record import REMEDY, Weights

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")
UNUSED = ("pooler.", "masked_spec_embed")  # parameters that no hidden state depends on; many checkpoints lack them


def load(weights: Weights | None, precision: str, preprocessor: str, encoder: str) -> tuple:
    """Load (network in evaluation mode, preprocessor, facts for the sidecar); of an encoder-decoder, only the encoder.

    precision: see `precision_on`. preprocessor: name of its class in transformers. Code in the folder is never run,
    and only .safetensors are read. Raises InputError for weights that are missing, random (their architecture is
    unknown), incomplete or cannot be loaded.
    """
    if weights is None or weights.random:
        reason = f"it cannot have random weights ({weights.why})" if weights else "it needs pretrained weights"
        raise InputError(weights.directory if weights else f"encoder {encoder}", reason, REMEDY)
    torchvision_shim.ensure()
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    device = batching.device()
    precision = precision_on(device, precision, encoder)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    folder, local = str(weights.directory), {"local_files_only": True, "trust_remote_code": False}
    try:
        prepare = getattr(transformers, preprocessor).from_pretrained(folder, **local)
        local |= {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
        network, loading = transformers.AutoModel.from_pretrained(folder, **local)
    except Exception as error:  # the libraries below raise many types for a damaged folder
        reason = f"cannot be loaded by transformers ({(str(error) or repr(error)).strip().splitlines()[0]})"
        raise InputError(
            weights.directory, reason, f"check `files` of these weights, delete it and {REMEDY}"
        ) from error
    encoder_only = network.config.is_encoder_decoder
    missing = [key for key in loading["missing_keys"] if key.startswith("encoder.") or not encoder_only]
    _refuse_missing(missing, weights.directory)
    if encoder_only:
        network = network.get_encoder()
    facts = {"network": type(network).__name__, "precision": precision, "device": device.type}
    return network.to(device).eval(), prepare, facts


def _refuse_missing(keys: Sequence[str], folder: Path) -> None:
    """Raise InputError for parameters that the files lack: transformers draws them at random, with only a warning."""
    if needed := sorted(key for key in keys if not key.startswith(UNUSED)):
        reason = f"its files lack {len(needed)} parameters of the network, such as {needed[0]}"
        raise InputError(folder, reason, "use a complete checkpoint of the network that config.json describes")


def precision_on(device: "torch.device", option: str, encoder: str) -> str:
    """Return "bf16" or "fp32". On CUDA, "auto" is bf16 where the GPU supports it; on the CPU it is fp32.

    Raises InputError for "bf16" without CUDA: a CPU without matrix units for bf16 is several times slower than in fp32.
    """
    if device.type == "cuda":
        return batching.precision(option, device)
    if option == "bf16":
        remedy = "use precision: auto, which is bf16 on CUDA and fp32 elsewhere"
        raise InputError(f"encoder {encoder}: option precision", "bf16 needs CUDA, and there is no GPU", remedy)
    return "fp32"


def layers_of(network, layers: Sequence[int], encoder: str) -> list[int]:
    """Resolve layer numbers of a network. Raises InputError."""
    return resolved(layers, network.config.num_hidden_layers, encoder)


def states(network, inputs: dict, layers: Sequence[int]) -> "torch.Tensor":
    """Return the states after these layers, concatenated: float32 (B, T, layers x width). The last is the output."""
    import torch

    dtype = next(network.parameters()).dtype
    moved = {k: v.to(network.device, dtype if v.is_floating_point() else v.dtype) for k, v in inputs.items()}
    last = network.config.num_hidden_layers
    with torch.inference_mode():
        output = network(**moved, output_hidden_states=any(n != last for n in layers))
        selected = [output.last_hidden_state if n == last else output.hidden_states[n] for n in layers]
        return torch.cat(selected, dim=-1).float().cpu()


def in_order(sizes: Sequence[int], batch: int, encode: Callable[[list[int]], Sequence]) -> list:
    """Encode batches of indices of similar size, and return the results in the order of the indices."""
    results: list = [None] * len(sizes)
    for indices in batching.by_length(sizes, batch):
        for i, rows in zip(indices, encode(indices), strict=True):
            results[i] = rows
    return results
