"""Decide from its sidecar whether an artifact matches the current recipe and inputs, on any machine.

Time stamps and the records of a workflow manager are not used: a clone has neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json

Digest = Callable[[Path], str]
REMEDY = "restore them (dvc checkout), or delete them and the workflow rebuilds them; nothing was adopted"
SHOWN = 10


@dataclass(eq=False)
class Job:
    """A job as the workflow plans it now. needs: jobs of which it must have read at least one output."""

    rule: str
    recipe: Path
    outputs: Sequence[Path]
    needs: list["Job"] = field(default_factory=list)


@dataclass
class Record:
    """A sidecar: its path, its content, and file -> digest of all files that it describes."""

    path: Path
    sidecar: dict
    files: dict[Path, str]


def read_sidecar(path: Path) -> dict | None:
    """Read a sidecar; None if the file is missing or not a sidecar. Raises InputError if it is broken."""
    content = read_json(path) if path.suffix == ".json" and path.exists() else None
    return content if isinstance(content, dict) and content.keys() >= {"recipe", "inputs", "outputs"} else None


def record_of(job: Job) -> Record | None:
    """Return the sidecar among the outputs of a job, if it exists. Raises InputError if it is broken."""
    for path in job.outputs:
        if sidecar := read_sidecar(path):
            return Record(path, sidecar, _described_files(path, sidecar, job.outputs))
    return None


def _described_files(path: Path, sidecar: dict, outputs: Sequence[Path]) -> dict[Path, str]:
    """Return the digests of the outputs, which a sidecar lists by file name, and of fetched weights."""
    by_name = {output.name: output for output in outputs}
    digests = {by_name.get(name, path.parent / name): digest for name, digest in sidecar["outputs"].items()}
    fetched = {name: file["sha256"] for name, file in sidecar.get("files", {}).items() if isinstance(file, dict)}
    return digests | {path.parent / name: digest for name, digest in fetched.items()}


def refuse_altered(records: Sequence[Record], digest: Digest) -> None:
    """Raise InputError with the names of all files that do not match their sidecars."""
    wrong = [
        str(path)
        for record in records
        for path, expected in record.files.items()
        if path.exists() and digest(path) != expected
    ]
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise InputError(", ".join([*wrong[:SHOWN], *more]), "altered since the sidecar was written", REMEDY)


def why_stale(job: Job, record: Record | None, producers: Mapping[str, Job], digest: Digest) -> str:
    """Return why a job has to run again, or "" if its outputs are up to date.

    producers: path of each output in the workflow -> its job. The outputs must have passed `refuse_altered`.
    """
    if record is None:
        return "it has no sidecar" if any(p.exists() for p in job.outputs) else "it is missing"
    lost = [path for path in (*job.outputs, *record.files) if not path.exists()]
    if lost:
        return f"{lost[0]} is missing"
    if unlisted := set(job.outputs) - {record.path, *record.files}:
        return f"its sidecar does not list {min(unlisted)}"
    recipe, then = read_json(job.recipe), record.sidecar["recipe"]
    if changed := sorted(k for k in recipe.keys() | then.keys() if recipe.get(k) != then.get(k)):
        return f"its recipe differs in {', '.join(changed)}"
    return _input_change(job, record.sidecar["inputs"], producers, digest)


def _input_change(job: Job, inputs: dict[str, str], producers: Mapping[str, Job], digest: Digest) -> str:
    """Return how the inputs in a sidecar differ from those that the job would read now, or ""."""
    for name, expected in inputs.items():
        if name not in producers:
            return f"it was also built from {name}"
        if not Path(name).exists() or digest(Path(name)) != expected:
            return f"it was built from another version of {name}"
    read = {id(producers[name]) for name in inputs}
    unread = [need for need in job.needs if id(need) not in read]
    return f"it was built without {unread[0].outputs[0]}" if unread else ""
