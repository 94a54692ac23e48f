"""What every script shares: its arguments, its log, and one-line errors."""

import argparse
import fcntl
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emospace.core.disk import as_input_error
from emospace.core.errors import InputError, full
from emospace.core.provenance import read_recipe

LOCKS = Path(".emospace/locks")  # a file for each job that ever ran
# Nothing but fetch_weights may reach a model hub; set before any library can read them.
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
    try:
        with _alone(args.log):
            _log_to(args.log)
            job(args, read_recipe(args.recipe))
    except InputError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception as error:
        if full(error):
            logging.error("%s (%s)", as_input_error(error), error)
            sys.exit(1)
        logging.exception("unexpected error")
        sys.exit(2)


def _log_to(path: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path:
        handlers[0].setLevel(logging.WARNING)  # the terminal has a line per job; the rest is in the log
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never empty: of the logs of a job that was killed, Snakemake shows none after an empty one.
        path.write_text(f"on {platform.node()}\n", encoding="utf-8")
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers)


@contextmanager
def _alone(log: Path | None) -> Iterator[None]:
    """Wait until no other process runs the job that has this log.

    A job lives on when its snakemake is killed, and would meet the one that the next run starts: so both lock one file.
    The kernel lets go of a lock with its process; nothing has to be cleared. (The log itself is removed by Snakemake.)
    """
    if log is None:
        yield
        return
    path = LOCKS / log.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{log}: the same job of an earlier run is still at work; waiting for its end", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            why = f"this file system has no locks ({error.strerror})"
            print(f"{path}: {why}; after a kill, see that no job lives on", file=sys.stderr)
        yield
