"""Checkpoint files: tensors and a history in one safetensors file that says whether it is whole."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emospace.core.provenance import atomic

Tensors = dict[str, torch.Tensor]
NAME = "checkpoint.safetensors"
DAMAGE = (SafetensorError, ValueError, KeyError, TypeError)  # what `read` raises of a file that `write` did not end


def write(path: Path, tensors: Tensors, history: list[dict]) -> None:
    """Write atomically. The tensors are on the CPU and contiguous."""
    text = json.dumps(history)
    with atomic(path) as tmp:
        save_file(tensors, tmp, {"history": text, "sha256": _digest(tensors, text)})


def read(path: Path) -> tuple[Tensors, list[dict]]:
    """Tensors and history; an error of `DAMAGE` if they are not what was written."""
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    with safe_open(path, "pt") as handle:
        facts = handle.metadata() or {}
        tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (a handle cannot be iterated)
    if _digest(tensors, facts.get("history", "")) != facts.get("sha256"):
        raise ValueError("its content is not what was written")
    return tensors, json.loads(facts["history"])


def _digest(tensors: Tensors, history: str) -> str:
    """Of all content: after a power loss a file may have its length and its header, and zeros where data were."""
    made = hashlib.sha256(history.encode())
    for key in sorted(tensors):
        made.update(key.encode())
        made.update(tensors[key].numpy())
    return made.hexdigest()
