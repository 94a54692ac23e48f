"""Weights from an archive are pinned as a whole, and a malicious archive writes nothing."""

import hashlib
import io
import stat
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emospace.core.errors import InputError
from emospace.weights import archives
from emospace.weights.fetch import check_entry, fetch
from emospace.weights.record import open_weights

MODEL = {"am/final.mdl": b"acoustic" * 900, "conf/mfcc.conf": b"--use-energy=false\n", "README": b"a test model\n"}


def zipped(path, members: dict, link: str = ""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return path


def tarred(path, members: dict, special: bytes = b""):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if special:
            entry = tarfile.TarInfo("small/odd")
            entry.type, entry.linkname = special, "/etc/passwd"
            archive.addfile(entry)
    return path


def model(prefix: str = "small-0.1/") -> dict:
    return {prefix + name: content for name, content in MODEL.items()}


def entry(path, **changes) -> dict:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"source": "archive", "url": path.as_uri(), "sha256": digest, "licence": "Apache-2.0"} | changes


def files(folder) -> dict:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("pack", "name"), [(zipped, "m.zip"), (tarred, "m.tar.gz")])
def test_an_archive_is_unpacked_and_recorded(tmp_path, pack, name):
    record = fetch("small", entry(pack(tmp_path / name, model())), tmp_path / "weights/small")
    assert files(tmp_path / "weights/small") == MODEL
    assert record["revision"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    digests = {path: file["sha256"] for path, file in record["files"].items()}
    assert digests == {path: hashlib.sha256(content).hexdigest() for path, content in MODEL.items()}


def test_existing_files_are_verified_and_fetched_again_only_if_they_changed(tmp_path):
    from emospace.core.provenance import write_json

    path, folder = zipped(tmp_path / "m.zip", model()), tmp_path / "weights/small"
    spec = entry(path)
    write_json(folder / "weights.json", fetch("small", spec, folder))
    path.unlink()  # a second download would fail
    assert fetch("small", spec, folder)["files"] == open_weights(folder).files
    (folder / "README").write_bytes(b"another one\n")
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch("small", spec, folder)
    zipped(path, model())
    other = entry(zipped(tmp_path / "n.zip", model() | {"small-0.1/new.txt": b"new"}))
    assert "new.txt" in fetch("small", other, folder)["files"]  # another digest means another archive


def test_only_the_listed_files_are_kept(tmp_path):
    spec = entry(zipped(tmp_path / "m.zip", model("deep/in/")), folder="deep/in", files={"conf/mfcc.conf": None})
    assert list(fetch("small", spec, tmp_path / "small")["files"]) == ["conf/mfcc.conf"]
    assert list(files(tmp_path / "small")) == ["conf/mfcc.conf"]
    with pytest.raises(InputError, match="does not contain this file"):
        fetch("small", spec | {"files": {"am/missing.mdl": None}}, tmp_path / "other")


def test_a_replaced_archive_is_refused_and_leaves_nothing(tmp_path):
    spec = entry(zipped(tmp_path / "m.zip", model()))
    zipped(tmp_path / "m.zip", model() | {"small-0.1/README": b"another model\n"})
    with pytest.raises(InputError, match="its sha256 is"):
        fetch("small", spec, tmp_path / "small")
    assert not (tmp_path / "small").exists()


EVIL = {
    "slip.zip": lambda p: zipped(p, model() | {"../slipped": b"x"}),
    "deep.zip": lambda p: zipped(p, model() | {"small-0.1/../../slipped": b"x"}),
    "absolute.zip": lambda p: zipped(p, model() | {"/tmp/slipped": b"x"}),
    "windows.zip": lambda p: zipped(p, model() | {"small-0.1\\..\\slipped": b"x", "C:/slipped": b"x"}),
    "link.zip": lambda p: zipped(p, model(), link="small-0.1/link"),
    "slip.tar.gz": lambda p: tarred(p, model() | {"../slipped": b"x"}),
    "symlink.tar.gz": lambda p: tarred(p, model(), tarfile.SYMTYPE),
    "hardlink.tar.gz": lambda p: tarred(p, model(), tarfile.LNKTYPE),
    "device.tar.gz": lambda p: tarred(p, model(), tarfile.CHRTYPE),
    "fifo.tar.gz": lambda p: tarred(p, model(), tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", EVIL)
def test_a_malicious_archive_writes_nothing(tmp_path, name):
    spec = entry(EVIL[name](tmp_path / name))
    with pytest.raises(InputError, match=r"is a path outside the target|is a link or a device"):
        fetch("small", spec, tmp_path / "a/b/small")
    assert files(tmp_path) == {name: (tmp_path / name).read_bytes()}


def test_an_archive_bomb_is_refused_by_its_stated_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 5000)
    spec = entry(zipped(tmp_path / "m.zip", model()))
    with pytest.raises(InputError, match="it holds 3 files of 7232 bytes in total"):
        fetch("small", spec, tmp_path / "small")


@pytest.mark.parametrize("content", [b"<html>not here</html>", b"PK\3\4 truncated"])
def test_a_file_that_is_not_an_archive_is_refused(tmp_path, content):
    (tmp_path / "m.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"not an intact \.zip"):
        fetch("small", entry(tmp_path / "m.zip"), tmp_path / "small")


def test_a_pickle_in_an_archive_is_refused(tmp_path):
    spec = entry(zipped(tmp_path / "m.zip", model() | {"small-0.1/model.pkl": b"\x80\4."}))
    with pytest.raises(InputError, match="may hold a pickle"):
        fetch("small", spec, tmp_path / "small")


def test_model_bin_must_be_in_the_ctranslate2_format(tmp_path):
    head = b"\6\0\0\0\x0c\0WhisperSpec\0"
    good = entry(zipped(tmp_path / "m.zip", {"m/model.bin": head + bytes(99)}))
    assert list(fetch("tiny", good, tmp_path / "tiny")["files"]) == ["model.bin"]
    for content in (b"\x80\4\x95pickle", b"PK\3\4 of torch", b""):
        bad = entry(zipped(tmp_path / "n.zip", {"m/model.bin": content}))
        with pytest.raises(InputError, match=r"model\.bin: it is not a CTranslate2 model"):
            fetch("tiny", bad, tmp_path / "other")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"sha256": None}, "sha256: it is None"), ({"sha256": "abc"}, "64 hexadecimal"), ({"urls": "x"}, "mean 'url'")],
)
def test_errors_in_an_entry_name_its_option(tmp_path, changes, words):
    good = entry(zipped(tmp_path / "m.zip", model()))
    check_entry(good, "config: weights: small")
    with pytest.raises(InputError, match=f"config: weights: small: .*{words}"):
        check_entry(good | changes, "config: weights: small")


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.content
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content) + self.server.missing))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def test_http_downloads_report_each_failure(tmp_path):
    path = zipped(tmp_path / "m.zip", model())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spec = entry(path, url=f"http://127.0.0.1:{server.server_port}/m.zip")
    server.content, server.missing = path.read_bytes(), 0
    fetch("small", spec, tmp_path / "small")
    assert files(tmp_path / "small") == MODEL
    server.missing = 10
    with pytest.raises(InputError, match="the connection closed after"):
        fetch("small", spec, tmp_path / "other")
    server.content = b""
    with pytest.raises(InputError, match="404"):
        fetch("small", spec, tmp_path / "other")
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch("small", spec, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(InputError, match="archives must be fetched by https"):
        fetch("small", spec | {"url": "ftp://example.org/m.zip"}, tmp_path / "other")
