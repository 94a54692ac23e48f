"""Split texts into words and compute word error rates, as in speech recognition."""

import re
import unicodedata
from collections.abc import Sequence

TAG = re.compile(r"\[[^\[\]]*\]")  # [LAUGHTER] is audible, but not a word
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """Return the words of a text without case, punctuation and tags: "Don't! [LAUGHTER] Stop." -> ["don't", "stop"]."""
    plain = unicodedata.normalize("NFKC", TAG.sub(" ", text)).casefold().replace("\u2019", "'")
    return WORD.findall(plain)


def word_error_rate(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Return insertions, deletions and substitutions as a fraction of the words of the reference; may exceed 1.

    Lists are compared pair by pair and pooled into one rate. If the reference has no words, the rate is the number of
    words in the hypothesis.
    """
    from rapidfuzz.distance import Levenshtein

    texts = ([side] if isinstance(side, str) else side for side in (reference, hypothesis))
    pairs = [(words(a), words(b)) for a, b in zip(*texts, strict=True)]
    return sum(Levenshtein.distance(*pair) for pair in pairs) / max(1, sum(len(a) for a, _ in pairs))
