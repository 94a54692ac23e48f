"""What every script shares: its arguments, its log, and one-line errors."""

import argparse
import errno
import fcntl
import logging
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

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

    An InputError or a full disk becomes one line on stderr and in the log, and exit status 1; anything else is a fault
    of ours and keeps its traceback, in the log too. While another process runs the same job, this one waits.
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
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            where = getattr(error, "filename", None) or Path.cwd()
            logging.error("%s", InputError(where, "the disk is full", "free some space, then start the workflow again"))
            sys.exit(1)
        logging.exception("unexpected error")
        sys.exit(2)


def _log_to(path: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.StreamHandler(_alone(path)))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers)


def _alone(path: Path) -> TextIO:
    """The log of this job, emptied, as soon as no other process has it.

    A job lives on when its snakemake is killed, and would meet the one that the next run starts. Both have one log, and
    who holds its lock may write. The kernel lets go of the lock with the process, so that nothing has to be cleared.
    """
    log = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open, and locked, as long as the process lives
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{path}: the same job of an earlier run is still at work; waiting for its end", file=sys.stderr)
        fcntl.flock(log, fcntl.LOCK_EX)
    except OSError as error:
        print(
            f"{path}: no locks on this file system ({error.strerror}); let no killed run's jobs live on",
            file=sys.stderr,
        )
    log.truncate(0)
    # Never empty: of the logs of a job that was killed, Snakemake shows none after an empty one.
    print(f"on {platform.node()}", file=log, flush=True)
    return log
