"""Cut a text into sentences for a translator, around what must not be translated."""

import re
from collections.abc import Callable, Iterator

# Never translated: tags, the language codes that Marian's tokenizer would obey, pictographs with their joiners.
KEPT = re.compile(r"(\[[^\[\]]*\]|>>[^<>\s]+<<|[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d]+)")
# Blanks after a full stop end a sentence, unless they follow a title; scripts without blanks have their own stops.
SENTENCE = re.compile(r"((?<=[.!?…؟۔])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)\s+|(?<=[。！？]))")


def segments(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """Cut a text into (piece, is it to be translated); joined again the pieces are the text. Each piece fits."""
    for i, chunk in enumerate(KEPT.split(text)):
        if i % 2:
            yield chunk, False
        else:
            for sentence in SENTENCE.split(chunk):
                yield from _pieces(sentence or "", fits)


def _pieces(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    core = text.strip()
    if not any(map(str.isalpha, core)):  # nothing to translate in blanks, digits and points
        yield text, False
        return
    before, _, after = text.partition(core)
    yield before, False
    if fits(core):
        yield core, True
    else:
        cut = _middle(core)
        yield from _pieces(core[:cut], fits)
        yield from _pieces(core[cut:], fits)
    yield after, False


def _middle(text: str) -> int:
    """Where to cut a sentence that is too long: in its middle half after a comma, or else at a blank, or anywhere."""
    half = len(text) // 2
    blanks = [found.start() for found in re.finditer(r"\s", text)]
    commas = [i for i in blanks if text[i - 1] in ",;:" and half < 2 * i < 3 * half]
    return min(commas or blanks or [half], key=lambda i: abs(i - half))
