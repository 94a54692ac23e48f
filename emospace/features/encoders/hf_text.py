"""States of a text network of transformers: BERT and its kin."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision, Several
from emospace.features.encoders import _hf
from emospace.weights.record import REMEDY, Weights

VIEWS = ("text",)
WEIGHTS = True
PACKAGES = _hf.PACKAGES


def load(
    *,
    layers: Several[int] = _hf.LAST,
    pool: Literal["mean", "first", "tokens"] = "mean",
    longest: Count = 512,
    precision: Precision = "fp32",
    batch: Count = 32,
    weights: Weights | None = None,
) -> "Text":
    """Encoder of texts: str -> float32 (1, layers x width), or (tokens, layers x width).

    layers: 0 is what enters the first, -1 the last; several stand side by side. pool: the mean over tokens, the first
    token ([CLS]), or all of them as steps, special ones included. longest: tokens at which a text is cut. precision:
    fp32, bf16 or auto. batch: texts per pass. Raises InputError where the weights are missing or no network of texts.
    """
    network, tokenizer, facts = _hf.loaded(weights, precision, "AutoTokenizer", "hf_text")
    if network.main_input_name != "input_ids" or tokenizer.pad_token is None:
        reason = f"{facts['network']} does not take texts, or its tokenizer cannot pad them"
        raise InputError(weights.directory, reason, f"use BERT or its kin, and {REMEDY}")
    longest = min(longest, tokenizer.model_max_length)
    return Text(network, tokenizer, _hf.layers_of(network, layers, "hf_text"), pool, longest, batch, facts)


class Text:
    """Encodes texts; see `load`. A text that occurs again is encoded once."""

    batch = 512

    def __init__(self, network, tokenizer, layers: list[int], pool: str, longest: int, size: int, facts: dict):
        self.network, self.tokenizer, self.layers = network, tokenizer, layers
        self.pool, self.longest, self.size = pool, longest, size
        self.facts = facts | {"layers": layers, "pool": pool, "longest": longest}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1 or tokens, layers x width) of each text, in order."""
        texts = sorted(set(items))
        tokens = [self.tokenizer(text, truncation=True, max_length=self.longest) for text in texts]
        sizes = [len(found["input_ids"]) for found in tokens]
        made = _hf.in_order(sizes, self.size, lambda some: self._batch([tokens[i] for i in some]))
        of_text = dict(zip(texts, made, strict=True))
        return [of_text[text] for text in items]

    def _batch(self, tokens: list) -> list[np.ndarray]:
        inputs = self.tokenizer.pad(tokens, padding=True, return_tensors="pt")
        found = _hf.states(self.network, dict(inputs), self.layers).numpy()
        kept = inputs["attention_mask"].numpy().astype(bool)
        return [self._pooled(rows[mask]) for rows, mask in zip(found, kept, strict=True)]

    def _pooled(self, rows: np.ndarray) -> np.ndarray:
        return {"mean": rows.mean(0, keepdims=True), "first": rows[:1], "tokens": rows}[self.pool]
