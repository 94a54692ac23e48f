"""What every script shares: its arguments, its log, and one-line errors."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from emospace.errors import InputError
from emospace.provenance import read_recipe

# Nothing but fetch_models may reach a model hub; set before any library can read them.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the arguments that every script takes: --recipe and --log."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--recipe", type=Path, required=True, help="JSON: options and code digests of this job")
    parser.add_argument("--log", type=Path, help="write the log here too (progress bars go to stderr only)")
    return parser


def run(
    parser: argparse.ArgumentParser, job: Callable[[argparse.Namespace, dict], None], *, online: bool = False
) -> None:
    """Parse the command line, read the recipe, run `job(args, recipe)`.

    An InputError becomes one line on stderr and in the log, and exit status 1; anything else is a fault of ours and
    keeps its traceback, in the log too.
    """
    if not online:
        os.environ.update(OFFLINE)
    args = parser.parse_args()
    _log_to(args.log)
    try:
        job(args, read_recipe(args.recipe))
    except InputError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error")
        sys.exit(2)


def _log_to(path: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, "w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers)
