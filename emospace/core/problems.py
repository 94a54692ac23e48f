"""Problems of a corpus from several tables, as people read them: one line each, a property of the corpus only once."""

from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Problem

SHOWN = 20  # in an error
NO_TEXT = "no transcript"


def describe(problem: Problem) -> str:
    """One line of text."""
    where = " ".join(filter(None, (problem.utterance, problem.file)))
    return f"{where}: {problem.reason} ({problem.detail}); {problem.remedy}"


def without_text(problems: Sequence[Problem], manifest: dict) -> list[Problem]:
    """The problems, with a single line for all missing transcripts if the corpus has no transcripts at all.

    manifest: content of the sidecar of the corpus's manifest.
    """
    rows = manifest.get("rows", 0)
    if not rows or manifest["missing"]["text"] < rows:
        return list(problems)
    detail, remedy = f"none of the {rows} rows has any: a property of the corpus", "use no text of it in runs"
    others = [p for p in problems if p.reason != NO_TEXT]
    return sorted([*others, Problem("", "", NO_TEXT, detail, remedy)], key=describe)


def refuse(problems: Sequence[Problem], file) -> None:
    """Raise InputError, with the first lines, if there is any problem but a property of the corpus. file: the table."""
    problems = [p for p in problems if p.utterance or p.file or p.reason != NO_TEXT]
    if problems:
        # Snakemake removes the outputs of a failed job, and with them the table: so the message has the lines.
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        lines = "\n  ".join([*map(describe, problems[:SHOWN]), *more])
        remedy = "Mend the corpus, or go on without these with `on_problem: warn` in the config"
        raise InputError(file, f"{len(problems)} problems:\n  {lines}\n", remedy)
