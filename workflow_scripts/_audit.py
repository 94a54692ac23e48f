"""Arguments of the two audits, and the inputs that their sidecars record."""

import argparse
from pathlib import Path

from workflow_scripts._command import arguments


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of an audit."""
    parser = arguments(description)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="one per corpus, named after it")
    parser.add_argument("--manifest-sidecar", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Path, required=True, help="sidecar of the protocol")
    parser.add_argument("--folds", type=Path, nargs="+", required=True)
    parser.add_argument("--digests", type=Path, nargs="+", required=True, help="of recordings and films, all parts")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def inputs(args) -> list[Path]:
    """Return the inputs that the sidecar records. Training refuses any other fold table."""
    return [args.protocol, *args.manifest_sidecar, *args.folds, *args.digests]
