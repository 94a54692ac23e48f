"""Projects for tests that combine git, DVC and Snakemake: one with everything built, and copies of it."""

import shutil
from collections import Counter
from pathlib import Path

from conftest import ROOT, Project, shipped

from emospace.core.provenance import sha256
from emospace.plan.adopt import PHASES

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
ADOPT = ["python", "-m", "workflow_scripts.adopt"]


def smallest() -> dict:
    """A config with every phase: three dialogues, two features (one with random weights) and two runs."""
    config = shipped("config.yaml")
    corpora = {"demo": {"parts": 3, "options": {"expect_counts": False}, "generate": {"sessions": 3, "dialogues": 1}}}
    runs = {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}}
    runs["probe_text"] = runs["probe"] | {"inputs": ["text.letters"]}
    return config | {
        "corpora": corpora,
        "views": {"frames": {"frames": 1, "size": 64}},
        "weights": {"drawn": {"source": "random"}},
        "features": {"audio.mfcc": {}, "text.letters": {"weights": "drawn"}},
        "protocols": {"session": {"corpus": "demo", "split": "session", "labels": "iemocap4", "folds": 3}},
        "runs": runs,
    }


def build(folder: Path) -> Project:
    """Create a project with the smallest config in an empty or new folder."""
    folder.mkdir(exist_ok=True)
    project = Project(folder)
    plant_letters(project)
    project.configure(smallest())
    return project


def plant_letters(project: Project) -> None:
    """Install the `letters` encoder, which the smallest config names."""
    shutil.copy(ROOT / "tests/_letters.py", project.folder / "emospace/features/encoders/letters.py")


def look_each_time(project: Project) -> None:
    """Edit dvc.yaml as a corpus requires that the workflow does not generate."""
    project.replace("dvc.yaml", "always_changed: false", "always_changed: true")


def contents(project: Project) -> dict[str, str]:
    folders = [project.folder / name for name in ("data", "weights", "results")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(project.folder)): sha256(path) for path in files}


def jobs_run(project: Project) -> dict[str, int]:
    """Map each script to the number of its jobs since the logs were deleted."""
    logs = [path.relative_to(project.folder / "logs") for path in (project.folder / "logs").rglob("*.log")]
    return dict(Counter(path.parts[0].removesuffix(".log") for path in logs))


def make_everything(folder: Path, store: Path) -> None:
    """Run all phases of the smallest config in `folder`, commit to git, and push to a DVC remote in `store`."""
    project = build(folder)
    project.run("git", "init", "-q")
    project.run("dvc", "remote", "add", "-q", "-d", "store", str(store))
    project.snakemake(*PHASES, DVC_STAGE="record")  # as `make record` does: DVC also requires empty outputs
    project.run("dvc", "commit", "-f", "-q")
    project.run("git", "add", ".")
    project.run(*GIT, "commit", "-qm", "everything")
    project.run("dvc", "push", "-q")


def there(folder: Path) -> Project:
    """Return the project copy in an existing folder."""
    project = Project.__new__(Project)
    project.folder = folder
    return project


def cloned(origin: Project, folder: Path) -> Project:
    """Clone the project with git, without artifacts."""
    origin.run("git", "clone", "-q", ".", str(folder))
    return there(folder)


def copy(project: Project, folder: Path) -> Project:
    """Copy the whole project folder, including time stamps."""
    shutil.copytree(project.folder, folder, symlinks=True)
    return there(folder)
