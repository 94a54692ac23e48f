"""DVC notices changes of files outside the project, or refuses to record files that it cannot watch."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from _machines import ADOPT, GIT, cloned, contents, copy, jobs_run, look_each_time
from _recordings import SECOND, recordings
from conftest import ROOT, Project, shipped

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.provenance import sha256
from emospace.plan.adopt import PHASES
from emospace.plan.dvc_deps import check_seen
from emospace.plan.plan import Plan


def config(root: Path) -> dict:
    """Return the smallest config that reads the recordings."""
    return shipped("config.yaml") | {
        "corpora": {"ravdess": {"root": str(root), "parts": 3}},
        "views": {"audio": {}},
        "weights": {},
        "features": {"audio.mfcc": {}},
        "protocols": {"actors": {"corpus": "ravdess", "split": "actors", "labels": "two", "folds": 3}},
        "labels": {"two": {"03": "happy", "04": "sad"}},
        "runs": {"probe": {"model": "linear_probe", "protocol": "actors", "inputs": ["audio.mfcc"]}},
    }


def silence(path: Path) -> None:
    """Set the end of a recording to zero without changing its size."""
    content = path.read_bytes()
    path.write_bytes(content[:-SECOND] + bytes(SECOND))


def split_of(project: Project, fold: int, utterance: str) -> str:
    rows = records.read(project.folder / f"results/demo/protocols/actors/fold{fold}.csv")
    return next(row["split"] for row in rows if row["utterance"] == utterance)


FIRST = {"index_part": 1, "merge_manifest": 1, "make_protocol": 1, "audit_protocol": 1}
REST = {"extract_audio": 1, "check_quality": 1, "embed": 1, "train": 3, "evaluate": 1, "summarize": 1, "make_report": 1}
ONE_PART = {"index_part": 1, "extract_audio": 1, "embed_audio_mfcc": 1}
OURS = [phase for phase in PHASES if phase != "weights"]  # the config has no weights, so that phase is always planned
ALL = pytest.param(OURS, "report", FIRST | REST, id="all", marks=pytest.mark.slow)


@pytest.mark.workflow
@pytest.mark.parametrize(("phases", "stage", "expected"), [pytest.param(OURS[:1], "corpora", FIRST, id="first"), ALL])
def test_dvc_repro_notices_a_changed_raw_file_outside_the_project(
    phases, stage, expected, project, tmp_path, monkeypatch
):
    monkeypatch.delenv("EMOSPACE_RAVDESS", raising=False)  # the variable would replace this corpus
    root = tmp_path / "it's elsewhere"
    recordings(root)
    project.configure(config(root))
    project.run("git", "init", "-q")
    refused = project.run("dvc", "repro", stage, check=False)
    assert refused.returncode and "always_changed: true" in refused.stdout
    assert not (project.folder / "dvc.lock").exists() and not (project.folder / "data/manifest").exists()
    look_each_time(project)
    project.run("dvc", "repro", stage)
    before, lock = contents(project), (project.folder / "dvc.lock").read_bytes()
    always = {"corpora": ["always changed"]}
    stages = {"corpora", stage}
    assert json.loads(project.run("dvc", "status", "--json", *stages).stdout.splitlines()[-1]) == always

    shutil.rmtree(project.folder / "logs")
    project.run("dvc", "repro", stage)  # DVC checks the corpus and runs no job
    assert jobs_run(project) == {}
    assert contents(project) == before and (project.folder / "dvc.lock").read_bytes() == lock

    (tmp_path / "link").symlink_to(root)
    for spelt in (f"{root}/", tmp_path / "link", tmp_path / "nowhere", root):
        assert project.planned(*phases, **at(spelt)) == {}
    clip = sorted(root.rglob("*.wav"))[0]
    silence(clip)
    project.run("dvc", "repro", stage)
    assert jobs_run(project) == expected
    manifest = json.loads((project.folder / "data/manifest/ravdess/0.json").read_text())
    assert manifest["raw"][str(clip.relative_to(root))] == sha256(clip)
    differ = {path for path, digest in contents(project).items() if before.get(path) != digest}
    assert "data/manifest/ravdess/0.json" in differ and "data/manifest/ravdess/1.json" not in differ
    if stage == "report":
        assert "data/views/ravdess/audio/0.npy" in differ and "data/views/ravdess/audio/1.npy" not in differ
        assert {f"results/demo/runs/probe/fold{k}-1/run.json" for k in range(3)} <= differ
        changed = {k for k in range(3) if f"results/demo/runs/probe/fold{k}-1/model.safetensors" in differ}
        splits = [split_of(project, k, clip.stem[3:]) for k in range(3)]
        assert sorted(splits) == ["dev", "test", "train"]
        assert splits.index("train") in changed and splits.index("test") not in changed  # dev may change the model
    assert json.loads(project.run("dvc", "status", "--json", *stages).stdout.splitlines()[-1]) == always
    assert project.planned(*phases) == {}


def at(root: Path) -> dict[str, str]:
    """Return the environment variable with the root of the corpus."""
    return {"EMOSPACE_RAVDESS": str(root)}


@pytest.fixture(scope="module")
def sent(tmp_path_factory) -> tuple[Project, Path]:
    """A project that built and pushed everything from a corpus outside its folder, and the corpus root."""
    root, folder, store = (tmp_path_factory.mktemp("sent") / name for name in ("it's elsewhere", "project", "store"))
    recordings(root)
    folder.mkdir()
    project = Project(folder)
    project.configure(config(Path("data/raw/ravdess")))
    look_each_time(project)
    project.run("git", "init", "-q")
    project.run("dvc", "remote", "add", "-q", "-d", "store", str(store))
    project.run("dvc", "repro", **at(root))
    project.run("git", "add", ".")
    project.run(*GIT, "commit", "-qm", "everything")
    project.run("dvc", "push", "-q")
    return project, root


@pytest.fixture
def pulled(sent, tmp_path) -> Project:
    """A clone of that project with all artifacts pulled, but without the corpus."""
    clone = cloned(sent[0], tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    assert contents(clone) == contents(sent[0])
    return clone


def all_adopted(output: str) -> bool:
    adopted, jobs = re.search(r"^(\d+) of (\d+) jobs", output, re.MULTILINE).groups()
    return adopted == jobs


ABSENT = "the corpus is not on this machine; its existing artifacts are used unchanged"


@pytest.mark.slow
@pytest.mark.workflow
def test_a_clone_trusts_its_manifests_until_the_corpus_is_present(pulled, sent, tmp_path):
    before, nowhere = contents(pulled), tmp_path / "nowhere"
    output = pulled.run(*ADOPT, **at(nowhere)).stdout
    assert f"{nowhere}: {ABSENT}" in output and all_adopted(output)
    assert pulled.planned(*OURS, **at(nowhere)) == {}
    shutil.rmtree(pulled.folder / "logs")  # Snakemake leaves empty logs of jobs that it touches
    pulled.run("dvc", "repro", **at(nowhere))
    assert jobs_run(pulled) == {} and contents(pulled) == before
    came = copy(pulled, tmp_path / "came")
    assert came.planned(*OURS, **at(sent[1])) == {}  # the corpus matches the digests in the manifests' sidecars
    clip = sorted(sent[1].rglob("*.wav"))[0]
    other = Path(shutil.copytree(sent[1], tmp_path / "other", copy_function=shutil.copy))
    silence(other / clip.relative_to(sent[1]))
    assert came.planned(**at(other))["index_part"] == 1
    output = pulled.run(*ADOPT, **at(sent[1])).stdout
    assert ABSENT not in output and all_adopted(output)
    assert pulled.planned(*OURS, **at(sent[1])) == {} and contents(pulled) == before


@pytest.mark.slow
@pytest.mark.workflow
def test_a_clip_edited_before_or_after_adoption_rebuilds_only_its_part(pulled, sent, tmp_path):
    """The corpus is in another folder than in the origin, and its files have other time stamps."""
    here = shutil.copytree(sent[1], tmp_path / "another place", copy_function=shutil.copy)
    clip = sorted(here.rglob("*.wav"))[0]
    later = copy(pulled, tmp_path / "later")
    output = pulled.run(*ADOPT, **at(here)).stdout
    assert ABSENT not in output and all_adopted(output)
    assert pulled.planned(*OURS, **at(here)) == {}
    before = contents(pulled)
    silence(clip)
    output = later.run(*ADOPT, **at(here)).stdout
    assert "1 x index_part " in output and f"raw file {clip.relative_to(here)} has changed since it was read" in output
    results = []
    expected = FIRST | REST
    for project in (pulled, later):
        shutil.rmtree(project.folder / "logs", ignore_errors=True)
        assert ONE_PART.items() <= project.planned(**at(here)).items()
        project.snakemake(**at(here))
        assert jobs_run(project) == expected
        results.append(contents(project))
    assert results[0] == results[1]
    differ = {path for path, digest in results[0].items() if before.get(path) != digest}
    assert {"data/views/ravdess/audio/0.npy", "data/features/ravdess/audio.mfcc/0.npy"} <= differ
    assert not [path for path in differ if re.search(r"/[12]\.[^/]*$", path)]


def test_files_that_dvc_cannot_watch_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    demo = shipped("config.yaml")
    own, pairs = config(Path("data/raw/ravdess")), {"source": "pairs", "pairs": "configs/pairs/en_fr.csv"}
    stages = tmp_path / "dvc.yaml"
    for always in (False, True):
        stages.write_text(yaml.safe_dump({"stages": {"corpora": {"always_changed": always}}}), encoding="utf-8")
        check_seen(Plan(demo | {"weights": demo["weights"] | {"toy_pairs": pairs}}))
    check_seen(Plan(own))
    shutil.copy("configs/pairs/en_fr.csv", "pairs.csv")
    with pytest.raises(InputError, match=r"pairs.csv: .*configs/pairs"):
        check_seen(Plan(demo | {"weights": demo["weights"] | {"toy_pairs": pairs | {"pairs": "pairs.csv"}}}))
    vectors = tmp_path / "vectors.csv"
    vectors.write_text("utterance,a\nu,1.0\n")
    table = demo | {"features": demo["features"] | {"ids.mine": {"encoder": "table", "file": str(vectors)}}}
    with pytest.raises(InputError, match=r"vectors.csv, which ids.mine reads.*outside.*always_changed.*stage features"):
        check_seen(Plan(table), stages)
    stages.write_text("stages: {corpora: {always_changed: true}, features: {always_changed: true}}")
    check_seen(Plan(table), stages)
    stages.write_text("stages: {corpora: {cmd: snakemake}}")
    with pytest.raises(InputError, match=r"dvc.yaml: ravdess .*always_changed: true"):
        check_seen(Plan(own))
