"""Pictures of utterances: one stored zip of JPEGs `<utterance>/<k>.jpg`. Knows nothing of how they came about."""

import zipfile
from collections import Counter
from pathlib import Path

from emospace.errors import InputError

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: equal pictures give equal bytes


class Frames:
    """Reader of a frames view: opens the zip once, reads a row at a time.

    counts: utterance -> number of its pictures; utterances without any are not in it. Raises InputError if no zip.
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
