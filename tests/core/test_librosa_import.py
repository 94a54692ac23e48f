"""Processes that start together with an empty cache compile librosa's functions one after another, and none crashes."""

import fcntl
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from emospace.core import librosa_import
from emospace.core.errors import InputError
from emospace.core.librosa_import import import_librosa

# Two that compile in different orders: without the lock, one of three caches that they filled crashed a process.
TUNING = "librosa.estimate_tuning(S=np.eye(1025, dtype=np.float32), sr=16_000)"
CALLS = (
    f'librosa = import_librosa("librosa.core.pitch"); {TUNING}',
    f'librosa = import_librosa("librosa.core.audio"); librosa = import_librosa("librosa.core.pitch"); {TUNING}',
)
PROGRAM = """
import numpy as np
from emospace.core.librosa_import import import_librosa
{call}
"""


def start(folder, call: str) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(call=call)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"NUMBA_CACHE_DIR": str(folder)})


def test_processes_with_an_empty_cache_leave_one_that_works(tmp_path):
    together = [start(tmp_path, call) for call in CALLS]
    assert [process.wait() for process in together] == [0, 0]
    assert [start(tmp_path, call).wait() for call in CALLS] == [0, 0]


def test_a_process_waits_for_the_one_that_compiles(tmp_path):
    with open(tmp_path / "librosa.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = start(tmp_path, "import_librosa()")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=5)
        assert [path.name for path in tmp_path.iterdir()] == ["librosa.lock"]
    waiting.kill()
    waiting.wait()


def test_a_cache_that_cannot_be_written_names_its_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match=r"file/cache: .* NUMBA_CACHE_DIR"):
        import_librosa.__wrapped__()


def test_without_a_setting_the_cache_belongs_to_the_user_and_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(librosa_import.platform, "node", lambda: "node7")
    monkeypatch.setattr(librosa_import.importlib, "import_module", str)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "restored after the test")
    del os.environ["NUMBA_CACHE_DIR"]
    assert import_librosa.__wrapped__() == "librosa"
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "emospace/numba/node7")


def test_mel_filters_need_no_lock_because_they_compile_nothing(tmp_path):
    assert start(tmp_path, "import librosa; librosa.filters.mel(sr=16_000, n_fft=512)").wait() == 0
    assert not list(tmp_path.rglob("*.nbi"))
