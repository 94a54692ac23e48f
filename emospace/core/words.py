"""What is said, as a list of words, and how far two texts differ: errors counted as speech recognition does."""

import re
import unicodedata
from collections.abc import Sequence

TAG = re.compile(r"\[[^\[\]]*\]")  # [LAUGHTER] is heard, but not a word
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text without case, punctuation and tags: "Don't! [LAUGHTER] Stop." -> ["don't", "stop"]."""
    plain = unicodedata.normalize("NFKC", TAG.sub(" ", text)).casefold().replace("\u2019", "'")
    return WORD.findall(plain)


def word_error_rate(truth: str | Sequence[str], said: str | Sequence[str]) -> float:
    """Words inserted, left out or exchanged in `said`, as a share of the words of `truth`; may exceed 1.

    Lists are taken pair by pair, as one long text each. Where `truth` has no word, every word of `said` counts as one
    error: the rate is their number.
    """
    from rapidfuzz.distance import Levenshtein

    texts = ([side] if isinstance(side, str) else side for side in (truth, said))
    pairs = [(words(wanted), words(found)) for wanted, found in zip(*texts, strict=True)]
    return sum(Levenshtein.distance(*pair) for pair in pairs) / max(1, sum(len(wanted) for wanted, _ in pairs))
