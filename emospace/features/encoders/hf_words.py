"""Contextual embeddings of words: hidden states of a text network of transformers, one step per word, after [CLS].

The words of an utterance form its text. The state of a word is the mean over its tokens. Each contraction is read in
full (don't -> do not), and a marker such as <sil> or ++LAUGHTER++, for which networks have no word, as the mask token.
"""

import re
from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision, Several
from emospace.features.encoders import _hf
from emospace.features.encoders._layers import LAST
from emospace.weights.record import REMEDY, Weights

VIEWS = ("words",)
HOLDS = "words"
WEIGHTS = True
GPU = True
PACKAGES = _hf.PACKAGES
MARKER = re.compile(r"[<\[+].*[>\]+]")
WHOLE = {"can't": "cannot", "won't": "will not", "shan't": "shall not", "let's": "let us", "y'all": "you all"}
ENDINGS = {"n't": " not", "'re": " are", "'m": " am", "'ll": " will", "'ve": " have", "'d": " would"}
IS = ("he", "she", "it", "that", "there", "what", "who", "where", "how", "here")  # elsewhere 's may be a genitive


def load(
    *,
    layers: Several[int] = LAST,
    longest: Count = 512,
    expand: bool = True,
    precision: Precision = "fp32",
    batch: Count = 32,
    weights: Weights | None = None,
) -> "Words":
    """Encoder of (word, start, end)s -> float32 (1 + words, layers x width): [CLS], then a step per word.

    layers: 0 is the input of the first layer, -1 the last layer; several are concatenated. longest: tokens to which an
    utterance is truncated; words beyond them have no step. expand: read contractions in full. precision: fp32, bf16
    (CUDA only), or auto. batch: utterances per forward pass. Raises InputError for weights that are missing or not of a
    text network whose tokens begin with [CLS].
    """
    network, tokenizer, facts = _hf.load(weights, precision, "AutoTokenizer", "hf_words")
    usable = network.main_input_name == "input_ids" and tokenizer.pad_token and tokenizer.is_fast
    if not usable or tokenizer.cls_token_id is None:
        reason = f"{facts['network']} does not take words, or its tokenizer has no [CLS] or cannot align tokens"
        raise InputError(weights.directory, reason, f"use BERT or a variant of it, and {REMEDY}")
    longest, tokenizer.padding_side = min(longest, tokenizer.model_max_length), "right"
    return Words(network, tokenizer, _hf.layers_of(network, layers, "hf_words"), longest, expand, batch, facts)


class Words:
    """Encode lists of words; see `load`."""

    batch = 512

    def __init__(self, network, tokenizer, layers: list[int], longest: int, expand: bool, size: int, facts: dict):
        self.network, self.tokenizer, self.layers = network, tokenizer, layers
        self.longest, self.expand, self.size = longest, expand, size
        self.facts = facts | {"layers": layers, "longest": longest, "expand": expand}

    def __call__(self, items: Sequence[Sequence[tuple]], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1 + words, layers x width) of each utterance, in order."""
        texts = [[self._read(word) for word, *_ in words] for words in items]
        options = {"is_split_into_words": True, "truncation": True, "max_length": self.longest}
        tokens = [self.tokenizer(words, **options) for words in texts]
        counts = list(map(len, texts))
        sizes = [len(encoding["input_ids"]) for encoding in tokens]
        return _hf.in_order(sizes, self.size, lambda k: self._batch([tokens[i] for i in k], [counts[i] for i in k]))

    def _read(self, word: str) -> str:
        """A word as the network reads it."""
        if MARKER.fullmatch(word):
            return self.tokenizer.mask_token or self.tokenizer.unk_token
        return expanded(word) if self.expand else word

    def _batch(self, tokens: list, counts: list[int]) -> list[np.ndarray]:
        padded = [{"input_ids": one["input_ids"], "attention_mask": one["attention_mask"]} for one in tokens]
        inputs = self.tokenizer.pad(padded, padding=True, return_tensors="pt")
        states = _hf.states(self.network, dict(inputs), self.layers).numpy()
        return [self._by_word(row, one.word_ids(), n) for row, one, n in zip(states, tokens, counts, strict=True)]

    def _by_word(self, states: np.ndarray, words: Sequence[int | None], count: int) -> np.ndarray:
        """The first state, then the mean state of each word (zero without tokens), up to the last word that fits."""
        numbers = np.array([-1 if word is None else word for word in words])
        inside = np.flatnonzero(numbers >= 0)
        fitting = count if len(words) < self.longest else int(numbers.max()) + 1
        rows = np.zeros((1 + fitting, states.shape[1]), np.float32)
        rows[0] = states[0]
        np.add.at(rows, 1 + numbers[inside], states[inside])
        rows[1:] /= np.maximum(np.bincount(numbers[inside], minlength=fitting), 1)[:, None]
        return rows


def expanded(word: str) -> str:
    """A contraction in full, in lower case; any other word unchanged."""
    lower = word.lower().replace("\u2019", "'")
    if lower in WHOLE:
        return WHOLE[lower]
    stem, mark, ending = lower.partition("'")
    if lower.endswith("n't"):
        return lower.removesuffix("n't") + ENDINGS["n't"]
    if mark and ending == "s" and stem in IS:
        return f"{stem} is"
    return stem + ENDINGS["'" + ending] if mark and "'" + ending in ENDINGS else word
