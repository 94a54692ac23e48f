"""Which trigger file stands for the raw files of each part of a corpus (see _raw.py), in the eyes of a plan."""

from collections.abc import Callable
from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_digests, read_json
from emospace.plan.adoption import read_sidecar
from emospace.plan.raw_files import agrees, by_part, grouping, look, trigger

Recorded = Callable[[Path, Path], Path | None]


def triggers(
    plan, corpus: str, state: Path, recorded: Recorded, odd: dict[str, str] | None = None
) -> tuple[dict[str, str], InputError | None]:
    """(part -> its trigger file below `state`, why the corpus is not here if it is not). odd: as in `_raw.walk`.

    recorded(output, folder): the input below `folder` from which Snakemake remembers having made `output`. A part keeps
    that one as long as the raw files are those that its sidecar recorded, wherever they lie and whatever their time
    stamps are, and as long as the corpus is not here.
    """
    root, manifests = plan.root(corpus), Path("data/manifest", corpus)
    made, reader = _made(plan, corpus), plugin.find("corpora", plan.reader(corpus))
    group = grouping(reader, Path(root), plan.reader_options(corpus))
    now = look(root, state, group, read_digests(sorted(manifests.glob("*.sha256"))), made, odd)
    here, found = bool(now) or plan.generated(corpus), {}
    for part, files, content in by_part(now, plan.parts(corpus), group, made):
        sidecar, path = manifests / f"{part}.json", trigger(state, part, content)
        before = recorded(sidecar, state)
        if before and before != path and before.is_file() and (not here or _as_indexed(sidecar, files)):
            path = before
        found[part] = str(path)
    return found, None if here else _nowhere(corpus, root, any(manifests.glob("*.json")))


def described(root: str, odd: dict[str, str]) -> str:
    """One line on what lies in a corpus and cannot be read."""
    path, why = min(odd.items())
    more = f", and {len(odd) - 1} more of the kind" if len(odd) > 1 else ""
    return str(InputError(Path(root, path), f"{why}{more}; left out", "mend or remove it"))


def _made(plan, corpus: str) -> dict[str, str]:
    """Path -> digest of each file of a generated corpus."""
    made = Path(plan.root(corpus), f"{corpus}.json")
    return read_json(made)["files"] if plan.generated(corpus) and made.exists() else {}


def _as_indexed(sidecar: Path, files: dict[str, str]) -> bool:
    says = read_sidecar(sidecar)
    return says is not None and agrees(says.get("raw", {}), files)


def _nowhere(corpus: str, root: str, read: bool) -> InputError:
    """What to say of a corpus of which no file was found. read: are there manifests of it?"""
    then = "what was made from it is taken as it is" if read else "and nothing was ever read from it"
    reason = f"no file of {corpus!r} is there; {then}"
    remedy = f"mount its disk, or set EMOSPACE_{corpus.upper()} (or `corpora: {corpus}: root` in the config)"
    return InputError(root, reason, remedy)
