"""Files of all parts, by part."""

from collections.abc import Iterable
from pathlib import Path


def parts(files: Iterable[Path]) -> dict[str, Path]:
    """Return part -> file, from names such as `0.npy` or `0.spoken.csv`."""
    return {Path(file).name.split(".")[0]: Path(file) for file in files}
