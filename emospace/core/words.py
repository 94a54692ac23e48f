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


def word_error_rate(truth: str | Sequence[str], said: str | Sequence[str]) -> float:
    """Return insertions, deletions and substitutions in `said` as a fraction of the words of `truth`; may exceed 1.

    Lists are compared pair by pair and pooled into one rate. If `truth` has no words, the rate is the number of words
    in `said`.
    """
    from rapidfuzz.distance import Levenshtein

    texts = ([side] if isinstance(side, str) else side for side in (truth, said))
    pairs = [(words(reference), words(hypothesis)) for reference, hypothesis in zip(*texts, strict=True)]
    return sum(Levenshtein.distance(*pair) for pair in pairs) / max(1, sum(len(reference) for reference, _ in pairs))
