"""Hidden states of text networks of transformers: BERT and its variants."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision, Several
from emospace.features.encoders import _hf
from emospace.features.encoders._layers import LAST
from emospace.weights.record import REMEDY, Weights

VIEWS = ("text",)
WEIGHTS = True
GPU = True
PACKAGES = _hf.PACKAGES


def load(
    *,
    layers: Several[int] = LAST,
    pool: Literal["mean", "first", "tokens"] = "mean",
    longest: Count = 512,
    precision: Precision = "fp32",
    batch: Count = 32,
    weights: Weights | None = None,
) -> "Text":
    """Text encoder: str -> float32 (1, layers x width), or (tokens, layers x width).

    layers: 0 is the input of the first layer, -1 the last layer; several are concatenated. pool: the mean over
    tokens, the first token ([CLS]), or all tokens as steps, including special ones. longest: tokens to which a text
    is truncated. precision: fp32, bf16 (CUDA only), or auto. batch: texts per forward pass. Raises InputError for
    weights that are missing or not of a text network.
    """
    network, tokenizer, facts = _hf.load(weights, precision, "AutoTokenizer", "hf_text")
    if network.main_input_name != "input_ids" or tokenizer.pad_token is None:
        reason = f"{facts['network']} does not take texts, or its tokenizer cannot pad them"
        raise InputError(weights.directory, reason, f"use BERT or a variant of it, and {REMEDY}")
    longest = min(longest, tokenizer.model_max_length)
    return Text(network, tokenizer, _hf.layers_of(network, layers, "hf_text"), pool, longest, batch, facts)


class Text:
    """Encode texts; see `load`. Repeated texts are encoded once."""

    batch = 512

    def __init__(self, network, tokenizer, layers: list[int], pool: str, longest: int, size: int, facts: dict):
        self.network, self.tokenizer, self.layers = network, tokenizer, layers
        self.pool, self.longest, self.size = pool, longest, size
        self.facts = facts | {"layers": layers, "pool": pool, "longest": longest}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1 or tokens, layers x width) of each text, in order."""
        texts = sorted(set(items))
        tokens = [self.tokenizer(text, truncation=True, max_length=self.longest) for text in texts]
        sizes = [len(encoding["input_ids"]) for encoding in tokens]
        states = _hf.in_order(sizes, self.size, lambda indices: self._batch([tokens[i] for i in indices]))
        by_text = dict(zip(texts, states, strict=True))
        return [by_text[text] for text in items]

    def _batch(self, tokens: list) -> list[np.ndarray]:
        inputs = self.tokenizer.pad(tokens, padding=True, return_tensors="pt")
        states = _hf.states(self.network, dict(inputs), self.layers).numpy()
        masks = inputs["attention_mask"].numpy().astype(bool)
        return [self._pooled(rows[mask]) for rows, mask in zip(states, masks, strict=True)]

    def _pooled(self, rows: np.ndarray) -> np.ndarray:
        return {"mean": rows.mean(0, keepdims=True), "first": rows[:1], "tokens": rows}[self.pool]
