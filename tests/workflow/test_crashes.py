"""After a kill or on a full disk: the next run recovers, no partial file is kept, no file has two writers."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from _machines import contents, copy
from conftest import Project

from benchmarks._project import environment
from emospace.core.provenance import atomic, write_json

pytestmark = pytest.mark.workflow
RUN = ["snakemake", "--cores", "2"]
PHASES = ["report", "augment"]
PATIENCE = 240  # seconds for a moment to come on a busy machine
PAUSE = 2  # seconds that each job of text.letters spends in the middle of a write: enough to interfere with it
ROUNDS = 20  # of the soak


def start(project: Project, *command: str) -> subprocess.Popen:
    """Start a command in a process group of its own, its output in a file beside the project."""
    env = environment() | {"PAUSE": str(PAUSE)}
    with open(output(project), "w", encoding="utf-8") as out:
        both = {"stdout": out, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=project.folder, env=env, start_new_session=True, **both)


def output(project: Project) -> Path:
    return project.folder.with_name(f"{project.folder.name}.txt")


def half_written(project: Project) -> list[Path]:
    """Temporary files of artifacts; each name holds the process id of its writer."""
    return [path for path in project.folder.glob("data/**/.*.tmp*") if path.is_file()]


def writer(path: Path) -> int:
    return int(re.search(r"\.(\d+)\.tmp", path.name).group(1))


def until(moment, what: str):
    """Wait for the first thing that `moment()` gives."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):  # a folder that went while it was looked through
            if found := moment():
                return found
        time.sleep(0.002)
    pytest.fail(f"{what} did not come within {PATIENCE} s")


def writing(project: Project, folder: str) -> Path:
    """Wait until a job is in the middle of writing a file below that folder."""
    found = until(lambda: [p for p in half_written(project) if f"/{folder}/" in str(p)], f"a write in {folder}")
    return found[0]


def kill(process: subprocess.Popen) -> None:
    """Kill a whole process group, as a closed session or a power cut does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def without(origin: Project, folder: Path, *paths: str) -> Project:
    """A copy of the machine that made everything, some of it gone, and all that could bring it back but a run."""
    project = copy(origin, folder)
    for name in (".git", ".dvc/cache", ".dvc/tmp", "logs", *paths):
        shutil.rmtree(project.folder / name, ignore_errors=True)
    (project.folder / "dvc.lock").unlink()
    return project


@pytest.fixture(scope="module")
def raw(origin, tmp_path_factory) -> Project:
    """A project whose corpus is there, with its manifest and folds; every test begins with a copy."""
    after = ["data/views", "data/features", "data/augmented", "data/quality", "weights"]
    project = without(origin, tmp_path_factory.mktemp("raw") / "it's", *after)
    for path in (project.folder / "results/demo").iterdir():
        if path.name not in ("protocols", "audit"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return project


@pytest.fixture(scope="module")
def undisturbed(origin) -> dict[str, str]:
    """File -> digest of all that a run makes which nobody disturbs."""
    return contents(origin)


@pytest.fixture
def fresh(raw, tmp_path) -> Project:
    return copy(raw, tmp_path / "it's")


@pytest.fixture
def wordless(origin, tmp_path) -> Project:
    """A project that has all but the features of its words, and what was made of them."""
    runs = [f"results/demo/{folder}/probe_text" for folder in ("runs", "evaluation")]
    project = without(origin, tmp_path / "it's", "data/features/demo/text.letters", *runs)
    for name in ("summary.csv", "report.html"):
        (project.folder / "results/demo" / name).unlink()
    return project


def recover(project: Project, undisturbed: dict[str, str], *command: str) -> None:
    """One more run; then all is as if nothing had happened, and no temporary file is left."""
    project.run(*(command or [*RUN, *PHASES]))
    assert contents(project) == undisturbed
    assert project.planned(*PHASES) == {}
    assert not half_written(project)


def test_a_job_killed_in_mid_write_is_named_and_done_again(wordless, undisturbed):
    run = start(wordless, *RUN, *PHASES)
    part = writing(wordless, "text.letters")
    os.kill(writer(part), signal.SIGKILL)
    assert run.wait(PATIENCE) != 0
    said = output(wordless).read_text()
    assert "embed_text_letters" in said and "logs/embed/" in said
    assert part.exists() and not list(part.parent.glob("[0-9].npy"))[2:]
    recover(wordless, undisturbed)


def test_a_job_that_outlives_its_snakemake_meets_no_second_writer(wordless, undisturbed):
    run = start(wordless, *RUN, *PHASES)
    part = writing(wordless, "text.letters")
    orphan, wanted = writer(part), part.with_name(f"{part.name.split('.')[1]}.npy")
    os.kill(orphan, signal.SIGSTOP)  # it is to live as long as this test wants
    run.kill()
    run.wait()
    assert "--unlock" in wordless.snakemake(*PHASES, check=False)
    wordless.run("snakemake", "--unlock")
    second = start(wordless, *RUN, str(wanted.relative_to(wordless.folder)))
    try:
        until(lambda: "waiting for its end" in output(wordless).read_text(), "the second writer")
        writers = {
            writer(p)
            for p in half_written(wordless)
            if p.name.startswith(f".{wanted.stem}.") and p.parent == wanted.parent
        }
        assert writers == {orphan}
    finally:
        os.kill(orphan, signal.SIGCONT)
    assert second.wait(PATIENCE) == 0, output(wordless).read_text()[-3000:]
    recover(wordless, undisturbed)


BY_DVC = pytest.param(["dvc", "repro"], "fresh", id="dvc repro", marks=pytest.mark.slow)  # it would check out the rest


@pytest.mark.parametrize(("command", "begin"), [pytest.param([*RUN, *PHASES], "wordless", id="snakemake"), BY_DVC])
def test_all_is_killed_at_once(command, begin, undisturbed, request):
    project = request.getfixturevalue(begin)
    if command[0] == "dvc":
        project.run("git", "init", "-q")
    run = start(project, *command)
    part = writing(project, "features")
    kill(run)
    assert part.exists()
    assert "--unlock" in project.run(*command, check=False).stdout
    project.run("snakemake", "--unlock")
    recover(project, undisturbed, *command)
    if command[0] == "dvc":
        assert "up to date" in project.run("dvc", "status").stdout


@pytest.mark.slow
def test_dvc_alone_is_killed_and_its_snakemake_lives_on(fresh, undisturbed):
    fresh.run("git", "init", "-q")
    run = start(fresh, "dvc", "repro", "features")
    part = writing(fresh, "text.letters")
    job, alive = writer(part), psutil.Process(run.pid).children(recursive=True)
    os.kill(job, signal.SIGSTOP)  # it is to live as long as this test wants
    run.kill()
    run.wait()
    try:
        assert "--unlock" in fresh.run("dvc", "repro", check=False).stdout and part.exists()
    finally:
        os.kill(job, signal.SIGCONT)
    assert psutil.wait_procs(alive, PATIENCE)[1] == [] and not part.exists()
    recover(fresh, undisturbed, "dvc", "repro")
    assert "up to date" in fresh.run("dvc", "status").stdout


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes that can be made larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    yield folder, resize
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_without_a_free_byte_is_named_when_a_run_is_planned(small_disk):
    folder, resize = small_disk
    resize(16 * 2**20)
    (folder / "project").mkdir()
    project = Project(folder / "project")
    with contextlib.suppress(OSError), open(folder / "rest", "wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))
    planned = project.snakemake("-n", check=False)
    assert "the disk is full. free some space" in planned and "Traceback" not in planned


def test_a_full_disk_is_named_and_nothing_half_written_is_kept(small_disk, raw, undisturbed):
    folder, resize = small_disk
    resize(2**30)
    project = copy(raw, folder / "it's")
    used = sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))
    resize(used + 3 * 2**20)  # the views of the first parts fit, no more
    assert "the disk is full" in project.snakemake(*PHASES, check=False)
    kept = {name: digest for name, digest in contents(project).items() if ".tmp" not in name}
    assert kept and kept.items() < undisturbed.items()
    resize(2**30)
    if (project.folder / ".snakemake/locks").exists():
        project.run("snakemake", "--unlock")
    recover(project, undisturbed)


def jobs(run: subprocess.Popen) -> list[psutil.Process]:
    """Jobs of a run that are at work now."""
    try:
        children = psutil.Process(run.pid).children(recursive=True)
        return [child for child in children if any("workflow_scripts." in word for word in child.cmdline())]
    except psutil.NoSuchProcess:  # it has just ended
        return []


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(fresh, undisturbed):
    """The soak: a run that is killed and resumed again and again ends as one that nobody disturbed."""
    moments = random.Random(0)
    met = []
    for _ in range(ROUNDS):
        run = start(fresh, *RUN, *PHASES)
        while run.poll() is None and not jobs(run):
            time.sleep(0.1)
        time.sleep(moments.uniform(0, 8))
        met.append(len(jobs(run)))
        if run.poll() is not None:  # it had done everything: the next one gets something to do
            assert run.returncode == 0, output(fresh).read_text()[-3000:]
            for name in ("data/features", "results"):  # features alone are not missed where all results are there
                shutil.rmtree(fresh.folder / name)
        kill(run)
        fresh.run("snakemake", "--unlock")
    print(f"jobs at work when the run was killed: {met}")
    assert sum(map(bool, met)) >= 0.7 * ROUNDS, met
    recover(fresh, undisturbed)


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path = tmp_path / "a[1].npy"
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, alive = (tmp_path / f".a[1].{pid}.tmp.npy" for pid in (ended.pid, os.getppid()))
    other = tmp_path / f".a.{ended.pid}.tmp.npy"
    for left in (dead, alive, other, dead.with_suffix(".raw")):
        left.touch()
    with atomic(path) as tmp:
        tmp.touch()
    assert {p.name for p in tmp_path.iterdir()} == {path.name, alive.name, other.name}


def test_a_write_costs_as_much_in_a_full_folder_as_in_an_empty_one(tmp_path):
    """Cached batches of a translation are files by the thousand: to list them at each write would take minutes."""
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    for i in range(5_000):
        (full / f"{i}.json").touch()

    def cost(folder: Path) -> float:
        start = time.process_time()
        for i in range(100):
            write_json(folder / f"new{i}.json", i)
        return time.process_time() - start

    write_json(full / "first.json", 0)  # sees what dead writers left
    assert cost(full) < 3 * cost(empty) + 0.05
