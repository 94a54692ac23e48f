"""What a job on a fold reads, and what its sidecar and its checkpoints take over from that."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS, Utterance
from emospace.core.provenance import canonical, read_json, sha256
from emospace.core.sidecars import OF_MODELS
from emospace.protocols import fold_tables
from emospace.runs.folds import Readers, place_of

CHECKPOINTS = Path(".emospace/checkpoints")


def readers(recipe: dict, manifests: Sequence[Path]) -> Readers:
    """View that a run reads -> a function from the view's file of a part to its items. manifests: of all parts."""
    of_part = {(path.parent.name, path.stem): path for path in manifests}

    def reader(view: str) -> Callable[[Path], Sequence]:
        read = plugin.find("views", view).read
        return lambda path: list(read(path, unlabelled(of_part[place_of(path)])))

    return {name: reader(view) for name, view in recipe.get("readers", {}).items()}


def unlabelled(path: Path) -> list[Utterance]:
    """Rows of a manifest without labels of any kind, because some of them are test rows."""
    blank = dict.fromkeys(("label", "gender", "intensity", "votes"), "") | dict.fromkeys(RATINGS)
    return [replace(row, **blank) for row in manifest.read(path)]


def refuse_unaudited(audits: Sequence[Path], tables: Sequence[Path], children: Sequence[Path]) -> None:
    """Raise InputError unless every audit passed and read these tables, and some audit read each table of children.

    audits: of the protocol, then of augmented rows. tables: the fold table and the sidecar of its protocol.
    """
    contents = [read_json(path) for path in audits]
    for path, audit in zip(audits, contents, strict=True):
        if audit.get("ok") is not True:
            raise InputError(path, "the audit did not pass", "mend the protocol")
    audited = [set(audit["inputs"].values()) for audit in contents]
    for table in tables:
        if sha256(table) not in set.intersection(*audited):
            raise InputError(table, "no audit has seen this table", "run the workflow again")
    for path in children:
        if sha256(path) not in set.union(*audited):
            raise InputError(path, "no audit has seen these augmented rows", "run the workflow again")


def checkpoint_folder(recipe: dict, files: Iterable[Path], seed: int, out: Path) -> Path:
    """A folder for exactly this recipe, these inputs and this seed: no stale checkpoint is ever resumed.

    out: where the results go. The same run of another config is another job, and may train at the same time.
    """
    key = canonical([recipe, seed, str(out), [sha256(file) for file in files]])
    return CHECKPOINTS / hashlib.sha256(key.encode()).hexdigest()[:24]


def inherited(sidecars: Iterable[Path]) -> dict[str, list[str]]:
    """Facts that a run takes over from its inputs, given their sidecars.

    random_inputs: inputs, and weights of models, that are randomly initialised or derive from such weights.
    in_sample_runs: runs whose outputs for train rows come from a model that had learnt from these rows.
    """
    contents = [read_json(path) for path in sidecars]
    random = {facts["recipe"]["feature"] for facts in contents if facts.get("random_weights")}
    random |= {f"{OF_MODELS}{facts['name']}" for facts in contents if facts.get("random")}
    in_sample = {facts["recipe"]["run"] for facts in contents if facts.get("in_sample")}
    own = {"random_inputs": random, "in_sample_runs": in_sample}
    return {key: sorted(names.union(*(facts.get(key, []) for facts in contents))) for key, names in own.items()}


def training_facts(
    fold: Fold, seed: int, sources: Sequence[Path], children: Mapping[str, Path], unasked: Iterable[str]
) -> dict:
    """Facts of a training for its sidecar: sizes, classes, seed, inputs absent from all train rows, `inherited`.

    children: augmented view -> table of its rows. unasked: `run:<name>` of runs without outputs for train rows.
    """
    sizes = {side: len(getattr(fold, side)) for side in ("train", "dev", "test")}
    absent = [name for name in fold.train.inputs if not fold.train.only(name).present().any()]
    missing = [name for name in absent if name.partition(".")[0] not in set(unasked)]
    facts = {"n": sizes, "classes": list(fold.classes), "seed": seed, "missing": missing} | inherited(sources)
    if children:  # `n` counts them too
        facts["children"] = {view: len(fold_tables.read(path)) for view, path in children.items()}
    return facts
