"""Split a text into sentences for a translator, around spans that must not be translated."""

import re
from collections.abc import Callable, Iterator

# Never translated: tags, language codes (Marian's tokenizer would act on them), pictographs with their joiners.
KEPT = re.compile(r"(\[[^\[\]]*\]|>>[^<>\s]+<<|[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d]+)")
# White space after a full stop ends a sentence, unless a title precedes it; scripts without spaces have other stops.
SENTENCE = re.compile(r"((?<=[.!?…؟۔])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)\s+|(?<=[。！？]))")


def segments(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """Split a text into pairs (piece, whether to translate it), whose pieces concatenate to the text.

    fits: whether a piece is short enough for the translator; every piece to be translated is.
    """
    for i, chunk in enumerate(KEPT.split(text)):
        if i % 2:
            yield chunk, False
        else:
            for sentence in SENTENCE.split(chunk):
                yield from _pieces(sentence or "", fits)


def _pieces(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    core = text.strip()
    if not any(map(str.isalpha, core)):  # white space, digits and punctuation need no translation
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
    """Return where to split a long sentence: after a comma in its middle half, else at a space, else in the middle."""
    half = len(text) // 2
    spaces = [match.start() for match in re.finditer(r"\s", text)]
    commas = [i for i in spaces if text[i - 1] in ",;:" and half < 2 * i < 3 * half]
    return min(commas or spaces or [half], key=lambda i: abs(i - half))
