"""Read one part of a corpus: rows, problems, and digests of the media that the rows name."""

import logging
from dataclasses import replace
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.provenance import read_digests, write_sidecar
from emospace.corpora._answers import indexed, words_of
from emospace.plan.part_listing import digest_media, listing, unreadable
from emospace.plan.raw_files import fingerprint, grouping
from emospace.views import _reading
from workflow_scripts._command import arguments, run


def job(args, recipe):
    corpus, root, part = plugin.find("corpora", recipe["plugin"]), args.corpus_root, int(args.part)
    group = grouping(corpus, root, recipe["options"])
    files, odd = listing(args.corpus, root, part, args.parts, group)
    offer = plugin.offered(corpus.index, part=part, parts=args.parts)
    read, problems = indexed(corpus, root, files, offer | recipe["options"])
    rows, unusable = manifest.check(read)
    problems += odd + unusable
    words = words_of(corpus, root, rows)  # before anything is written
    logging.info("%d rows, %d problems", len(rows), len(problems))
    digest_media(args.audio_digests, root, (r.audio for r in rows))
    digest_media(args.video_digests, root, (r.video for r in rows))
    manifest.write_problems(args.quality, problems)
    manifest.write(args.manifest, (replace(r, part=args.part) for r in rows))
    _reading.write_words(args.words, rows, words)
    media = [args.audio_digests, args.video_digests]
    # Paths are relative to the root: the corpus may be elsewhere on another machine.
    raw = {path: fingerprint(root / path) for path in files} | read_digests(media) | unreadable(odd)
    outputs = [args.manifest, args.quality, *media, args.words]
    write_sidecar(args.manifest.with_suffix(".json"), recipe, inputs=args.made, outputs=outputs, raw=raw)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus", required=True, help="its name in the config")
    parser.add_argument("--corpus-root", type=Path, required=True)
    parser.add_argument("--part", required=True, help="number of the part, as wide as its file names")
    parser.add_argument("--parts", type=int, required=True)
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="sidecar of a generated corpus")
    for output in ("--manifest", "--quality", "--audio-digests", "--video-digests", "--words"):
        parser.add_argument(output, type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
