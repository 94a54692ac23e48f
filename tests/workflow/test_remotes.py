"""DVC remotes restore artifacts byte for byte, no job writes to the cache, and private corpora never go public.

Covers: plan/dvc_remotes, plan/sharing.
"""

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from _machines import ADOPT, GIT, cloned, contents, copy, look_each_time, smallest
from conftest import ROOT, Project, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import sha256, write_json
from emospace.corpora import iemocap, ravdess
from emospace.plan.adopt import PHASES
from emospace.plan.dvc_remotes import has_remote
from emospace.plan.plan import Plan
from emospace.plan.sharing import check_sharing

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """Address of a local S3 server with the bucket `artifacts`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("s3") / "log"
    command = [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with open(log, "w") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            bucket = urllib.request.Request(f"{address}/artifacts", method="PUT")
            for _ in range(120):  # attempts, half a second each
                try:
                    urllib.request.urlopen(bucket, timeout=10).close()
                    break
                except (ConnectionError, urllib.error.URLError):
                    with pytest.raises(subprocess.TimeoutExpired):  # the server is alive
                        server.wait(0.5)
            yield address
        finally:
            server.terminate()


@pytest.mark.workflow
def test_artifacts_come_back_from_s3_byte_for_byte_and_are_adopted(s3, origin, tmp_path):
    sender = copy(origin, tmp_path / "sender")
    sender.run("dvc", "remote", "add", "-d", "cloud", "s3://artifacts/emospace")
    sender.run("dvc", "remote", "modify", "cloud", "endpointurl", s3)
    sender.run(*GIT, "commit", "-qam", "to the cloud")
    sender.run("dvc", "push", **KEYS)
    receiver = cloned(sender, tmp_path / "receiver")
    receiver.run("dvc", "pull", **KEYS)
    assert contents(receiver) == contents(origin)
    said = receiver.run("dvc", "status", "--cloud", **KEYS).stdout
    assert "in sync" in said
    assert "32 of 32 jobs" in receiver.run(*ADOPT).stdout
    assert receiver.planned(*PHASES) == {}


def cached(project: Project) -> dict[str, str]:
    """Map each object in DVC's cache to the digest of its content."""
    cache = project.folder / ".dvc/cache/files/md5"
    return {str(path.relative_to(cache)): sha256(path) for path in cache.rglob("*") if path.is_file()}


def kind_of(path: Path) -> str:
    """The link type of a pulled file, as DVC names it."""
    return "symlink" if path.is_symlink() else "hardlink" if path.stat().st_nlink > 1 else "copy"


FOLDERS = ["data/raw", "data/manifest", "data/views", "data/features", "results/demo/runs", "results/demo/evaluation"]
LINKS = [pytest.param(kind, PHASES, FOLDERS, marks=pytest.mark.slow) for kind in ("symlink", "hardlink", "copy")]


@pytest.mark.workflow
@pytest.mark.parametrize(("kind", "phases", "folders"), [("symlink", PHASES[:2], FOLDERS[:3]), *LINKS])
def test_no_job_writes_into_the_cache(kind, phases, folders, origin, tmp_path):
    clone = cloned(origin, tmp_path / "clone")
    clone.run("dvc", "config", "--local", "cache.type", kind)
    clone.run("dvc", "pull", "-q")
    assert {kind_of(clone.folder / name) for name in contents(clone)} == {kind}
    made, before = contents(clone), cached(clone)
    other = smallest()
    other["corpora"]["demo"]["generate"]["utterances"] = 20  # every artifact changes under the same name
    clone.configure(other)
    clone.snakemake("--forceall", *phases)
    assert len(before) > 100 and cached(clone) == before
    changed = {path for path, digest in contents(clone).items() if made.get(path) not in (None, digest)}
    for folder in folders:
        assert any(path.startswith(folder) for path in changed), f"nothing new in {folder}"


# Licences ----------------------------------------------------------------------------------------------------------


def closed(root: str = "data/raw/demo") -> dict:
    """Return a minimal config, without views, that reads IEMOCAP, which must not be shared."""
    config = shipped("config.yaml")
    corpora = {"signed": {"reader": "iemocap", "root": root, "parts": 3, "options": {"expect_counts": False}}}
    session = {"corpus": "signed", "split": "session", "labels": "iemocap4", "folds": 3}
    run = {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}
    more = {"private_remote": "lab", "corpora": corpora, "protocols": {"session": session}, "runs": {"probe": run}}
    return config | more


@pytest.fixture
def remotes(tmp_path, monkeypatch):
    """The files from which DVC reads remotes. None exists yet, and the user's own files are hidden."""
    monkeypatch.chdir(tmp_path)
    for level in ("global", "system"):
        monkeypatch.setenv(f"DVC_{level.upper()}_CONFIG_DIR", str(tmp_path / level))
    return [tmp_path / name for name in (".dvc/config", ".dvc/config.local", "global/config", "system/config")]


def test_a_corpus_that_may_not_be_shared_needs_a_private_remote_where_there_is_any(remotes):
    Plan(closed())
    open_to_all = (closed() | {"private_remote": ""}, {k: v for k, v in closed().items() if k != "private_remote"})
    for config in open_to_all:
        Plan(config)  # without a remote nothing can be pushed
        for file in remotes:
            file.parent.mkdir(exist_ok=True)
            file.write_text("[core]\n    remote = public\n['remote \"public\"']\n    url = /public\n")
            with pytest.raises(InputError, match=r"signed: it must not be shared .*release form.*private_remote"):
                Plan(config)
            Plan(closed())
            file.write_text("[core]\n    autostage = true\n")
            Plan(config)


def test_without_any_remote_dvc_still_records_it_only_for_a_private_one(remotes):
    """Otherwise a plain `dvc push` would send it to a remote added later. The private remote need not exist yet."""
    write_json(Path("data/manifest/signed/0.json"), {"recipe": {"plugin": "iemocap"}})
    Path("config.yaml").write_text("private_remote: ''\n")
    with pytest.raises(InputError, match=r"signed has data in this project .*it need not exist yet"):
        check_sharing()
    Path("config.yaml").write_text("private_remote: lab\n")
    check_sharing()


def test_remotes_are_found_as_dvc_writes_them(remotes, tmp_path):
    dvc = ["dvc", "init", "--no-scm", "-q"]
    subprocess.run([sys.executable, "-m", *dvc], cwd=tmp_path, check=True)
    assert not has_remote()
    subprocess.run([sys.executable, "-m", "dvc", "remote", "add", "--local", "a b", "/x"], cwd=tmp_path, check=True)
    assert has_remote()


def test_where_artifacts_go_changes_no_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {key: path.read_bytes() for key, path in Plan(closed()).recipes.items()}
    after = {key: path.read_bytes() for key, path in Plan(closed() | {"private_remote": "vault"}).recipes.items()}
    assert after == before


def test_what_another_config_left_behind_is_not_shared_either(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, part = tmp_path / "config.yaml", Path("data/manifest/signed/0.json")
    config.write_text("private_remote: ''\n")
    write_json(Path("data/manifest/open/0.json"), {"recipe": {"plugin": "ravdess"}})
    assert check_sharing() == {"open": ravdess.LICENCE}
    write_json(part, {"recipe": {"plugin": "iemocap"}})
    with pytest.raises(InputError, match=r"config.yaml: signed has data in this project.*release form.*private_remote"):
        check_sharing()
    config.write_text("private_remote: lab\n")
    assert check_sharing() == {"open": ravdess.LICENCE, "signed": iemocap.LICENCE}
    part.unlink()
    config.write_text("seed: 1\n")
    leftovers = ["views/iemocap", "augmented/views/iemocap", "quality/other/iemocap.csv"]
    leftovers = [f"data/{path}" for path in ["raw/iemocap", *leftovers]]  # the release itself as well
    leftovers += [f"results/{path}/iemocap" for path in ("other/export", "other/augmented/scores")]
    Path("data/quality/iemocap").mkdir(parents=True)  # belongs to a config of this name, not to the corpus
    for folder in leftovers:
        check_sharing()
        Path(folder).mkdir(parents=True)
        with pytest.raises(InputError, match="iemocap has data in this project"):
            check_sharing()
        Path(folder).rmdir()
    for file in ("protocols/session.json", "runs/probe/fold0-1/run.json", "augmented/audit/session.text_bt.json"):
        sidecar = Path("results/other") / file
        write_json(sidecar, {"recipe": {"corpora": {"signed": "iemocap"}}})
        with pytest.raises(InputError, match="signed has data in this project"):
            check_sharing()
        sidecar.unlink()


def test_every_output_is_bound_to_the_private_remote():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    entries = [entry for stage in stages for entry in stage["outs"] + stage.get("metrics", [])]
    assert all(options["remote"] == "${private_remote}" for entry in entries for options in entry.values())


@pytest.fixture(scope="module")
def signed(origin, tmp_path_factory) -> Project:
    """A project in which DVC recorded manifests and protocols that must not be shared; the default remote is public."""
    base = tmp_path_factory.mktemp("signed")
    folder = base / "project"
    folder.mkdir()
    project = Project(folder)
    shutil.copytree(origin.folder / "data/raw/demo", base / "corpus")
    look_each_time(project)
    project.configure(closed(str(base / "corpus")))
    project.run("git", "init", "-q")
    project.run("dvc", "remote", "add", "-q", "-d", "public", str(base / "public"))
    (project.folder / "data/raw").mkdir(parents=True)  # an output of the stage, empty for an external corpus
    project.run("dvc", "repro", "corpora")
    project.run("git", "add", ".")
    project.run(*GIT, "commit", "-qm", "read")
    return project


def stored(remote: Path) -> list[Path]:
    return [path for path in remote.rglob("*") if path.is_file()]


@pytest.mark.workflow
def test_dvc_pushes_it_to_the_private_remote_and_nowhere_else(signed, tmp_path):
    public, lab = signed.folder.parent / "public", tmp_path / "lab"
    done = signed.run("dvc", "push", check=False)
    assert done.returncode and "remote 'lab' doesn't exist" in done.stdout and not stored(public)
    signed.run("dvc", "remote", "add", "-q", "lab", str(lab))
    for words in ([], ["--all-commits"], ["--run-cache"], ["corpora"]):
        signed.run("dvc", "push", "--remote", "public", *words)
        assert not stored(public), words
    assert iemocap.LICENCE in signed.make("push").stdout
    assert len(stored(lab)) > 20 and not stored(public)
    signed.run(*GIT, "commit", "-qam", "the lab")
    clone = cloned(signed, tmp_path / "clone")
    clone.run("dvc", "pull", "corpora")
    assert contents(clone) == contents(signed)


@pytest.mark.workflow
def test_a_config_that_forgets_it_is_refused_before_dvc_records_anything(signed, tmp_path):
    """First the same config without a private remote, then the demo's config beside the artifacts left behind."""
    project = copy(signed, tmp_path / "project")
    lock = project.folder / "dvc.lock"
    before = lock.read_bytes()
    project.configure(closed(str(signed.folder.parent / "corpus")) | {"private_remote": "", "seed": 2})
    done = project.run("dvc", "repro", "corpora", check=False)
    assert done.returncode and "signed: it must not be shared" in done.stdout
    shutil.copy(ROOT / "config.yaml", project.folder)
    done = project.run("dvc", "repro", "corpora", check=False)
    assert done.returncode and "signed has data in this project and must not be shared" in done.stdout
    for target in ("record", "push"):
        done = project.make(target, check=False)
        assert done.returncode and iemocap.LICENCE in done.stdout and "Traceback" not in done.stdout
        assert not stored(signed.folder.parent / "public")
    assert lock.read_bytes() == before
    project.snakemake("-n", "corpora")  # a dry run records nothing


def test_contributing_names_what_dvc_asks_of_a_new_corpus():
    """CONTRIBUTING.md and docs/dvc.md both name every setting that a new corpus needs for DVC."""
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    corpus = guide.partition("## Adding a plug-in")[2].partition("\n## ")[0]
    told = (ROOT / "docs/dvc.md").read_text(encoding="utf-8")
    for key in ("always_changed: true", "private_remote", "PUBLIC"):
        assert key in corpus and key in told
