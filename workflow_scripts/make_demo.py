"""Generate the demo corpus and record the digests of its files."""

import re
import subprocess
from pathlib import Path

from emospace.core.files_below import walk
from emospace.core.plugin import find
from emospace.core.provenance import sha256, write_sidecar
from workflow_scripts._command import arguments, run

VERSION = {"espeak-ng": ["--version"], "ffmpeg": ["-version"]}


def version(program: str) -> str:
    """Return the version that a program reports; another one may synthesise or encode differently."""
    output = subprocess.run([program, *VERSION[program]], capture_output=True, text=True, check=True).stdout
    return re.search(r"\d+\.\d\S*", output)[0]


def job(args, recipe):
    corpus, root = find("corpora", recipe.get("plugin", "demo")), args.out.parent
    corpus.generate(root, threads=args.threads, **recipe["options"])
    files = {path: sha256(root / path) for path, _ in walk(str(root)) if corpus.group(path) is not None}
    tools = {program: version(program) for program in VERSION}
    packages = ["numpy", "pillow", "soundfile", "soxr"]
    write_sidecar(args.out, recipe, inputs=[], outputs=[], packages=packages, tools=tools, files=files)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="sidecar in the folder of the corpus")
    run(parser, job)


if __name__ == "__main__":
    main()
