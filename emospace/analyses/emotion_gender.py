"""Products of cross_modal_emotion_recognition: its log, confusion matrices of emotion and gender, t-SNE, embeddings.

For models with embeddings, gender and the extra `before`, the embedding by the untrained network.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json
from emospace.evaluation.metrics._confusion import confusion_matrix
from emospace.runs.run_files import read_history, read_outputs

OUTPUTS = (
    "result.txt",
    "emotion.csv",
    "gender.csv",
    "tsne_before.svg",
    "tsne_after.svg",
    "unified_embeddings.npy",
    "unified_embeddings.csv",
)
ENVIRONMENT = "report"
PACKAGES = ("numpy", "scikit-learn", "matplotlib")
GENDERS = ("F", "M")
SIDES = ("dev", "test")
BEFORE, AFTER = "before", "embeddings"
LOGGED = {
    "Validation Emotion Accuracy": "dev_accuracy",
    "Validation Gender Accuracy": "dev_gender_accuracy",
    "Validation Emotion Accuracy Augmented": "dev_accuracy_copy",
    "Validation Gender Accuracy Augmented": "dev_gender_accuracy_copy",
}


def suits(model, inputs) -> bool:
    """Whether the model stores the embeddings before and after training."""
    return model.EMBEDDINGS and BEFORE in plugin.declared(model, "extras", {})


def analyse(run, out: Path, *, seed: int, published: tuple[float, ...] = ()) -> dict:
    """Write result.txt in the published format, emotion.csv and gender.csv (counts over all trainings, and percent).

    published: shares of F and of M that were recognised, in percent, shown beside those of the run. tsne_before.svg,
    tsne_after.svg: t-SNE (PCA for few rows) of the dev and test rows of the first training, one marker per gender.
    unified_embeddings.npy and .csv: embeddings after training, float32 (N, E), and what each row is.
    """
    if run.predictions.gender is None:
        raise InputError(run.name, "its model predicts no gender", "leave it out of the runs of this analysis")
    emotion, gender = (_counts(run, name) for name in ("emotion", "gender"))
    (out / "result.txt").write_text("\n".join(_log(run)), encoding="utf-8")
    records.write(out / "emotion.csv", ["label", "predicted", "n", "percent"], _cells(emotion, run.classes))
    lines = list(_cells(gender, GENDERS, published))
    records.write(out / "gender.csv", ["label", "predicted", "n", "percent", "published"], lines)
    _write_embeddings(run, out)
    method = _draw(run, out)
    facts = {"emotion_accuracy": _accuracy(emotion), "gender_accuracy": _accuracy(gender), "projection": method}
    return facts | {"gender_published": list(published)}


def check_analyse(*, published: tuple[float, ...], **others) -> None:
    """Raise InputError unless both shares are given, or none."""
    if len(published) not in (0, len(GENDERS)):
        raise InputError("published", f"it has {len(published)} figures", "give the shares of F and of M, in percent")


# Scores --------------------------------------------------------------------------------------------------------


def _answers(run, name: str, rows: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(truth, prediction) of emotion or gender by the seed with this number, without rows of unknown gender."""
    if name == "emotion":
        return run.truth.label[rows], run.predictions.probabilities[number, rows].argmax(-1)
    known = [i for i in rows if run.truth.rows[i].gender in GENDERS]
    truth = np.array([GENDERS.index(run.truth.rows[i].gender) for i in known], np.int64)
    return truth, (run.predictions.gender[number, known] < 0.5).astype(np.int64)


def _counts(run, name: str) -> np.ndarray:
    """Confusion counts over all rows and seeds: rows truth, columns prediction."""
    size, rows = len(run.classes) if name == "emotion" else len(GENDERS), np.arange(len(run.truth.rows))
    return sum(confusion_matrix(*_answers(run, name, rows, number), size) for number in range(len(run.seeds)))


def _accuracy(counts: np.ndarray) -> float | None:
    return float(np.trace(counts) / counts.sum()) if counts.sum() else None


def _cells(counts: np.ndarray, names, published: tuple[float, ...] = ()) -> Iterable[dict]:
    """Cells of a matrix; the percentage of an absent class is empty."""
    for i, label in enumerate(names):
        for k, predicted in enumerate(names):
            total, line = counts[i].sum(), {"label": label, "predicted": predicted, "n": int(counts[i, k])}
            line["percent"] = f"{100 * counts[i, k] / total:.2f}" if total else ""
            yield line | ({"published": f"{published[i] if i == k else 100 - published[i]:.2f}"} if published else {})


# Log -----------------------------------------------------------------------------------------------------------


def _log(run) -> Iterable[str]:
    """Lines of result.txt. The original calls the validation loss a training loss; here it has its own name."""
    for training in run.trainings:
        if len(run.trainings) > 1:
            yield f"Training: {training.folder.name}"
        batch = read_json(training.folder / "run.json")["facts"].get("batch", 1)
        for line in read_history(training.folder):
            yield f"Epoch: {line['epoch']:.0f}, Training Loss: {line['loss'] / batch:.4f}"
            yield f"Epoch: {line['epoch']:.0f}, Validation Loss: {line['dev_loss']:.4f}"
            yield ", ".join(f"{title}: {line[name]:.4f}" for title, name in LOGGED.items() if name in line)
        yield from _tested(run, training)


def _tested(run, training) -> Iterable[str]:
    from sklearn.metrics import classification_report

    rows, number = np.flatnonzero(run.truth.fold == training.fold), run.seeds.index(training.seed)
    sides = {name: _answers(run, name, rows, number) for name in ("emotion", "gender")}
    sizes = {"emotion": len(run.classes), "gender": len(GENDERS)}
    counts = {name: confusion_matrix(*answers, sizes[name]) for name, answers in sides.items()}
    values = {name: "undefined" if _accuracy(c) is None else f"{_accuracy(c):.4f}" for name, c in counts.items()}
    yield f"Test Emotion Accuracy: {values['emotion']}, Test Gender Accuracy: {values['gender']}"
    for name, matrix in counts.items():
        yield f"{name.capitalize()} Confusion Matrix:\n{matrix.astype(int)}"
    names = {"labels": range(len(run.classes)), "target_names": run.classes}
    report = classification_report(*sides["emotion"], **names, digits=5, zero_division=0) if len(rows) else "no rows"
    yield f"Emotion Report:\n{report}"


# Embeddings ----------------------------------------------------------------------------------------------------


def _write_embeddings(run, out: Path) -> None:
    blocks, lines = [], []
    for training in run.trainings:
        stored = read_outputs(training.folder, run.classes, [AFTER])
        for (side, utterance), row in stored.index.items():
            blocks.append(stored.values[AFTER][row])
            lines.append({"fold": training.fold, "seed": training.seed, "split": side, "utterance": utterance})
    with atomic(out / "unified_embeddings.npy") as tmp:
        np.save(tmp, np.array(blocks, np.float32))
    records.write(out / "unified_embeddings.csv", ["fold", "seed", "split", "utterance"], lines)


def _draw(run, out: Path) -> str:
    """Draw both figures; return the methods of projection."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import COLOURS, flat_map, plain_svg

    training = run.trainings[0]
    stored, sides = read_outputs(training.folder, run.classes, [BEFORE, AFTER]), _sides(run, training)
    methods = set()
    for name in (BEFORE, AFTER):
        with matplotlib.rc_context({"svg.hashsalt": "emospace", "font.size": 9, "text.parse_math": False}):
            figure = Figure(figsize=(8.4, 3.8), layout="constrained")
            for axes, (side, (utterances, label, gender)) in zip(figure.subplots(1, 2), sides.items(), strict=True):
                rows = [stored.index[side, utterance] for utterance in utterances]
                axes.set(title=side, xticks=[], yticks=[])
                if len(rows) < 3:  # two axes cannot be drawn from fewer
                    continue
                points, method = flat_map(np.array([_vector(stored.values[name], row) for row in rows]))
                methods.add(method)
                axes.set(title=f"{side}, {method}")
                _scatter(axes, points, label, gender, run.classes, COLOURS)
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1)
            file = OUTPUTS[3] if name == BEFORE else OUTPUTS[4]
            (out / file).write_text(plain_svg(figure), encoding="utf-8")
    return " and ".join(sorted(methods))


def _vector(values, row: int) -> np.ndarray:
    return np.asarray(values[row]).reshape(-1)


def _sides(run, training) -> dict[str, tuple]:
    """Side -> utterances, labels and genders (0 for F, 1 for M, -1 if unknown)."""
    dev, places = run.rows(training).dev, np.flatnonzero(run.truth.fold == training.fold)
    tested = [run.truth.rows[i] for i in places]
    genders = np.array([GENDERS.index(row.gender) if row.gender in GENDERS else -1 for row in tested], np.int64)
    names = [row.utterance for row in tested]
    return {"dev": (dev.utterances, dev.label, dev.gender), "test": (names, run.truth.label[places], genders)}


def _scatter(axes, points: np.ndarray, label: np.ndarray, gender: np.ndarray, classes, palette) -> None:
    for k, name in enumerate(classes):
        colour = palette[k % len(palette)]
        for number, marker in {0: "o", 1: "^", -1: "s"}.items():
            group = points[(label == k) & (gender == number)]
            axes.scatter(
                *group.T, s=16, c=colour, marker=marker, alpha=0.8, linewidths=0, rasterized=len(points) > 1500
            )
        axes.plot([], [], "o", color=colour, label=name)
    for marker, title in {"o": "female", "^": "male"}.items():
        axes.plot([], [], marker, color="#444444", linestyle="", label=title)
