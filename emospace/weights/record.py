"""The record of pretrained weights: their source, their digests, and whether they are random.

The rule fetch_weights writes `weights/<name>/weights.json` once all files that it lists are verified. Encoders get the
`Weights` that `open_weights` reads from it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, sha256, write_json

RECORD = "weights.json"
REMEDY = "run: snakemake --cores 1 weights (with your --configfile, if any)"


@dataclass(frozen=True)
class Weights:
    """Pretrained weights in a folder. If `random` is true, it has no files: the encoder draws them, with a fixed seed.

    kind: type of source, as in the config: hub, pypi, archive, opus_mt, local, pairs or random. source: a description
    of it: repository, packages, path or URL; for pairs, the training data; for random weights, what they replace.
    revision: commit of the repository, sha256 of the archive, or empty. files: path below `directory` -> {"sha256",
    "size"}, size in bytes. why: the reason for random weights, or empty.
    """

    name: str
    directory: Path
    kind: str
    source: str
    revision: str
    files: dict[str, dict]
    random: bool
    why: str

    def facts(self) -> dict:
        """Return the fields that a sidecar records."""
        return {
            "name": self.name,
            "source": self.source,
            "revision": self.revision,
            "sha256": {path: file["sha256"] for path, file in self.files.items()},
            "random": self.random,
        }

    def path(self, name: str = "", suffix: str = ".safetensors") -> Path:
        """Return the file `name`, or else the only file with that suffix; raise InputError if it is not unique."""
        names = [name] if name in self.files else [file for file in self.files if file.endswith(suffix)]
        if len(names) != 1:
            reason = f"the weights {self.name!r} have {len(names)} files *{suffix}"
            raise InputError(self.directory / RECORD, reason, "name exactly one in the config: weights: files")
        return self.directory / names[0]


def open_weights(directory: Path, verified: Path | None = None) -> Weights:
    """Read the record of a folder of weights/ and verify size and sha256 of each file.

    verified: JSON cache of earlier checks, updated in place; a file is not hashed again while its size, time stamps and
    inode are unchanged. Raises InputError, whose remedy is the command to run, if the record or a file is missing or a
    file differs from the one that was fetched.
    """
    directory = Path(directory)
    if not (directory / RECORD).exists():
        raise InputError(directory / RECORD, "these weights have not been fetched", REMEDY)
    record = read_json(directory / RECORD)
    before = _read_verified(verified)
    now = {name: _verify(directory, name, file, before.get(name)) for name, file in record["files"].items()}
    if verified and now != before:
        write_json(verified, now)
    fields = {key: record[key] for key in ("name", "kind", "source", "revision", "files", "random", "why")}
    return Weights(directory=directory, **fields)


def _read_verified(verified: Path | None) -> dict[str, list]:
    try:
        return read_json(verified) if verified and verified.is_file() else {}
    except InputError:  # damaged: verify everything again
        return {}


def _verify(directory: Path, name: str, file: dict, before: list | None) -> list:
    """Return [size, mtime, ctime, inode, sha256] of a file, which is hashed unless they equal those of `before`."""
    path = directory / name
    if not path.is_file():
        raise InputError(path, "the file is missing", _refetch(directory))
    stat = os.stat(path)
    if stat.st_size != file["size"]:
        reason = f"its size is {stat.st_size} bytes, not {file['size']}"
        raise InputError(path, reason, _refetch(directory))
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    if before == [*stamp, file["sha256"]]:
        return before
    digest = sha256(path)
    if digest != file["sha256"]:
        reason = f"it changed after it was fetched: its sha256 is {digest}, not {file['sha256']}"
        raise InputError(path, reason, _refetch(directory))
    return [*stamp, digest]


def _refetch(directory: Path) -> str:
    return f"delete {directory} and {REMEDY}"
