"""Arguments, log, lock and one-line errors of every script."""

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

LOCKS = Path(".emospace/locks")  # one file per job
# Only fetch_weights may use the network. Set these before any library reads them.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every script takes: --recipe and --log."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--recipe", type=Path, required=True, help="JSON: options and code digests of this job")
    parser.add_argument("--log", type=Path, help="write the log here too (progress bars go to stderr only)")
    return parser


def run(
    parser: argparse.ArgumentParser, job: Callable[[argparse.Namespace, dict], None], *, online: bool = False
) -> None:
    """Parse the command line, read the recipe, run `job(args, recipe)`.

    An InputError or a full disk becomes one line on stderr and in the log, with exit status 1. Any other exception is
    a bug: its traceback goes to both, with exit status 2. If another process is running the same job, wait for it.
    """
    if not online:
        os.environ.update(OFFLINE)
    args = parser.parse_args()
    try:
        with _locked(args.log):
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
        handlers[0].setLevel(logging.WARNING)  # the terminal shows one line per job; the log has the rest
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never empty: after a job is killed, Snakemake stops printing logs at the first empty one.
        path.write_text(f"on {platform.node()}\n", encoding="utf-8")
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers)


@contextmanager
def _locked(log: Path | None) -> Iterator[None]:
    """Hold the lock of the job with this log; wait while another process holds it.

    A job survives when its Snakemake process is killed, and the next run may start the same job again. The kernel
    releases the lock when its process ends, so stale locks cannot exist. (Snakemake deletes the log itself.)
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
            print(f"{log}: the same job of an earlier run is still running; waiting until it ends", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            reason = f"this file system does not support locks ({error.strerror})"
            print(f"{path}: {reason}; after a kill, make sure that no job is still running", file=sys.stderr)
        yield
