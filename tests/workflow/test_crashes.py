"""After a kill or a full disk, the next run recovers, no partial file remains, and no file has two writers."""

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

pytestmark = pytest.mark.workflow
RUN = ["snakemake", "--cores", "2"]
PHASES = ["report", "augment"]
PATIENCE = 240  # seconds to wait for an event on a busy machine
PAUSE = 2  # seconds that each text.letters job spends in mid-write, long enough to interrupt it
ROUNDS = 20  # kills in the soak test


def start(project: Project, *command: str) -> subprocess.Popen:
    """Start a command in its own process group; its output goes to a file beside the project."""
    env = environment() | {"PAUSE": str(PAUSE)}
    with open(output(project), "w", encoding="utf-8") as out:
        both = {"stdout": out, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=project.folder, env=env, start_new_session=True, **both)


def output(project: Project) -> Path:
    return project.folder.with_name(f"{project.folder.name}.txt")


def half_written(project: Project) -> list[Path]:
    """Temporary files of artifacts; each name contains the process id of its writer."""
    return [path for path in project.folder.glob("data/**/.*.tmp*") if path.is_file()]


def writer(path: Path) -> int:
    return int(re.search(r"\.(\d+)\.tmp", path.name).group(1))


def until(moment, what: str):
    """Poll `moment()` until it returns a true value; return that value."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):  # a folder was deleted while it was listed
            if found := moment():
                return found
        time.sleep(0.002)
    pytest.fail(f"{what} did not come within {PATIENCE} s")


def writing(project: Project, folder: str) -> Path:
    """Wait until a job is in the middle of writing a file below that folder."""
    found = until(lambda: [p for p in half_written(project) if f"/{folder}/" in str(p)], f"a write in {folder}")
    return found[0]


def kill(process: subprocess.Popen) -> None:
    """Kill a whole process group, as the end of a session or a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def without(origin: Project, folder: Path, *paths: str) -> Project:
    """Copy the built project without some paths, git and the DVC cache, so that only a run restores the paths."""
    project = copy(origin, folder)
    for name in (".git", ".dvc/cache", ".dvc/tmp", "logs", *paths):
        shutil.rmtree(project.folder / name, ignore_errors=True)
    (project.folder / "dvc.lock").unlink()
    return project


@pytest.fixture(scope="module")
def raw(origin, tmp_path_factory) -> Project:
    """A project with the corpus, manifest and folds only; each test starts from a copy."""
    after = ["data/views", "data/features", "data/augmented", "data/quality", "weights"]
    project = without(origin, tmp_path_factory.mktemp("raw") / "it's", *after)
    for path in (project.folder / "results/demo").iterdir():
        if path.name not in ("protocols", "audit"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return project


@pytest.fixture(scope="module")
def undisturbed(origin) -> dict[str, str]:
    """Map every file that an undisturbed run makes to its digest."""
    return contents(origin)


@pytest.fixture
def fresh(raw, tmp_path) -> Project:
    return copy(raw, tmp_path / "it's")


@pytest.fixture
def wordless(origin, tmp_path) -> Project:
    """A project with everything but the features of its texts and their dependants."""
    runs = [f"results/demo/{folder}/probe_text" for folder in ("runs", "evaluation")]
    project = without(origin, tmp_path / "it's", "data/features/demo/text.letters", *runs)
    for name in ("summary.csv", "report.html"):
        (project.folder / "results/demo" / name).unlink()
    return project


def recover(project: Project, undisturbed: dict[str, str], *command: str) -> None:
    """Run once more; all artifacts must equal those of an undisturbed run, and no temporary file may remain."""
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
    os.kill(orphan, signal.SIGSTOP)  # keep the job alive during the test
    run.kill()
    run.wait()
    assert "--unlock" in wordless.snakemake(*PHASES, check=False)
    wordless.run("snakemake", "--unlock")
    second = start(wordless, *RUN, str(wanted.relative_to(wordless.folder)))
    try:
        until(lambda: "waiting until it ends" in output(wordless).read_text(), "the second writer")
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


BY_DVC = pytest.param(["dvc", "repro"], "fresh", id="dvc repro", marks=pytest.mark.slow)  # DVC would restore the rest


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
    os.kill(job, signal.SIGSTOP)  # keep the job alive during the test
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
    """A disk of one megabyte, and a function to resize it."""
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
    resize(used + 3 * 2**20)  # room for the views of the first parts only
    assert "the disk is full" in project.snakemake(*PHASES, check=False)
    kept = {name: digest for name, digest in contents(project).items() if ".tmp" not in name}
    assert kept and kept.items() < undisturbed.items()
    resize(2**30)
    if (project.folder / ".snakemake/locks").exists():
        project.run("snakemake", "--unlock")
    recover(project, undisturbed)


def jobs(run: subprocess.Popen) -> list[psutil.Process]:
    """Running jobs of a run."""
    try:
        children = psutil.Process(run.pid).children(recursive=True)
        return [child for child in children if any("workflow_scripts." in word for word in child.cmdline())]
    except psutil.NoSuchProcess:  # the run has just ended
        return []


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(fresh, undisturbed):
    """Soak test: a run that is killed and resumed repeatedly ends like an undisturbed one."""
    moments = random.Random(0)
    met = []
    for _ in range(ROUNDS):
        run = start(fresh, *RUN, *PHASES)
        while run.poll() is None and not jobs(run):
            time.sleep(0.1)
        time.sleep(moments.uniform(0, 8))
        met.append(len(jobs(run)))
        if run.poll() is not None:  # the run had finished: delete artifacts, so that the next run has jobs
            assert run.returncode == 0, output(fresh).read_text()[-3000:]
            for name in ("data/features", "results"):  # missing features trigger no job while all results exist
                shutil.rmtree(fresh.folder / name)
        kill(run)
        fresh.run("snakemake", "--unlock")
    print(f"jobs at work when the run was killed: {met}")
    assert sum(map(bool, met)) >= 0.7 * ROUNDS, met
    recover(fresh, undisturbed)
