"""Import librosa in one process at a time.

librosa compiles NumPy ufuncs with numba when its modules are imported, and numba caches them on disk. It numbers their
symbols by the order of compilation in the process. If two processes compile at once, the cache may combine files whose
symbols differ, and each later call then ends in a segmentation fault, also in later processes (numba issue 10128).
Parallel jobs after an installation are such processes: hence the lock.
"""

import fcntl
import importlib
import os
import platform
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO

from emospace.core.errors import InputError

REMEDY = "set NUMBA_CACHE_DIR to a folder on a local disk that you may write to"


@cache
def import_librosa(*modules: str) -> ModuleType:
    """Return librosa with librosa.util and these modules of it imported.

    modules: all whose functions the caller uses, directly or not, and that compile ufuncs: librosa imports a module
    only when it is first used, which would be without the lock.

    The cache is NUMBA_CACHE_DIR or, if unset, a folder of this user for this machine: machines that share a home may
    have different CPUs. Raises InputError if the folder cannot be written to or locked.
    """
    with _lock(Path(os.environ.setdefault("NUMBA_CACHE_DIR", str(_default_folder())))):
        for module in ("librosa.util.utils", *modules):
            importlib.import_module(module)
        return importlib.import_module("librosa")


def _default_folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "emospace" / "numba" / platform.node()


def _lock(folder: Path) -> IO:
    """Return a file that is locked until it is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "librosa.lock", "a", encoding="utf-8")  # noqa: SIM115
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        reason = f"the cache of compiled functions cannot be used ({error.strerror})"
        raise InputError(folder, reason, REMEDY) from error
    return lock
