"""Checkpoint files: tensors and history in one safetensors file with a digest of its content."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emospace.core.provenance import atomic

Tensors = dict[str, torch.Tensor]
NAME = "checkpoint.safetensors"
DAMAGE = (SafetensorError, ValueError, KeyError, TypeError)  # errors of `read` for an incomplete or altered file


def write(path: Path, tensors: Tensors, history: list[dict]) -> None:
    """Write atomically. The tensors must be contiguous and on the CPU."""
    text = json.dumps(history)
    with atomic(path) as tmp:
        save_file(tensors, tmp, {"history": text, "sha256": _digest(tensors, text)})


def read(path: Path) -> tuple[Tensors, list[dict]]:
    """Read tensors and history; raises one of DAMAGE if the content is not what `write` wrote."""
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    with safe_open(path, "pt") as handle:
        metadata = handle.metadata() or {}
        tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (a handle cannot be iterated)
    if _digest(tensors, metadata.get("history", "")) != metadata.get("sha256"):
        raise ValueError("its content does not match its digest")
    return tensors, json.loads(metadata["history"])


def _digest(tensors: Tensors, history: str) -> str:
    """SHA-256 of all content: after a power loss a file may have its length and header, but zeros for data."""
    digest = hashlib.sha256(history.encode())
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(tensors[key].numpy())
    return digest.hexdigest()
