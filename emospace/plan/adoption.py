"""Is an artifact what today's recipe and today's inputs would make? Its sidecar tells, on any machine.

Nothing here looks at time stamps, or at what a workflow manager remembers: a clone has neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import read_json

Digest = Callable[[Path], str]
REMEDY = "get them back (dvc checkout), or delete them and the workflow makes them again; nothing was adopted"
SHOWN = 10


@dataclass(eq=False)
class Job:
    """What a job makes, as the workflow plans it today. needs: jobs of whose outputs it must have read some."""

    rule: str
    recipe: Path
    outputs: Sequence[Path]
    needs: list["Job"] = field(default_factory=list)


@dataclass
class Record:
    """A sidecar: where it lies, what it says, and file -> digest of all that it vouches for."""

    path: Path
    says: dict
    files: dict[Path, str]


def read_sidecar(path: Path) -> dict | None:
    """What a sidecar says; None of a file that is none, or not here. Raises InputError where it is broken."""
    says = read_json(path) if path.suffix == ".json" and path.exists() else None
    return says if isinstance(says, dict) and says.keys() >= {"recipe", "inputs", "outputs"} else None


def record_of(job: Job) -> Record | None:
    """The sidecar among the outputs of a job, if it is there. Raises InputError where it is broken."""
    for path in job.outputs:
        if says := read_sidecar(path):
            return Record(path, says, _vouched(path, says, job.outputs))
    return None


def _vouched(sidecar: Path, says: dict, outputs: Sequence[Path]) -> dict[Path, str]:
    """Digests of the outputs, which a sidecar knows by their names alone, and of weights that were fetched."""
    place = {path.name: path for path in outputs}
    made = {place.get(name, sidecar.parent / name): digest for name, digest in says["outputs"].items()}
    fetched = {name: file["sha256"] for name, file in says.get("files", {}).items() if isinstance(file, dict)}
    return made | {sidecar.parent / name: digest for name, digest in fetched.items()}


def refuse_altered(records: Sequence[Record], digest: Digest) -> None:
    """Raise InputError, with their names, if any file is not the one that its sidecar vouches for."""
    wrong = [
        str(path)
        for record in records
        for path, expected in record.files.items()
        if path.exists() and digest(path) != expected
    ]
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise InputError(", ".join([*wrong[:SHOWN], *more]), "altered since the sidecar was written", REMEDY)


def why_stale(job: Job, record: Record | None, makers: Mapping[str, Job], digest: Digest) -> str:
    """Why a job has to run again, or "" if its outputs are what it would make.

    makers: path of every output in the workflow -> its job. The digests of the outputs are taken to be right.
    """
    if record is None:
        return "nothing records how it was made" if any(p.exists() for p in job.outputs) else "it is not here"
    lost = [path for path in (*job.outputs, *record.files) if not path.exists()]
    if lost:
        return f"{lost[0]} is not here"
    if unknown := set(job.outputs) - {record.path, *record.files}:
        return f"nothing records how {min(unknown)} was made"
    recipe, then = read_json(job.recipe), record.says["recipe"]
    if changed := sorted(k for k in recipe.keys() | then.keys() if recipe.get(k) != then.get(k)):
        return f"its recipe has other {', '.join(changed)}"
    return _other_inputs(job, record.says["inputs"], makers, digest)


def _other_inputs(job: Job, inputs: dict[str, str], makers: Mapping[str, Job], digest: Digest) -> str:
    """Why the inputs that a sidecar recorded are not those that the job would read now, or ""."""
    for name, expected in inputs.items():
        if name not in makers:
            return f"it was made from {name} too"
        if not Path(name).exists() or digest(Path(name)) != expected:
            return f"it was made from another {name}"
    read = {id(makers[name]) for name in inputs}
    unread = [need for need in job.needs if id(need) not in read]
    return f"it was made without {unread[0].outputs[0]}" if unread else ""
