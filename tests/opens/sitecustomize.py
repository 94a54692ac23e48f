"""Record the files that a job's Python processes open; Python imports this at startup (see tests/_declared.py).

Each line of the file OPENED is `<log of the job>\\t<path relative to the project>`. Files that compiled libraries such
as safetensors open directly are not recorded.
"""

import os
import sys

WATCHED = tuple(os.path.join(os.getcwd(), folder, "") for folder in ("data", "weights", "results", ".emospace"))


def log_of_job() -> str:
    """The log that identifies a job, from its script's arguments or inherited from the parent process."""
    arguments = sys.orig_argv
    if any(word.startswith("workflow_scripts.") for word in arguments) and "--log" in arguments:
        os.environ["OPENED_BY"] = arguments[arguments.index("--log") + 1]
    return os.environ.get("OPENED_BY", "")


def record_opens(job: str, table: str) -> None:
    """Append each file that this process opens in a watched folder to the table."""
    line_writer = os.open(table, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    known: set[str] = set()

    def hook(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path.startswith(WATCHED) and path not in known and not os.path.isdir(path):
                known.add(path)
                os.write(line_writer, f"{job}\t{os.path.relpath(path)}\n".encode())

    sys.addaudithook(hook)


if "OPENED" in os.environ and (job := log_of_job()):
    record_opens(job, os.environ["OPENED"])
