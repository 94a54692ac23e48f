"""Features as one .npy per utterance, and two tables: the layout that earlier work on IEMOCAP trains from.

Folders and tables are those of the repository tarun-infiniteloop/cross_modal_emotion_recognition. Its README gives the
columns of iemocap.csv, but of iemocap_features.csv says only that it holds "extracted MFCC features, labels, and other
details"; its code reads `Label` there and adds `Label_num`. So the further columns of that table are our choice:
speaker, gender, and the path of each array.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import sync_tree
from emospace.core.store import Ragged
from emospace.core.words import words

FOLDERS = {
    "text": "text_embeddings",
    "text_bt": "augmented_text_embeddings",
    "frames": "frames_embedding",
    "frames_aug": "aug_frames_embeddings",
    "audio": "mfcc_embeddings",
    "audio_tts": "aug_mfcc_embeddings",
}
RATE = 16_000  # Hz, of the sound whose features these are
VIEWS = ("text",)  # of which the tables hold the items themselves
ENCODERS = {"text": "sbert", "frames": "clip", "audio": "mfcc"}  # what the folders hold, augmented or not
RANDOM = ": RANDOM WEIGHTS, it was not pretrained"
TABLE = ["FileName", "Sentences", "Label", "text", "AugmentedText"]
FEATURES = ["FileName", "Sentences", "Label", "Label_num", "speaker", "gender", *FOLDERS.values()]
NUMBERS = ("neu", "ang", "sad", "hap")  # 0, 1, 2, 3 in that code, which counts exc as hap
ABOUT = """Features, one .npy (float32, numpy.load) per utterance:
text_embeddings/, augmented_text_embeddings/  (D,)    sentence embedding of the transcript; of its back-translation
frames_embedding/, aug_frames_embeddings/     (K, D)  a row per picture in order of time; of the changed pictures
mfcc_embeddings/, aug_mfcc_embeddings/        (C, T)  MFCC by time, 20 coefficients by default; of the synthetic speech

The folders that are here hold:
{origins}

{corpus}.csv: FileName, Sentences (transcript), Label (the corpus's own code), text (its words in lower case, without
punctuation or tags), AugmentedText (the back-translation, empty where there is none).
{corpus}_features.csv: Label_num and the path of each array, empty where the utterance lacks that modality.

The aug folders hold a copy of every utterance, those of any test set included: train on the copies of train rows only.
What is derived from a corpus stays under that corpus's licence.
"""


def shaped(view: str, matrix: np.ndarray) -> np.ndarray:
    """A row (T, D) of a store as that layout has it: (D, T) of audio, (D,) of text, the mean over steps if several."""
    matrix = np.asarray(matrix, np.float32)
    if view.startswith("audio"):
        return np.ascontiguousarray(matrix.T)
    return matrix.mean(axis=0) if view.startswith("text") else matrix


def numbers(labels: Sequence[str]) -> dict[str, int]:
    """Class -> number: that code's own four first, all others behind them in alphabetical order."""
    others = sorted(set(labels) - set(NUMBERS))
    return {name: i for i, name in enumerate([*NUMBERS, *others])}


def write(
    out: Path,
    corpus: str,
    rows: Sequence[Utterance],
    stores: dict[str, Callable[[Utterance], np.ndarray]],
    before: Callable[[Utterance], str],
    after: Callable[[Utterance], str],
    classes: dict[str, str],
    origins: dict[str, dict],
) -> dict:
    """Write the folder `out`, replacing an earlier one as a whole; returns facts for a sidecar.

    rows: of the whole corpus; those whose label is not in `classes` (code -> class) are left out. stores: view ->
    matrix (T, D) of a row, T = 0 where missing: that file is left out, and the row named in facts["missing"].
    before, after: transcript and back-translation of a row. origins: view -> {"feature", "weights" (a name or None),
    "random"} of a store, told to readers. Raises InputError where no row is left.
    """
    kept = [row for row in rows if row.label in classes]
    if not kept:
        known = ", ".join(sorted({row.label for row in rows}))
        raise InputError(out, "no utterance has a label of the map", f"the labels of the corpus are: {known}")
    number = numbers([classes[row.label] for row in kept])
    missing: dict[str, list[str]] = {FOLDERS[view]: [] for view in stores}

    def shared(row: Utterance) -> dict:
        return {"FileName": row.utterance, "Sentences": before(row), "Label": row.label}

    def texts(row: Utterance) -> dict:
        return shared(row) | {"text": " ".join(words(before(row))), "AugmentedText": after(row)}

    def features(row: Utterance) -> dict:
        about = {"Label_num": number[classes[row.label]], "speaker": row.speaker, "gender": row.gender}
        return shared(row) | about | _arrays(folder, row, stores, missing)

    with replaced(out) as folder:
        for name in missing:
            (folder / name).mkdir()
        (folder / "README.txt").write_text(readme(corpus, origins), encoding="utf-8")
        records.write(folder / f"{corpus}.csv", TABLE, map(texts, kept))
        records.write(folder / f"{corpus}_features.csv", FEATURES, map(features, progress(kept)))
    counts = {"rows": len(kept), "left_out": len(rows) - len(kept), "numbers": number, "missing": missing}
    counts |= {"features": {FOLDERS[view]: about for view, about in origins.items()}}
    return counts | {"files": {name: len(kept) - len(names) for name, names in missing.items()}}


def readme(corpus: str, origins: dict[str, dict]) -> str:
    """What an export says of itself: what its files are, and which are by random weights."""
    lines = []
    for view, about in origins.items():
        weights = f", weights {about['weights']}" if about["weights"] else ""
        lines.append(f"{FOLDERS[view]}/: {about['feature']}{weights}{RANDOM if about['random'] else ''}")
    return ABOUT.format(corpus=corpus, origins="\n".join(lines))


def _arrays(folder: Path, row: Utterance, stores: dict, missing: dict[str, list[str]]) -> dict[str, str]:
    """Write the arrays of a row; the paths written, by folder."""
    paths = {}
    for view, matrix_of in stores.items():
        name, matrix = FOLDERS[view], matrix_of(row)
        if len(matrix):
            paths[name] = f"{name}/{row.utterance}.npy"
            np.save(folder / paths[name], shaped(view, matrix), allow_pickle=False)
        else:
            missing[name].append(row.utterance)
    return paths


def progress(rows: Sequence) -> Iterator:
    from tqdm import tqdm

    return iter(tqdm(rows, "export", disable=None, unit="row"))


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `out` on success and is removed on failure."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as home:
        fresh = Path(home, "new")
        fresh.mkdir()
        yield fresh
        sync_tree(fresh)
        if out.exists():
            out.rename(Path(home, "old"))
        fresh.rename(out)


def reader(files: dict[str, Path], place: dict[str, int]) -> Callable[[Utterance], np.ndarray]:
    """Row -> its matrix, from the stores of all parts. place: utterance -> row within its part."""
    stores = {part: Ragged.open(path) for part, path in files.items()}
    return lambda row: stores[row.part][place[row.utterance]]
