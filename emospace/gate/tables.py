"""Tables of the gate: one line per utterance with its scores, a verdict and, if that is "fail", the reason."""

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
    """Write the table of a part. scores: columns of scores; lines: from `line`."""
    records.write(path, ["utterance", *scores, "verdict", "reason"], lines)


def write_verdicts(path: Path, lines: Iterable[dict]) -> None:
    """Write the table of a fold, one line per train row. lines: from `verdict_of`."""
    records.write(path, FOLD_COLUMNS, lines)


def line(utterance: str, scores: dict[str, float | None], reason: str) -> dict[str, str]:
    """Build a line of a part's table; an undefined score is "". It passes if there is no reason to reject it."""
    cells = {name: "" if value is None else f"{value:g}" for name, value in scores.items()}
    return {"utterance": utterance, **cells, "verdict": FAIL if reason else PASS, "reason": reason}


def number(value: float) -> float:
    """Round a score as it is written, so that verdicts follow from the values in the table."""
    return round(float(value), 4)


def verdict_of(
    utterance: str, verdict: str, reason: str, agreement: float | None, *, min_agreement: Share | None = 0.05
) -> dict:
    """Build a line of a fold's table. min_agreement: least probability that the probe must give the parent's label;
    None: there is no probe.

    The default, 0.05, rejects only copies whose label the probe almost excludes, as a probe trained on human voices is
    unreliable for small differences between synthetic ones. On RAVDESS it rejects 3 % of the recordings themselves.
    """
    agreement = None if agreement is None else number(agreement)
    if verdict == PASS and None not in (agreement, min_agreement) and agreement < min_agreement:
        verdict, reason = FAIL, "label lost"
    cell = "" if agreement is None else f"{agreement:g}"
    return dict(zip(FOLD_COLUMNS, (utterance, verdict, reason, cell), strict=True))


def read(path: Path) -> list[dict[str, str]]:
    """Read the lines of a part's or a fold's table.

    Raises InputError if it is not such a table, or if a verdict contradicts its reason.
    """
    lines = records.read(path, ["utterance"])
    for row in lines:
        if missing := {"verdict", "reason"} - row.keys():
            raise InputError(path, f"it has no column {min(missing)!r}", "run the workflow again")
        if (row["verdict"], bool(row["reason"])) not in ((PASS, False), (FAIL, True)):
            reason = f"verdict {row['verdict']!r} of {row['utterance']!r} contradicts reason {row['reason']!r}"
            raise InputError(path, reason, "delete it and run the workflow again")
    return lines


def counts(lines: Sequence[dict[str, str]]) -> dict:
    """Facts for a sidecar: numbers of rows, of passed ones, and of failed ones per reason."""
    reasons = Counter(row["reason"] for row in lines)
    return {"passed": reasons.pop("", 0), "failed": dict(sorted(reasons.items())), "rows": len(lines)}
