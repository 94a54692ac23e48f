"""Tables of the gate: one line per utterance, with its scores, a verdict and, where that is "fail", the reason."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.option_types import Share

PASS, FAIL = "pass", "fail"
TAKEN = ("utterance", "verdict", "reason")  # columns beside the scores
FOLD_COLUMNS = ["utterance", "verdict", "reason", "agreement"]


def write_scores(path: Path, scores: Sequence[str], lines: Iterable[dict]) -> None:
    """Write the table of a part, each `line` with these scores."""
    records.write(path, ["utterance", *scores, "verdict", "reason"], lines)


def write_verdicts(path: Path, lines: Iterable[dict]) -> None:
    """Write the table of a fold, a line per train row, as `verdict_of` gives it."""
    records.write(path, FOLD_COLUMNS, lines)


def line(utterance: str, scores: dict[str, float | None], reason: str) -> dict[str, str]:
    """A line of a part's table; a score that cannot be told is "". It passes if nothing is held against it."""
    cells = {name: "" if value is None else f"{value:g}" for name, value in scores.items()}
    return {"utterance": utterance, **cells, "verdict": FAIL if reason else PASS, "reason": reason}


def number(value: float) -> float:
    """A score as it is written down: verdicts are by what a reader sees."""
    return round(float(value), 4)


def verdict_of(
    utterance: str, verdict: str, reason: str, agreement: float | None, *, min_agreement: Share = 0.05
) -> dict:
    """A line of a fold's table. min_agreement: least probability that the probe gives the parent's label.

    The default, 0.05, refuses only what the probe all but rules out: a probe trained on voices of people is a poor
    judge of small differences between synthetic ones. On RAVDESS it refuses 3 % of the recordings themselves.
    """
    agreement = None if agreement is None else number(agreement)
    if verdict == PASS and agreement is not None and agreement < min_agreement:
        verdict, reason = FAIL, "label lost"
    cell = "" if agreement is None else f"{agreement:g}"
    return dict(zip(FOLD_COLUMNS, (utterance, verdict, reason, cell), strict=True))


def read(path: Path) -> list[dict[str, str]]:
    """Lines of a table of a part or a fold.

    Raises InputError if it is none, or if a verdict and its reason contradict each other.
    """
    lines = records.read(path, ["utterance"])
    for row in lines:
        if missing := {"verdict", "reason"} - row.keys():
            raise InputError(path, f"it has no column {min(missing)!r}", "run the workflow again")
        if (row["verdict"], bool(row["reason"])) not in ((PASS, False), (FAIL, True)):
            reason = f"verdict {row['verdict']!r} of {row['utterance']!r} does not go with reason {row['reason']!r}"
            raise InputError(path, reason, "delete it and run the workflow again")
    return lines


def counts(lines: Sequence[dict[str, str]]) -> dict:
    """Facts for a sidecar: rows, how many passed, how many failed for each reason."""
    reasons = Counter(row["reason"] for row in lines)
    return {"passed": reasons.pop("", 0), "failed": dict(sorted(reasons.items())), "rows": len(lines)}
