"""Export features as one .npy per utterance with two tables, the layout that earlier work on IEMOCAP trains from.

Folders and tables follow the repository tarun-infiniteloop/cross_modal_emotion_recognition. Its README lists the
columns of iemocap.csv, but describes iemocap_features.csv only as "extracted MFCC features, labels, and other details";
its code reads `Label` from it and adds `Label_num`. The other columns of that table are therefore our choice: speaker,
gender, and the path of each array.
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
RATE = 16_000  # Hz, of the sound behind the features
VIEWS = ("text",)  # views whose items the tables contain
ENCODERS = {"text": "sbert", "frames": "clip", "audio": "mfcc"}  # of the folders, augmented or not
RANDOM = ": RANDOM WEIGHTS, the encoder was not pretrained"
TABLE = ["FileName", "Sentences", "Label", "text", "AugmentedText"]
FEATURES = ["FileName", "Sentences", "Label", "Label_num", "speaker", "gender", *FOLDERS.values()]
NUMBERS = ("neu", "ang", "sad", "hap")  # 0, 1, 2, 3 in that repository, which merges exc into hap
ABOUT = """Features, one .npy (float32, numpy.load) per utterance:
text_embeddings/, augmented_text_embeddings/  (D,)    sentence embedding of the transcript; of its back-translation
frames_embedding/, aug_frames_embeddings/     (K, D)  one row per picture in temporal order; of the augmented pictures
mfcc_embeddings/, aug_mfcc_embeddings/        (C, T)  MFCCs, 20 coefficients by default; of the synthetic speech

This export contains:
{origins}

{corpus}.csv: FileName, Sentences (transcript), Label (the corpus's own code), text (its words in lower case, without
punctuation or tags), AugmentedText (the back-translation, empty if there is none).
{corpus}_features.csv: Label_num and the path of each array, empty if the utterance lacks that modality.

The aug folders hold a copy of every utterance, including those of test sets: train only on the copies of train rows.
Data derived from a corpus remains under that corpus's licence.
"""


def in_layout(view: str, matrix: np.ndarray) -> np.ndarray:
    """A row (T, D) of a store in the exported layout: (D, T) for audio; (D,) for text, averaged over steps."""
    matrix = np.asarray(matrix, np.float32)
    if view.startswith("audio"):
        return np.ascontiguousarray(matrix.T)
    return matrix.mean(axis=0) if view.startswith("text") else matrix


def numbers(labels: Sequence[str]) -> dict[str, int]:
    """Class -> number: first the four of that repository, then all others in alphabetical order."""
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
    """Write the folder `out`, replacing an earlier export as a whole; return facts for a sidecar.

    rows: the whole corpus; rows whose label is not in `classes` (code -> class) are left out. stores: view -> matrix
    (T, D) of a row; T = 0 writes no file and lists the row in facts["missing"]. before, after: transcript and
    back-translation of a row. origins: view -> {"feature", "weights" (a name or None), "random"}, for the README.
    Raises InputError if no row is left.
    """
    kept = [row for row in rows if row.label in classes]
    if not kept:
        known = ", ".join(sorted({row.label for row in rows}))
        raise InputError(out, "no utterance has a label in the label map", f"the labels of the corpus are: {known}")
    number = numbers([classes[row.label] for row in kept])
    missing: dict[str, list[str]] = {FOLDERS[view]: [] for view in stores}

    def shared(row: Utterance) -> dict:
        return {"FileName": row.utterance, "Sentences": before(row), "Label": row.label}

    def texts(row: Utterance) -> dict:
        return shared(row) | {"text": " ".join(words(before(row))), "AugmentedText": after(row)}

    def features(row: Utterance) -> dict:
        cells = {"Label_num": number[classes[row.label]], "speaker": row.speaker, "gender": row.gender}
        return shared(row) | cells | _arrays(folder, row, stores, missing)

    with replaced(out) as folder:
        for name in missing:
            (folder / name).mkdir()
        (folder / "README.txt").write_text(readme(corpus, origins), encoding="utf-8")
        records.write(folder / f"{corpus}.csv", TABLE, map(texts, kept))
        records.write(folder / f"{corpus}_features.csv", FEATURES, map(features, progress(kept)))
    counts = {"rows": len(kept), "left_out": len(rows) - len(kept), "numbers": number, "missing": missing}
    counts |= {"features": {FOLDERS[view]: origin for view, origin in origins.items()}}
    return counts | {"files": {name: len(kept) - len(names) for name, names in missing.items()}}


def readme(corpus: str, origins: dict[str, dict]) -> str:
    """README of an export: its files, and which of them come from random weights."""
    lines = []
    for view, origin in origins.items():
        weights = f", weights {origin['weights']}" if origin["weights"] else ""
        lines.append(f"{FOLDERS[view]}/: {origin['feature']}{weights}{RANDOM if origin['random'] else ''}")
    return ABOUT.format(corpus=corpus, origins="\n".join(lines))


def _arrays(folder: Path, row: Utterance, stores: dict, missing: dict[str, list[str]]) -> dict[str, str]:
    """Write the arrays of a row; return their paths by folder."""
    paths = {}
    for view, matrix_of in stores.items():
        name, matrix = FOLDERS[view], matrix_of(row)
        if len(matrix):
            paths[name] = f"{name}/{row.utterance}.npy"
            np.save(folder / paths[name], in_layout(view, matrix), allow_pickle=False)
        else:
            missing[name].append(row.utterance)
    return paths


def progress(rows: Sequence) -> Iterator:
    from tqdm import tqdm

    return iter(tqdm(rows, "export", disable=None, unit="row"))


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `out` on success and is removed on failure."""
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


def reader(files: dict[str, Path], positions: dict[str, int]) -> Callable[[Utterance], np.ndarray]:
    """Row -> its matrix, from the stores of all parts. positions: utterance -> row within its part."""
    stores = {part: Ragged.open(path) for part, path in files.items()}
    return lambda row: stores[row.part][positions[row.utterance]]
