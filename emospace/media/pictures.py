"""Frames of utterances as files: an uncompressed zip of JPEGs `<utterance>/<k>.jpg`."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip, so that equal pictures give equal bytes


def encode(picture: np.ndarray, quality: int) -> bytes:
    """Encode a picture, uint8 (H, W, 3), as JPEG; quality: 1 to 95."""
    from PIL import Image

    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return file.getvalue()


def decode(jpeg: bytes) -> np.ndarray:
    """Decode a JPEG to uint8 (H, W, 3).

    Pillow raises OSError, SyntaxError or ValueError for a truncated JPEG; OpenCV would fill the rest with grey.
    """
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        return np.asarray(picture.convert("RGB"))


def add(archive: zipfile.ZipFile, utterance: str, k: int, jpeg: bytes) -> None:
    """Store the k-th picture of an utterance."""
    archive.writestr(zipfile.ZipInfo(f"{utterance}/{k}.jpg", EPOCH), jpeg)


class Frames:
    """Reader of a frames view: opens the zip once and reads a row at a time.

    counts: utterance -> number of its pictures; utterances without any are absent. Raises InputError if `path` is not a
    zip.
    """

    def __init__(self, path: Path):
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(path, f"not a readable zip ({error})", "delete it and run the workflow again") from error
        self.counts = dict(Counter(name.rpartition("/")[0] for name in self.archive.namelist()))

    def row(self, utterance: str) -> list[bytes]:
        """JPEGs of one utterance in order of time, [] if it has none."""
        return [self.archive.read(f"{utterance}/{k}.jpg") for k in range(self.counts.get(utterance, 0))]

    def close(self) -> None:
        self.archive.close()

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_) -> None:
        self.close()
