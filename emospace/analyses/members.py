"""Scores of every member of a run beside the published ones: one column in a published system's table.

A member is an output with a probability per class; `chosen`, or the only member of a run without members, is the run's
own prediction. Averages follow scikit-learn, as in the publications: a class that is never predicted has precision 0.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.evaluation.metrics._confusion import confusion_matrix
from emospace.runs.run_files import read_outputs

OUTPUTS = ("members.csv", "confusion.csv", "importance.csv")
PACKAGES = ("numpy",)
SCORES = ("accuracy", "f1", "precision", "recall")


def analyse(
    run,
    out: Path,
    *,
    seed: int,
    table: str,
    columns: dict[str, str] = {},  # noqa: B006, never changed
    member: str = "",
    published: dict[str, tuple[float | None, ...]] = {},  # noqa: B006, never changed
    others: dict[str, dict[str, tuple[float | None, ...]]] = {},  # noqa: B006, never changed
    average: Literal["macro", "weighted"] = "macro",
) -> dict:
    """Write the tables; return the facts that a report section shows.

    table: title of the run's table. columns: run -> heading of its column; planning completes it by the titles of the
    runs' protocols. member: name of a run without members, by default its model. published: member -> accuracy, F1,
    precision and recall in percent, null if not published. others: the same from further sources, by source. average:
    how the last three are averaged over classes; "weighted" means by the number of rows.
    members.csv has the scores with the accuracy's interval, the accuracy on test rows that are (`copied`) or are not
    (`alone`) train rows of the same fold, and the recall of each class. confusion.csv counts rows over all seeds.
    importance.csv has the importance of each feature, averaged over trainings, for members that measure it.
    """
    values, copied = _probabilities(run, member or run.model), _copied(run)
    lines = [_line(run, name, one, copied, average) for name, one in values.items()]
    records.write(out / OUTPUTS[0], list(lines[0]), [_cells(line) for line in lines])
    records.write(out / OUTPUTS[1], ["member", "label", "predicted", "n"], _confusion(run, values))
    records.write(out / OUTPUTS[2], ["member", "feature", "importance"], _importance(run))
    heading = columns.get(run.name, run.name)
    facts = {"table": table, "column": heading, "average": average, "published": _listed(published)}
    facts["others"] = {source: _listed(figures) for source, figures in others.items()}
    return facts | {"n": len(run.truth.rows), "members": lines}


def check_analyse(*, published: dict, others: dict, **rest) -> None:
    """Raise InputError unless each member has one to four published figures."""
    for source, members in {"published": published, **others}.items():
        for name, figures in members.items():
            if not 1 <= len(figures) <= len(SCORES):
                raise InputError(f"{source}: {name}", f"it has {len(figures)} figures", f"give {', '.join(SCORES)}")


def _listed(published: dict) -> dict[str, list[float | None]]:
    return {name: list(figures) for name, figures in published.items()}


def _probabilities(run, only: str) -> dict[str, np.ndarray]:
    """Map members to probabilities of the test rows, (seeds, N, C). A run without members is its `only` member."""
    names = read_json(run.trainings[0].folder / "run.json")["facts"].get("members", ())
    if not names:
        return {only: run.predictions.probabilities}
    values = {name: np.full(run.predictions.probabilities.shape, np.nan) for name in names}
    for training in run.trainings:
        stored = read_outputs(training.folder, run.classes, names)
        here = np.flatnonzero(run.truth.fold == training.fold)
        lines = [stored.index["test", run.truth.rows[i].utterance] for i in here]
        for name in names:
            rows = np.array([stored.values[name][line][0] for line in lines]).reshape(len(here), -1)
            values[name][run.seeds.index(training.seed), here] = rows
    return values | {"chosen": run.predictions.probabilities}


def _copied(run) -> np.ndarray:
    """Whether each test row is also a train row of its fold: bool (N,)."""
    known = {}
    for training in run.trainings:
        if training.fold not in known:
            known[training.fold] = set(run.rows(training).train.utterances)
    pairs = zip(run.truth.rows, run.truth.fold, strict=True)
    return np.array([row.utterance in known[fold] for row, fold in pairs], bool)


def _line(run, name: str, probabilities: np.ndarray, copied: np.ndarray, average: str) -> dict:
    """Scores of a member, averaged over seeds; None without rows."""
    predicted = probabilities.argmax(-1)
    scores = np.mean([averages(run.truth.label, one, len(run.classes), average) for one in predicted], axis=0)
    line = {"member": name} | {score: _number(value) for score, value in zip(SCORES, scores, strict=True)}
    interval = run.measured(probabilities, "WA")
    line |= {"lo": interval["lo"], "hi": interval["hi"]}
    right = (predicted == run.truth.label).mean(axis=0)
    for group, rows in {"copied": copied, "alone": ~copied}.items():
        line |= {group: _number(right[rows].mean()) if rows.any() else None, f"n_{group}": int(rows.sum())}
    for k, label in enumerate(run.classes):
        rows = run.truth.label == k
        line[f"recall_{label}"] = _number(right[rows].mean()) if rows.any() else None
    return line


def averages(truth: np.ndarray, predicted: np.ndarray, classes: int, average: str = "macro") -> list[float]:
    """Accuracy, F1, precision and recall, averaged over the classes that occur or are predicted; NaN without rows.

    average: "macro", or "weighted" by the rows of each class.
    """
    if not len(truth):
        return [np.nan] * len(SCORES)
    counts = confusion_matrix(truth, predicted, classes)
    hits, occurring, answered = np.diagonal(counts), counts.sum(1), counts.sum(0)
    used = (occurring + answered) > 0
    precision, recall = hits / np.maximum(answered, 1), hits / np.maximum(occurring, 1)
    f1 = 2 * hits / np.maximum(occurring + answered, 1)
    weights = occurring if average == "weighted" else used
    return [hits.sum() / counts.sum(), *(np.average(scores, weights=weights) for scores in (f1, precision, recall))]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _cells(line: dict) -> dict:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in line.items()}


def _confusion(run, values: dict[str, np.ndarray]):
    classes = run.classes
    for name, probabilities in values.items():
        counts = sum(confusion_matrix(run.truth.label, one, len(classes)) for one in probabilities.argmax(-1))
        for i, label in enumerate(classes):
            for k, predicted in enumerate(classes):
                yield {"member": name, "label": label, "predicted": predicted, "n": int(counts[i, k])}


def _importance(run):
    """Yield lines in descending importance, averaged from the facts of the trained models."""
    stored = [read_json(training.folder / "run.json")["facts"].get("importance", {}) for training in run.trainings]
    for member in stored[0]:
        names = dict.fromkeys(name for one in stored for name in one[member])
        means = {name: np.mean([one[member].get(name, 0.0) for one in stored]) for name in names}
        for name, value in sorted(means.items(), key=lambda item: -item[1]):
            yield {"member": member, "feature": name, "importance": f"{value:.6f}"}
