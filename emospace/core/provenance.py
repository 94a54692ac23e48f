"""Where an artifact came from: recipes, sidecars, digests, atomic writes.

A *recipe* is a small JSON file that says all a job depends on besides data: its options, its seed and the
digests of the Python files it runs. It is named by its content and never rewritten, so a job reads the very recipe
that its plan named, whatever is planned meanwhile. The job copies it into the *sidecar* that it writes beside each
artifact, with digests of its inputs and outputs. So an artifact is fresh exactly when its sidecar holds today's recipe
and today's inputs, on any machine.
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

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # what a file system says that has no fsync, or none of folders
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
NAMED = 16  # hex digits of the digest in the name of a file that is named by its content


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Path -> digest, from files in `sha256sum` format."""
    lines = (line for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def write_digests(path: Path, digests: Iterable[tuple[str, str]]) -> None:
    """Write (path, digest) pairs in `sha256sum` format."""
    with atomic(path) as tmp:
        tmp.write_text("".join(f"{digest}  {name}\n" for name, digest in digests), encoding="utf-8")


@contextlib.contextmanager
def atomic(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed onto it on success and removed on failure.

    The temporary name keeps the suffix (writers such as numpy append one otherwise) and holds the process
    id, so two writers never share it and a killed one never leaves half a file under the real name. What killed ones
    left under temporary names goes when another process next writes the file.

    Content reaches the disk before the name does, and the name before the next file is written: after a power loss a
    file is whole or absent, and what vouches for it (its sidecar, say) is not there without it. durable=False saves
    the wait for the disk where a reader repairs what a power loss damaged.
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
    """Have a folder and all below it written to the disk: before a whole folder is renamed into its place.

    By many threads, whose waits the file system joins: one by one, ten thousand files take a minute.
    """
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(_sync, [folder, *Path(folder).rglob("*")]):
            pass


def _sync(path: Path) -> None:
    """Have a file's content, or a folder's list of names, written to the disk; OSError if the disk fails or is full."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove the temporary files of writers of `path` that are no more.

    Not those of its neighbours: their writers may live on another machine, where their process ids mean something.
    """
    for pid, left in _left_in(path.parent.absolute()).get(path.stem, []):
        if not _alive(pid):
            left.unlink(missing_ok=True)


@functools.cache
def _left_in(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    """Stem of a file -> (process id, temporary file) of each writer of it, as found in the folder.

    Looked up at the first write of this process there: a folder may get thousands of files from one writer.
    """
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob(".*.tmp*"):
        if match := re.fullmatch(r"\.(.+)\.(\d+)\.tmp.*", path.name):
            found.setdefault(match[1], []).append((int(match[2]), path))
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, so it is there
    return True


def canonical(value) -> str:
    """JSON with sorted keys: one text per content."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: Path, value) -> None:
    """Write JSON atomically, sorted by key."""
    with atomic(path) as tmp:
        tmp.write_text(canonical(value), encoding="utf-8")


def read_json(path: Path):
    """Read JSON; InputError names the file when it is missing or broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that makes it") from error
    except ValueError as error:
        raise InputError(path, f"not valid JSON ({error})", "delete it and run the workflow again") from error


def name_of(content: str) -> str:
    """What a file that is named by its content bears in its name: the first 16 hex digits of its sha256."""
    return hashlib.sha256(content.encode()).hexdigest()[:NAMED]


def write_once(folder: Path, stem: str, content: str) -> Path:
    """Path of `<folder>/<stem>-<name_of(content)>.json`, written unless it is there; its content never changes."""
    path = Path(folder, f"{stem}-{name_of(content)}.json")
    if not path.is_file() or path.read_bytes() != content.encode():  # else it is damaged
        with atomic(path, durable=False) as tmp:
            tmp.write_text(content, encoding="utf-8")
    return path


def code_digest(path: Path) -> str:
    """Digest of what a Python file does: of its syntax tree without docstrings. Of any other file, of its content."""
    return syntax(path).digest if Path(path).suffix == ".py" else sha256(path)


def code_digests(modules: Iterable[Path], root: Path = PACKAGE_ROOT) -> dict[str, str]:
    """Digest of each code file (see `code_digest`), keyed by its path relative to the repository."""
    return {str(p.relative_to(root)): code_digest(p) for p in sorted(modules)}


def read_recipe(path: Path, root: Path = PACKAGE_ROOT) -> dict:
    """Read a recipe and make sure that it is the one that was planned, and that the code it names is the code on disk.

    Raises InputError if a recipe that is named by its content holds another one, or if a module changed after the
    workflow was planned: an artifact must never carry the digest of code that did not make it.
    """
    recipe = read_json(path)
    named = re.fullmatch(rf".*-([0-9a-f]{{{NAMED}}})", Path(path).stem)
    if named and named[1] != name_of(canonical(recipe)):
        raise InputError(path, "the recipe is not the one that was planned", "delete it and start the workflow again")
    changed = [f for f, digest in recipe.get("code", {}).items() if code_digest(root / f) != digest]
    if changed:
        raise InputError(changed[0], "the file changed while the workflow was running", "start the workflow again")
    return recipe


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of Python and of the named distributions (absent ones are left out)."""
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def write_sidecar(
    path: Path, recipe: dict, *, inputs: Iterable[Path], outputs: Iterable[Path], packages: Iterable[str] = (), **facts
) -> None:
    """Write the sidecar of an artifact: recipe, digests of inputs and outputs, versions, facts.

    `inputs` are best the sidecars of the artifacts read (a digest of a digest, so cheap); file names alone are
    recorded for outputs, so that a folder can be moved. Holds no time stamps: equal work gives equal bytes.
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
