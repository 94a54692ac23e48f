"""Provenance of artifacts: recipes, sidecars, digests, atomic writes.

A *recipe* is a small JSON file with everything that a job depends on besides data: its options, its seed and the
digests of the Python files that it runs. Its name contains a digest of its content and it is never rewritten, so a job
reads the recipe that its plan named, whatever is planned later. The job copies the recipe into the *sidecar* that it
writes next to each artifact, with digests of inputs and outputs. An artifact is therefore up to date, on any machine,
if and only if its sidecar contains the current recipe and the digests of the current inputs.
"""

import contextlib
import errno
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.syntax import syntax

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # from file systems without fsync, or without fsync of folders
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
NAMED = 16  # hex digits of the digest in a content-addressed file name


def sha256(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Read files in `sha256sum` format; return path -> digest."""
    lines = (line for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def write_digests(path: Path, digests: Iterable[tuple[str, str]]) -> None:
    """Write (path, digest) pairs in `sha256sum` format."""
    with atomic(path) as tmp:
        tmp.write_text("".join(f"{digest}  {name}\n" for name, digest in digests), encoding="utf-8")


@contextlib.contextmanager
def atomic(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix (writers such as numpy append one otherwise) and contains the process id, so
    writers never share it and a killed writer never leaves a partial file under the final name. The next process that
    writes the file removes temporary files that killed writers left.

    Content reaches the disk before the rename, and the rename before the next file is written: after a power loss, a
    file is complete or absent, and no sidecar exists without the file that it describes. durable=False skips the wait
    for the disk, for files whose reader repairs such damage.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    tmp = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield tmp
        if durable:
            _sync(tmp)
        os.replace(tmp, path)
        if durable:
            _sync(path.parent)
    finally:
        tmp.unlink(missing_ok=True)


def sync_tree(folder: Path) -> None:
    """Flush a folder and everything below it to the disk, before the folder is renamed into place.

    Uses threads, whose waits the file system merges: one at a time, ten thousand files take a minute.
    """
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(_sync, [folder, *Path(folder).rglob("*")]):
            pass


def _sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk; OSError if the disk fails or is full."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove the temporary files of `path` whose writers have ended.

    Those of other files stay: their writers may run on another machine, to which the process ids refer.
    """
    for pid, temporary in _temporaries(path.parent.absolute()).get(path.stem, []):
        if not _alive(pid):
            temporary.unlink(missing_ok=True)


@functools.cache
def _temporaries(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    """Return the temporary files in a folder: stem of the final file -> (process id, path) of each.

    Listed once, at this process's first write there: one process may write thousands of files to a folder.
    """
    by_stem: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob(".*.tmp*"):
        if match := re.fullmatch(r"\.(.+)\.(\d+)\.tmp.*", path.name):
            by_stem.setdefault(match[1], []).append((int(match[2]), path))
    return by_stem


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it belongs to another user, so it exists
    return True


def canonical(value) -> str:
    """Return JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: Path, value) -> None:
    """Write JSON atomically, sorted by key."""
    with atomic(path) as tmp:
        tmp.write_text(canonical(value), encoding="utf-8")


def read_json(path: Path):
    """Read JSON; raise InputError if the file is missing or invalid."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that writes it") from error
    except ValueError as error:
        raise InputError(path, f"not valid JSON ({error})", "delete it and run the workflow again") from error


def name_of(content: str) -> str:
    """Return the digest in a content-addressed file name: the first 16 hex digits of the content's SHA-256."""
    return hashlib.sha256(content.encode()).hexdigest()[:NAMED]


def write_once(folder: Path, stem: str, content: str) -> Path:
    """Write `<folder>/<stem>-<name_of(content)>.json` unless it exists; return its path. Its content never changes."""
    path = Path(folder, f"{stem}-{name_of(content)}.json")
    if not path.is_file() or path.read_bytes() != content.encode():  # other content means that it is damaged
        with atomic(path, durable=False) as tmp:
            tmp.write_text(content, encoding="utf-8")
    return path


def code_digest(path: Path) -> str:
    """Return the digest of a Python file's syntax tree without docstrings, or of any other file's content."""
    return syntax(path).digest if Path(path).suffix == ".py" else sha256(path)


def code_digests(modules: Iterable[Path], root: Path = PACKAGE_ROOT) -> dict[str, str]:
    """Return the `code_digest` of each file, keyed by its path relative to the repository."""
    return {str(p.relative_to(root)): code_digest(p) for p in sorted(modules)}


def read_recipe(path: Path, root: Path = PACKAGE_ROOT) -> dict:
    """Read a recipe; check that it is the planned one and that the code on disk is the code that it names.

    Raises InputError if the content does not match the digest in the file name, or if a module changed after the
    workflow was planned: an artifact must never carry the digest of code that did not produce it.
    """
    recipe = read_json(path)
    digest_in_name = re.fullmatch(rf".*-([0-9a-f]{{{NAMED}}})", Path(path).stem)
    if digest_in_name and digest_in_name[1] != name_of(canonical(recipe)):
        raise InputError(path, "the recipe is not the one that was planned", "delete it and start the workflow again")
    changed = [f for f, digest in recipe.get("code", {}).items() if code_digest(root / f) != digest]
    if changed:
        raise InputError(changed[0], "the file changed while the workflow was running", "start the workflow again")
    return recipe


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of Python and of these distributions, without those that are not installed."""
    installed = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


def write_sidecar(
    path: Path, recipe: dict, *, inputs: Iterable[Path], outputs: Iterable[Path], packages: Iterable[str] = (), **facts
) -> None:
    """Write the sidecar of an artifact: recipe, digests of inputs and outputs, versions, facts.

    Prefer sidecars as `inputs` over the artifacts that they describe: they are small and contain the digests. Outputs
    are recorded by file name, so a folder can be moved. There are no time stamps: equal work gives equal bytes.
    """
    write_json(
        path,
        {
            "recipe": recipe,
            "inputs": {str(p): sha256(p) for p in inputs},
            "outputs": {Path(p).name: sha256(p) for p in outputs},
            "versions": versions(*packages),
            **facts,
        },
    )
