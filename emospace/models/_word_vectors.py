"""Pretrained word vectors from a text file, as GloVe and word2vec publish them: a word and its numbers on each line."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError

REMEDY = "give a text file with a word and its numbers on each line, such as glove.6B.200d.txt"


def read(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Return word -> vector float32 (D,) of the wanted words that the file has; the first of several lines counts.

    The rest is not kept, so that memory does not grow with the file. A first line of two integers (the header of
    word2vec) is skipped. Raises InputError for a file that has none of the words, or another form.
    """
    vectors: dict[str, np.ndarray] = {}
    width = 0
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            word, *values = line.rstrip().split(" ")
            if number == 1 and len(values) == 1:
                continue
            width = width or len(values)
            if len(values) != width or not width:
                reason = f"line {number} has {len(values)} numbers, line 1 has {width}"
                raise InputError(path, reason, REMEDY)
            if word in wanted and word not in vectors:
                vectors[word] = _vector(values, path, number)
    if not vectors:
        raise InputError(path, "it has none of the words of the train rows", REMEDY)
    return vectors


def _vector(values: list[str], path: Path, number: int) -> np.ndarray:
    try:
        vector = np.array(values, np.float32)
    except ValueError as error:
        raise InputError(path, f"line {number} has a value that is not a number", REMEDY) from error
    if not np.isfinite(vector).all():
        raise InputError(path, f"line {number} has a value that is not finite", REMEDY)
    return vector
