"""The sidecars of the files that a script reads: by convention each lies beside its file, with the suffix .json."""

from collections.abc import Iterable
from pathlib import Path


def sidecars(*files: Path) -> list[Path]:
    """`<part>.json` for `<part>.npy`, `<part>.zip` and `<part>.csv`; `0.spoken.json` for `0.spoken.csv`."""
    return list(dict.fromkeys(Path(file).with_suffix(".json") for file in files))


def parts(files: Iterable[Path]) -> dict[str, Path]:
    """Part -> file, from names such as `0.npy` or `0.spoken.csv`."""
    return {Path(file).name.split(".")[0]: Path(file) for file in files}
