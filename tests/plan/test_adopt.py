"""Adoption on another machine (git clone, dvc pull, adopt): an edit rebuilds exactly what it changes."""

import functools
import json
import operator
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from _machines import ADOPT, GIT, cloned, contents, copy, jobs_run
from conftest import Project

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, sha256, write_json, write_sidecar
from emospace.plan.adopt import PHASES, raw_change
from emospace.plan.raw_files import HASH_AT_SIGHT, changed, fingerprint
from emospace.plan.staleness import Job, Record, record_of, refuse_altered, why_stale

# One job, without Snakemake -----------------------------------------------------------------------------------------


class Example:
    """A job that read a file of another job and wrote a table with a valid sidecar."""

    def __init__(self):
        self.recipe = {"rule": "count", "options": {"k": 2}, "code": {"count.py": "a" * 64}}
        write_json(Path("recipe.json"), self.recipe)
        for name in ("source.csv", "table.csv"):
            Path(name).write_text(name)
        write_sidecar(Path("table.json"), self.recipe, inputs=["source.csv"], outputs=["table.csv"])
        self.source = Job("read", Path("recipe.json"), [Path("source.csv")])
        outputs = [Path("table.csv"), Path("table.json")]
        self.job = Job("count", Path("recipe.json"), outputs, [self.source])

    def why(self) -> str:
        producers = {str(path): job for job in (self.source, self.job) for path in job.outputs}
        return why_stale(self.job, record_of(self.job), producers, sha256)


@pytest.fixture
def example(tmp_path, monkeypatch) -> Example:
    monkeypatch.chdir(tmp_path)
    return Example()


def test_outputs_that_match_their_sidecar_are_up_to_date(example):
    refuse_altered([record_of(example.job)], sha256)
    assert example.why() == ""


def test_a_changed_recipe_or_input_is_reported_as_stale(example):
    write_json(example.job.recipe, example.recipe | {"options": {"k": 3}})
    assert "options" in example.why()
    write_json(example.job.recipe, example.recipe)
    Path("source.csv").write_text("another")
    assert "another version of source.csv" in example.why()
    Path("source.csv").unlink()
    assert "source.csv" in example.why()


def test_added_or_removed_source_jobs_make_a_job_stale(example):
    """A run was added to the config or removed: all digests match, but the table would differ."""
    more = Job("read", example.job.recipe, [Path("more.csv")])
    example.job.needs.append(more)
    assert "without more.csv" in example.why()
    example.job.needs.remove(more)
    example.source.outputs = [Path("renamed.csv")]
    assert "also built from source.csv" in example.why()


@pytest.mark.parametrize(("file", "reason"), [("table.csv", "table.csv is missing"), ("table.json", "no sidecar")])
def test_a_missing_file_makes_its_job_stale(example, file, reason):
    Path(file).unlink()
    assert reason in example.why()


def test_an_output_that_its_sidecar_does_not_list_is_not_trusted(example):
    Path("extra.csv").touch()
    example.job.outputs.append(Path("extra.csv"))
    assert "extra.csv" in example.why()


def test_altered_files_including_weights_are_refused_by_name(example):
    write_sidecar(Path("weights.json"), {}, inputs=[], outputs=[], files={"model.bin": {"sha256": sha256("table.csv")}})
    weights = record_of(Job("fetch", example.job.recipe, [Path("weights.json")]))
    Path("model.bin").write_text("table.csv")
    refuse_altered([weights, record_of(example.job)], sha256)
    for name in ("model.bin", "table.csv"):
        Path(name).write_text("altered")
    with pytest.raises(InputError, match=r"^model.bin, table.csv: .*dvc checkout"):
        refuse_altered([weights, record_of(example.job)], sha256)


def test_weights_altered_with_the_same_size_and_time_stamp_are_refused(example):
    Path("model.bin").write_text("weights")
    os.utime("model.bin", ns=(10**18, 10**18))
    stat = Path("model.bin").stat()
    file = {"sha256": sha256(Path("model.bin")), "size": stat.st_size}
    write_sidecar(Path("weights.json"), {}, inputs=[], outputs=[], files={"model.bin": file})
    weights = record_of(Job("fetch", example.job.recipe, [Path("weights.json")]))
    refuse_altered([weights], sha256)
    Path("model.bin").write_text("Weights")
    os.utime("model.bin", ns=(10**18, 10**18))
    with pytest.raises(InputError, match=r"^model.bin: altered"):
        refuse_altered([weights], sha256)


def test_raw_files_are_compared_by_their_recorded_fingerprints(tmp_path):
    small, large = tmp_path / "words.txt", tmp_path / "sound.wav"
    small.write_text("one")
    large.write_bytes(bytes(HASH_AT_SIGHT + 1))
    recorded = {path.name: fingerprint(path) for path in (small, large)}
    assert recorded["sound.wav"] == f"size {HASH_AT_SIGHT + 1}"
    seen = {name: [0, 0, known] for name, known in recorded.items()}
    assert changed(tmp_path, recorded, seen) == ""
    digest = sha256(large)
    assert changed(tmp_path, recorded | {"sound.wav": digest}, seen) == ""  # size now, digest then
    assert changed(tmp_path, recorded | {"sound.wav": "0" * 64}, seen) == "sound.wav"
    assert changed(tmp_path, recorded, seen | {"words.txt": [0, 0, "0" * 64]}) == ""  # the file on disk decides
    small.write_text("two")
    assert changed(tmp_path, recorded, seen | {"words.txt": [0, 0, fingerprint(small)]}) == "words.txt"
    assert changed(tmp_path, recorded, seen | {"new.txt": [0, 0, "0" * 64]}) == "new.txt"
    assert changed(tmp_path, recorded, {"words.txt": seen["words.txt"]}) == "sound.wav"


def test_raw_files_of_an_absent_corpus_are_not_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = tmp_path / "corpus/Actor_01/03-01-03-01-01-01-01.wav"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"sound")
    name = str(clip.relative_to(tmp_path / "corpus"))
    write_json(Path(".emospace/raw/ravdess/seen.json"), {name: [5, 0, sha256(clip)]})
    recipe = {"corpus": "ravdess", "plugin": "ravdess", "parts": 1, "options": {}}
    job = SimpleNamespace(params=SimpleNamespace(root="corpus"), wildcards=SimpleNamespace(part="0"))
    record = Record(Path("0.json"), {"recipe": recipe, "raw": {name: sha256(clip)}}, {})
    assert raw_change(job, record) == ""
    record.sidecar["raw"][name] = "0" * 64
    assert name in raw_change(job, record)
    Path("mount point").mkdir()
    for job.params.root in ("nowhere", "mount point"):
        assert raw_change(job, record) == ""


# Two machines, with git, DVC and Snakemake -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pulled(origin, tmp_path_factory) -> Project:
    """A clone after `dvc pull` only."""
    project = cloned(origin, tmp_path_factory.mktemp("clone") / "it's a clone")
    project.run("dvc", "pull", "-q")
    return project


@pytest.fixture
def clone(pulled, tmp_path) -> Project:
    """A copy of the clone for one test to change."""
    return copy(pulled, tmp_path / "clone")


@pytest.fixture(scope="module")
def once_adopted(pulled, tmp_path_factory) -> tuple[Project, str]:
    """The clone after an adoption, and its output; tests only read it."""
    project = copy(pulled, tmp_path_factory.mktemp("adopted") / "clone")
    return project, project.run(*ADOPT).stdout


@pytest.fixture
def adopted(once_adopted, tmp_path) -> Project:
    """A copy of the adopted clone for one test to change."""
    return copy(once_adopted[0], tmp_path / "adopted")


def append(file: str, text: str):
    def edit(project: Project) -> None:
        with open(project.folder / file, "a", encoding="utf-8") as handle:
            handle.write(text)

    return edit


def change_raw(project: Project) -> None:
    wav = sorted((project.folder / "data/raw/demo/Session2/sentences/wav").rglob("[!.]*.wav"))[0]
    content = wav.read_bytes()
    wav.unlink()  # it may be linked to the cache
    wav.write_bytes(content[:-2000] + bytes(2000))


def configure(*place: str, **options):
    def edit(project: Project) -> None:
        config = yaml.safe_load((project.folder / "config.yaml").read_text(encoding="utf-8"))
        block = functools.reduce(operator.getitem, place, config)
        block |= options
        project.configure(config)

    return edit


EDITS = {
    "training option": (configure("runs", "probe_text", max_iter=1500), {"train": 3, "evaluate": 1}),
    "MFCC option": (configure("features", "audio.mfcc", coefficients=13), {"embed_audio_mfcc": 3, "train": 3}),
    "encoder": (append("emospace/features/encoders/mfcc.py", "EDITED = True\n"), {"embed_audio_mfcc": 3, "train": 3}),
    "raw file": (change_raw, {"index_part": 1, "extract_audio": 1, "embed_audio_mfcc": 1, "train": 6}),
}


@pytest.mark.workflow
def test_a_pulled_clone_has_nothing_to_do(once_adopted, adopted, pulled, origin):
    before = contents(pulled)
    assert before == contents(origin)
    assert "32 of 32 jobs" in once_adopted[1]
    assert adopted.planned(*PHASES) == adopted.planned() == {}
    assert "up to date" in adopted.run("dvc", "status").stdout
    assert contents(adopted) == before
    assert not list(adopted.folder.rglob("logs/**/*.tsv"))  # every job that ran leaves one
    later = time.time() + 10
    for path in (adopted.folder / "data").rglob("*"):
        os.utime(path, (later, later))
    assert adopted.planned() == {}


@pytest.mark.workflow
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_artifacts_that_are_links_into_the_cache_are_adopted(kind, origin, tmp_path):
    clone = cloned(origin, tmp_path / "clone")
    clone.run("dvc", "config", "--local", "cache.type", kind)
    clone.run("dvc", "pull", "-q")
    store = clone.folder / "data/features/demo/audio.mfcc/0.npy"
    assert store.is_symlink() if kind == "symlink" else store.stat().st_nlink == 2
    clone.run(*ADOPT)
    assert clone.planned(*PHASES) == {}
    EDITS["MFCC option"][0](clone)
    clone.run(*ADOPT)
    planned = clone.planned()
    assert EDITS["MFCC option"][1].items() <= planned.items() and "embed_text_letters" not in planned


@pytest.mark.workflow
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_in_an_adopted_clone_plans_the_same_jobs_as_in_the_origin(name, clone, origin, tmp_path):
    edit, expected = EDITS[name]
    there = copy(origin, tmp_path / "origin")
    for project in (there, clone):
        edit(project)
    planned = there.planned(*PHASES)
    assert expected.items() <= planned.items() and "make_demo" not in planned
    unadopted = clone.planned(*PHASES)
    assert all(unadopted[rule] >= count for rule, count in planned.items())
    clone.run(*ADOPT)
    assert clone.planned(*PHASES) == planned


REPORT = {"evaluate": 1, "summarize": 1, "make_report": 1}
# The run `probe` reads MFCCs and is the baseline of the other run.
PROBE = {"embed": 3, "train": 3} | REPORT | {"evaluate": 2}
PART = dict.fromkeys(("index_part", "merge_manifest", "make_protocol", "audit_protocol"), 1)
# The text is the same, but nothing that depends on a changed file is adopted.
PART |= {"extract_audio": 1, "extract_text": 1, "check_quality": 1, "embed": 2}
RUN = {
    "training option": {"train": 3} | REPORT,
    "MFCC option": PROBE,
    "encoder": PROBE,
    "raw file": PART | {"train": 6} | REPORT | {"evaluate": 2},
}
# Edit -> path prefixes below which nothing may change.
SAME = {
    "training option": ("data/", "weights/", "results/demo/runs/probe/"),
    "MFCC option": ("data/manifest/", "data/views/", "weights/", "results/demo/runs/probe_text/"),
    "encoder": ("data/manifest/", "data/views/", "weights/", "results/demo/runs/probe_text/"),
    "raw file": ("weights/", "data/views/demo/audio/0", "data/views/demo/audio/2", "data/features/demo/audio.mfcc/0"),
}
QUICK = "training option"


def by_dvc(project: Project) -> None:
    project.run("dvc", "repro")


def by_snakemake(project: Project) -> None:
    project.snakemake()
    project.make("record")


@pytest.fixture(scope="module")
def edited_origin(origin, tmp_path_factory):
    """Return a function from an edit to the origin's digests after that edit and a run; each edit runs once."""

    @functools.cache
    def after(name: str) -> dict[str, str]:
        there = copy(origin, tmp_path_factory.mktemp("edited") / "origin")
        EDITS[name][0](there)
        there.snakemake()
        return contents(there)

    return after


def last_planned(recipe: Path) -> int:
    """Return when a recipe was last planned."""
    return recipe.stat().st_mtime_ns


def check_edit(name: str, bring_up_to_date, clone: Project) -> None:
    """Check the jobs and changed files of an adopted clone after an edit against RUN and SAME."""
    EDITS[name][0](clone)
    output = clone.run(*ADOPT).stdout
    assert name != QUICK or ("3 x train" in output and "options" in output)
    before = contents(clone)
    shutil.rmtree(clone.folder / "logs")  # Snakemake leaves empty logs of jobs that it touches
    bring_up_to_date(clone)
    assert jobs_run(clone) == RUN[name]
    differ = {path for path, digest in contents(clone).items() if before.get(path) != digest}
    assert any(path.endswith("model.safetensors") or path.endswith("run.json") for path in differ)
    assert not [path for path in differ if path.startswith(SAME[name])]
    for rule, key, pattern in (
        ("train", "probe", "results/demo/runs/probe/*/run.json"),
        ("train", "probe_text", "results/demo/runs/probe_text/*/run.json"),
        ("embed", "audio.mfcc", "data/features/demo/audio.mfcc/*.json"),
    ):
        recipes = sorted((clone.folder / ".emospace/recipes" / rule).glob(f"{key}-*.json"), key=last_planned)
        assert [read_json(path)["recipe"] for path in clone.folder.glob(pattern)] == [read_json(recipes[-1])] * 3
    assert "up to date" in clone.run("dvc", "status").stdout
    assert clone.planned(*PHASES) == {}


@pytest.mark.workflow
def test_dvc_repro_after_an_check_edit(clone):
    check_edit(QUICK, by_dvc, clone)


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("way", [by_dvc, by_snakemake])
@pytest.mark.parametrize("name", EDITS)
def test_after_an_edit_clone_and_origin_are_byte_identical(name, way, clone, edited_origin):
    check_edit(name, way, clone)
    assert contents(clone) == edited_origin(name)


@pytest.mark.workflow
def test_dvc_watches_label_maps_and_sentence_pairs(adopted):
    assert "up to date" in adopted.run("dvc", "status").stdout
    configure("labels", mine={"ang": "high", "neu": "low"})(adopted)
    append("configs/pairs/en_fr.csv", "One more,Encore un\n")(adopted)
    output = adopted.run("dvc", "status", "--json").stdout
    status = json.loads(output.splitlines()[-1])
    assert status.keys() == {"corpora", "weights", "evaluate", "analyse", "report"}
    assert {"changed deps": {"configs/pairs": "modified"}} in status["weights"]


@pytest.mark.workflow
@pytest.mark.parametrize("targets", [[], ["weights/drawn/weights.json"]], ids=["no record", "one record"])
def test_a_newer_time_stamp_does_not_make_a_stale_artifact_trusted(targets, clone):
    """Plan, edit and plan again before the pull: every artifact is newer than its recipe."""
    aside = {name: clone.folder / f"{name}.aside" for name in ("data", "weights", "results")}
    for name, path in aside.items():
        (clone.folder / name).rename(path)
    clone.snakemake(*(targets or ["-n"]))
    EDITS["MFCC option"][0](clone)
    clone.planned()
    for name, path in aside.items():
        shutil.rmtree(clone.folder / name, ignore_errors=True)
        path.rename(clone.folder / name)
    for name in aside:
        for path in (clone.folder / name).rglob("*"):
            os.utime(path)
    assert clone.planned()["embed_audio_mfcc"] == 3
    clone.run(*ADOPT)
    after = {"train": 3, "evaluate": 2, "summarize": 1, "make_report": 1, "all": 1}
    assert clone.planned() == {"embed_audio_mfcc": 3} | after


@pytest.mark.workflow
def test_records_of_an_earlier_adoption_do_not_hide_a_stale_artifact(adopted, tmp_path):
    """After adoption, artifacts of another config replace two; Snakemake has records of the current ones."""
    exchanged = {
        "embed_audio_mfcc": "data/features/demo/audio.mfcc/0.json",
        "fetch_weights": "weights/drawn/weights.json",
    }
    for sidecar in (adopted.folder / file for file in exchanged.values()):
        record = json.loads(sidecar.read_text())
        record["recipe"]["options"] = {"another": 13}
        sidecar.unlink()
        write_json(sidecar, record)
    once = dict.fromkeys(exchanged, 1)
    assert not once.keys() & adopted.planned().keys()
    assert once.items() <= copy(adopted, tmp_path / "recording").planned(DVC_STAGE="any").items()
    output = adopted.run(*ADOPT).stdout
    assert all(f"1 x {rule}" in output for rule in once)
    assert once.items() <= adopted.planned().items()


@pytest.mark.slow
@pytest.mark.workflow
def test_artifacts_of_another_commit_are_not_recorded(adopted):
    """Git goes to another commit and back, DVC only there: Snakemake's records match the newer commit."""
    EDITS[QUICK][0](adopted)
    adopted.run("dvc", "repro")
    adopted.run(*GIT, "commit", "-qam", "edited")
    original = contents(adopted)
    adopted.run("git", "checkout", "-q", "HEAD~")
    adopted.run("dvc", "checkout")
    assert contents(adopted) != original
    adopted.run("git", "checkout", "-q", "-")
    adopted.run("dvc", "repro")
    assert contents(adopted) == original
    assert "up to date" in adopted.run("dvc", "status").stdout and adopted.planned(*PHASES) == {}


@pytest.mark.workflow
def test_altered_artifacts_are_refused_by_name_and_nothing_is_adopted(clone):
    names = ["data/features/demo/audio.mfcc/0.npy", "results/demo/evaluation/probe/confusion.csv"]
    for name in names:
        path = clone.folder / name
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = clone.run(*ADOPT, check=False)
    assert done.returncode == 1 and ", ".join(names) in done.stdout and "Traceback" not in done.stdout
    assert clone.planned() != {}


@pytest.mark.workflow
def test_a_misspelt_option_is_reported_and_without_artifacts_all_jobs_are_stale(project):
    EDITS["MFCC option"][0](project)
    project.replace("config.yaml", "coefficients", "coeficients")
    done = project.run(*ADOPT, check=False)
    assert done.returncode == 1 and "coefficients" in done.stdout and "Traceback" not in done.stdout
    project.replace("config.yaml", "coeficients", "coefficients")
    output = project.run(*ADOPT).stdout
    assert output.startswith("0 of ") and "1 x make_demo" in output and "it is missing" in output


@pytest.mark.workflow
def test_after_a_plain_run_one_command_brings_the_lock_up_to_date(adopted):
    EDITS["training option"][0](adopted)
    adopted.snakemake()
    assert "up to date" not in adopted.run("dvc", "status").stdout
    adopted.make("record")
    assert "up to date" in adopted.run("dvc", "status").stdout
    assert "Running stage" not in adopted.run("dvc", "repro").stdout
