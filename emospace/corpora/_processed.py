"""The processed file of multi-level attention (docs/systems.md): features, words and times of each utterance.

processed.npz holds plain arrays: nothing in it is ever unpickled. For N utterances with W words in all:
- a column of the manifest for each of COLUMNS: str (N,); `scripted`: bool (N,); `start`, `end`: float64 (N,), seconds
- `words`: str (W,); `word_start`, `word_end`: float64 (W,), seconds from the start of the utterance; `word_offsets`:
  int64 (N + 1,)
- `acoustic`, `lexical`: float32 (steps, D), with int64 (N + 1,) `acoustic_offsets`, `lexical_offsets`. A lexical row
  has a step for [CLS], then one per word
- `names`: str (D,), names of the acoustic values, perhaps none
"""

import zipfile
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.store import Ragged

FILE = "processed.npz"
COLUMNS = ("utterance", "dialogue", "session", "speaker", "gender", "label", "text")
TIMES = ("start", "end", "word_start", "word_end")
SIDES = ("acoustic", "lexical")
KINDS = dict.fromkeys((*COLUMNS, "words", "names"), "U") | dict.fromkeys((*TIMES, *SIDES), "f") | {"scripted": "b"}
KINDS |= dict.fromkeys(("word_offsets", *(f"{side}_offsets" for side in SIDES)), "i")
REMEDY = "write it again with the analysis `processed`"


def read(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read some arrays. Raises InputError for a damaged file, and for an array that is missing or of another kind."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
    except KeyError as error:
        raise InputError(path, f"it has no array {error.args[0].split()[0]!r}", REMEDY) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(path, f"it is not a readable archive of arrays ({error})", REMEDY) from error
    for name, array in arrays.items():
        if array.dtype.kind != KINDS[name]:
            raise InputError(path, f"its array {name!r} holds {array.dtype}", REMEDY)
        if KINDS[name] == "f" and not np.isfinite(array).all():
            what = "a word without a time" if name.startswith("word") else "a value that is not finite"
            raise InputError(
                path, f"its array {name!r} has {what}, at {int(np.argwhere(~np.isfinite(array))[0][0])}", REMEDY
            )
    return arrays


def by_row(path: Path, arrays: dict[str, np.ndarray], values: str, offsets: str, rows: int) -> Ragged:
    """The values of each of `rows` utterances. Raises InputError if the offsets do not fit."""
    store = Ragged(arrays[values], arrays[offsets].astype(np.int64), path)
    if len(store) != rows:
        raise InputError(path, f"{offsets!r} is for {len(store)} utterances, but the file has {rows}", REMEDY)
    return store


def words(path: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Utterance -> its words with start and end."""
    arrays = read(path, "utterance", "words", "word_start", "word_end", "word_offsets")
    if not len(arrays["words"]) == len(arrays["word_start"]) == len(arrays["word_end"]):
        raise InputError(path, "it has a word without times, or times without a word", REMEDY)
    names = arrays["utterance"].tolist()
    places = by_row(path, arrays | {"words": np.arange(len(arrays["words"]))}, "words", "word_offsets", len(names))
    columns = [arrays[name].tolist() for name in ("words", "word_start", "word_end")]
    return {name: [tuple(c[k] for c in columns) for k in places[i].tolist()] for i, name in enumerate(names)}
