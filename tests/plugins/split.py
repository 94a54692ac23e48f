"""Alternating speakers: in fold k, every `folds`-th speaker from the k-th is test, and each next one is dev."""

from emospace.core.errors import InputError

FOLDS = 3
COVERS = True


def split(rows, folds, *, start: int = 0):
    """start: alphabetical index of the speaker who is tested first."""
    speakers = sorted({row.speaker for row in rows})
    place = {speaker: (number - start) % folds for number, speaker in enumerate(speakers)}
    return [[side((place[row.speaker] - fold) % folds) for row in rows] for fold in range(folds)]


def side(distance):
    return {0: "test", 1: "dev"}.get(distance, "train")


def check(folds, sides, **options):
    if folds < 3:
        raise InputError("alternating", f"{folds} folds leave nobody for train", "ask for 3 or more")
