"""Read one part of a corpus: rows, problems, and digests of the media that the rows name."""

import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.provenance import read_digests, sha256, write_digests, write_sidecar
from emospace.plan.raw_files import ODD, SEE, fingerprint, grouping, part_of
from emospace.views import _reading
from workflow_scripts._command import arguments, run


def listing(args, group) -> tuple[list[str], list[manifest.Problem]]:
    """Files of this part, relative to the root, and what cannot be read as one. Raises InputError without a corpus."""
    remedy = f"set `corpora: {args.corpus}: root` in the config, or EMOSPACE_{args.corpus.upper()}, to its folder"
    if not args.corpus_root.is_dir():
        raise InputError(args.corpus_root, f"there is no such folder, so no corpus {args.corpus!r}", remedy)
    odd: dict[str, str] = {}
    groups = {path: group(path) for path, _ in walk(str(args.corpus_root), odd)}
    if all(g is None for g in groups.values()):
        raise InputError(args.corpus_root, f"none of its {len(groups)} files is one of {args.corpus!r}", remedy)
    remedy = "mend or remove it"
    mine = {path: why for path, why in odd.items() if part_of(path, range(args.parts), group) == int(args.part)}
    problems = [manifest.Problem("", path, "unreadable", why, remedy) for path, why in sorted(mine.items())]
    return [path for path, g in groups.items() if g == EVERY or part_is(g, args)], problems


def part_is(group: int | None, args) -> bool:
    """Is a group one of this part?"""
    return group is not None and group % args.parts == int(args.part)


def unreadable(problems: Iterable[manifest.Problem]) -> dict[str, str]:
    """Path -> what a thing that is no readable file is known by."""
    return {problem.file: ODD + problem.detail for problem in problems}


def digest_media(path: Path, root: Path, media: Iterable[str]) -> None:
    """Digests of some files, one a line as `sha256sum` writes them, so that it can check them too."""
    from tqdm.auto import tqdm

    names = sorted(set(media) - {""})
    for name in names:
        if "\\" in name or len(name.splitlines()) != 1:
            raise InputError(repr(name), "its name holds a backslash or a line break", "rename the file")
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing is bound by the disk
        hashed = pool.map(sha256, (root / name for name in names))
        digests = list(tqdm(hashed, path.stem, len(names), disable=None, unit="file"))
    write_digests(path, zip(names, digests, strict=True))


def indexed(reader, root: Path, files: list[str], options: dict) -> tuple[list, list[manifest.Problem]]:
    """Rows and problems of these files. Raises InputError, naming the reader's file, for what is neither."""
    file = plugin.file_of(reader)
    with plugin.blamed(file, "index()", f"one bad file is a Problem, never an exception; {SEE}"):
        found = reader.index(root, files, **options)
    if not (isinstance(found, Sequence) and len(found) == 2 and all(isinstance(one, Sequence) for one in found)):
        raise InputError(file, f"index() returned {found!r:.80}", f"return (rows, problems); {SEE}")
    for made, kind in zip(found, (manifest.Utterance, manifest.Problem), strict=True):
        refuse_faulty(made, kind, file, "index()")
    return list(found[0]), list(found[1])


def refuse_faulty(made: Iterable, kind: type, file: str, call: str) -> None:
    """Raise InputError for the first thing that is not of this kind, or has a field of a wrong type."""
    for k, one in enumerate(made):
        if wrong := manifest.fault(one, kind):
            name = f", {one.utterance!r}" if isinstance(one, kind) else ""
            raise InputError(file, f"{call}, {kind.__name__} {k}{name}: {wrong}", SEE)


def words_of(reader, root: Path, rows: list[manifest.Utterance]) -> list:
    """What the corpus publishes of the times of words. Raises InputError unless it is that, for each row."""
    file = plugin.file_of(reader)
    with plugin.blamed(file, "words()", SEE):
        told = list(reader.words(root, rows))
    if len(told) != len(rows):
        remedy = f"return None for a row whose words are unknown, {SEE}"
        raise InputError(file, f"words() tells of {len(told)} rows, there are {len(rows)}", remedy)
    for row, some in zip(rows, told, strict=True):
        if wrong := plugin.fault(some, list[tuple[str, float, float]] | None):
            raise InputError(file, f"words() tells {some!r:.80} of {row.utterance!r}", f"{wrong}; {SEE}")
    return told


def job(args, recipe):
    corpus = plugin.find("corpora", recipe["plugin"])
    files, odd = listing(args, grouping(corpus, args.corpus_root, recipe["options"]))
    place = plugin.offered(corpus.index, part=int(args.part), parts=args.parts)
    found, problems = indexed(corpus, args.corpus_root, files, place | recipe["options"])
    problems += odd
    rows, unusable = manifest.check(found)
    problems += unusable
    told = words_of(corpus, args.corpus_root, rows)  # before anything is written
    logging.info("%d rows, %d problems", len(rows), len(problems))
    digest_media(args.audio_digests, args.corpus_root, (r.audio for r in rows))
    digest_media(args.video_digests, args.corpus_root, (r.video for r in rows))
    manifest.write_problems(args.quality, problems)
    manifest.write(args.manifest, (replace(r, part=args.part) for r in rows))
    _reading.write_words(args.words, rows, told)
    media = [args.audio_digests, args.video_digests]
    # The raw files may lie elsewhere on another machine, so their paths are those below the root.
    raw = {path: fingerprint(args.corpus_root / path) for path in files} | read_digests(media)
    raw |= unreadable(odd)
    outputs = [args.manifest, args.quality, *media, args.words]
    write_sidecar(args.manifest.with_suffix(".json"), recipe, inputs=args.made, outputs=outputs, raw=raw)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus", required=True, help="its name in the config")
    parser.add_argument("--corpus-root", type=Path, required=True)
    parser.add_argument("--part", required=True, help="number of the part, as wide as its file names")
    parser.add_argument("--parts", type=int, required=True)
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="sidecar of a corpus that the workflow made")
    for output in ("--manifest", "--quality", "--audio-digests", "--video-digests", "--words"):
        parser.add_argument(output, type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
