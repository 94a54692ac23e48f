"""Read one part of a corpus: rows, problems, and digests of the media that the rows name."""

import logging
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from emospace import manifest, plugin
from emospace.contracts import EVERY
from emospace.errors import InputError
from emospace.provenance import atomic, read_digests, sha256, write_sidecar
from emospace.views import _reading
from workflow_scripts._command import arguments, run
from workflow_scripts._raw import ODD, fingerprint, grouping, part_of
from workflow_scripts._walk import walk


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


def write_digests(path: Path, root: Path, media: Iterable[str]) -> None:
    """Digests of some files, one a line as `sha256sum` writes them, so that it can check them too."""
    from tqdm.auto import tqdm

    names = sorted(set(media) - {""})
    for name in names:
        if "\\" in name or len(name.splitlines()) != 1:
            raise InputError(repr(name), "its name holds a backslash or a line break", "rename the file")
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing is bound by the disk
        hashed = pool.map(sha256, (root / name for name in names))
        digests = list(tqdm(hashed, path.stem, len(names), disable=None, unit="file"))
    with atomic(path) as tmp:
        lines = (f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True))
        tmp.write_text("".join(lines), encoding="utf-8")


def write_words(path: Path, reader, root: Path, rows: list[manifest.Utterance]) -> None:
    """What the corpus publishes of the times of words. Raises InputError if the reader does not tell of each row."""
    told = reader.words(root, rows)
    if len(told) != len(rows):
        remedy = "return None for a row whose words are unknown, see Corpus in docs/contracts.md"
        raise InputError(reader.__file__, f"words() tells of {len(told)} rows, there are {len(rows)}", remedy)
    _reading.write_words(path, rows, told)


def job(args, recipe):
    corpus = plugin.find("corpora", recipe["plugin"])
    files, odd = listing(args, grouping(corpus, args.corpus_root, recipe["options"]))
    place = plugin.offered(corpus.index, part=int(args.part), parts=args.parts)
    found, problems = corpus.index(args.corpus_root, files, **place, **recipe["options"])
    problems += odd
    rows, unusable = manifest.check(found)
    problems += unusable
    logging.info("%d rows, %d problems", len(rows), len(problems))
    write_digests(args.audio_digests, args.corpus_root, (r.audio for r in rows))
    write_digests(args.video_digests, args.corpus_root, (r.video for r in rows))
    manifest.write_problems(args.quality, problems)
    manifest.write(args.manifest, (replace(r, part=args.part) for r in rows))
    write_words(args.words, corpus, args.corpus_root, rows)
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
