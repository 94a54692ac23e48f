"""Choose the trigger file that stands for the raw files of each part of a corpus in a plan (see raw_files.py)."""

from collections.abc import Callable
from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_digests, read_json
from emospace.plan.raw_files import agrees, by_part, grouping, look, trigger
from emospace.plan.staleness import read_sidecar

Recorded = Callable[[Path, Path], Path | None]


def triggers(
    plan, corpus: str, state: Path, recorded: Recorded, odd: dict[str, str] | None = None
) -> tuple[dict[str, str], InputError | None]:
    """Return (part -> its trigger file below `state`, a warning if the corpus is absent). odd: as in `walk`.

    recorded(output, folder): the input below `folder` from which Snakemake last built `output`, by its records. A part
    keeps that trigger as long as the raw files match its sidecar, regardless of location and time stamps, and as long
    as the corpus is absent.
    """
    root, manifests = plan.root(corpus), Path("data/manifest", corpus)
    generated, reader = _generated(plan, corpus), plugin.find("corpora", plan.reader(corpus))
    group = grouping(reader, Path(root), plan.reader_options(corpus))
    now = look(root, state, group, read_digests(sorted(manifests.glob("*.sha256"))), generated, odd)
    present, paths = bool(now) or plan.generated(corpus), {}
    for part, files, content in by_part(now, plan.parts(corpus), group, generated):
        sidecar, path = manifests / f"{part}.json", trigger(state, part, content)
        before = recorded(sidecar, state)
        if before and before != path and before.is_file() and (not present or _as_indexed(sidecar, files)):
            path = before
        paths[part] = str(path)
    return paths, None if present else _absent(corpus, root, any(manifests.glob("*.json")))


def described(root: str, odd: dict[str, str]) -> str:
    """Return a one-line warning about the unreadable files of a corpus."""
    path, reason = min(odd.items())
    more = f", and {len(odd) - 1} more of the kind" if len(odd) > 1 else ""
    return str(InputError(Path(root, path), f"{reason}{more}; skipped", "fix or remove it"))


def _generated(plan, corpus: str) -> dict[str, str]:
    """Return path -> digest of each file of a generated corpus, as generated."""
    sidecar = Path(plan.root(corpus), f"{corpus}.json")
    return read_json(sidecar)["files"] if plan.generated(corpus) and sidecar.exists() else {}


def _as_indexed(sidecar: Path, files: dict[str, str]) -> bool:
    content = read_sidecar(sidecar)
    return content is not None and agrees(content.get("raw", {}), files)


def _absent(corpus: str, root: str, indexed: bool) -> InputError:
    """Return the warning for a corpus without any file. indexed: do manifests of it exist?"""
    consequence = "its existing artifacts are used unchanged" if indexed else "it was never indexed either"
    reason = f"no file of {corpus!r} is there; {consequence}"
    remedy = f"mount its disk, or set EMOSPACE_{corpus.upper()} (or `corpora: {corpus}: root` in the config)"
    return InputError(root, reason, remedy)
