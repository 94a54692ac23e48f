"""Index one part of a raw corpus: its rows, its problems, digests of its media."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from emospace import manifest, plugin
from emospace.errors import InputError
from emospace.provenance import atomic, sha256
from workflow_scripts._command import arguments, run
from workflow_scripts._raw import walk


def write_digests(path: Path, root: Path, media: Iterable[str]) -> None:
    """Digests of media in `sha256sum` format, sorted by path; `sha256sum -c` in the corpus root verifies them."""
    names = sorted(set(media) - {""})
    with ThreadPoolExecutor(4) as pool, atomic(path) as tmp:
        digests = tqdm(pool.map(lambda n: sha256(root / n), names), path.name, len(names), disable=None)
        tmp.write_text("".join(f"{d}  {n}\n" for d, n in zip(digests, names, strict=True)), encoding="utf-8")


def job(args, recipe):
    corpus = plugin.find("corpora", recipe["plugin"])
    if not args.corpus_root.is_dir():
        remedy = f"set corpora: {args.corpus}: root in the config or EMOSPACE_{args.corpus.upper()}"
        raise InputError(args.corpus_root, "there is no such folder", remedy)
    groups = ((path, corpus.group(path)) for path, _ in walk(str(args.corpus_root)))
    files = [path for path, number in groups if number is not None and number % args.parts == int(args.part)]
    rows, problems = corpus.index(args.corpus_root, files, **recipe["options"])
    rows, more = manifest.check(rows)
    rows = [replace(row, part=args.part) for row in rows]
    manifest.write(args.manifest, rows)
    manifest.write_problems(args.quality, problems + more)
    write_digests(args.audio_digests, args.corpus_root, (r.audio for r in rows))
    write_digests(args.video_digests, args.corpus_root, (r.video for r in rows))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus", required=True, help="name in the config, for messages")
    parser.add_argument("--corpus-root", type=Path, required=True)
    parser.add_argument("--part", required=True)
    parser.add_argument("--parts", type=int, required=True)
    for name in ("manifest", "quality", "audio-digests", "video-digests"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
