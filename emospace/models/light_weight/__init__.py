"""Light-weight models of Sahu 2019 (arXiv 1904.06022) on acoustic features, TF-IDF of the text, or both.

One training fits the whole family, because starting a job costs more than fitting most members: random forest (rf),
gradient boosting (xgb), linear support vector machine (svm), multinomial naive Bayes (mnb), logistic regression (lr),
perceptron (mlp), the mean of rf, xgb and mlp (e1), and the mean of all but svm (e2). Each member's probabilities are an
output of their own; the run itself predicts with the member that is most accurate on dev.
"""

from importlib.util import find_spec
from typing import Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive, Several
from emospace.core.store import Ragged
from emospace.models import _table

INPUTS = ("feature", "view")
PACKAGES = ("numpy", "scikit-learn", "xgboost-cpu")
Member = Literal["rf", "xgb", "svm", "mnb", "lr", "mlp"]
ENSEMBLES = {"e1": ("rf", "xgb", "mlp"), "e2": ("rf", "xgb", "mlp", "mnb", "lr")}
IMPORTANT = 50  # columns whose importance run.json records
INSTALL = "pip install -r requirements-extra.txt -c constraints.txt, or leave `xgb` out of `members`"


def train(
    fold: Fold,
    *,
    seed: int,
    members: Several[Member] = ("rf", "xgb", "svm", "mnb", "lr", "mlp"),
    fit_on: Literal["train", "train_and_dev"] = "train",
    copies: dict[str, Count] = {},  # noqa: B006, never changed
    trees: Count = 1200,
    boosted: Count = 1200,
    depth: Count = 7,
    rate: Positive = 0.008,
    hidden: Count = 650,
    iterations: Count = 1000,
    min_df: Count = 5,
    top: tuple[Count, ...] = (),
) -> Trained:
    """Fit each member on train; record the most accurate member on dev, or the last one without dev rows.

    fit_on: rows on which scaling and TF-IDF are fitted. The publication fits them on all rows; with a protocol whose
    dev rows are the test rows, `train_and_dev` does the same. copies: class -> how often its train rows occur. trees:
    number of trees in rf. boosted, depth, rate: rounds, maximum depth and learning rate of xgb. hidden: units of mlp.
    iterations: limit for lr and mlp. min_df: minimum number of texts that contain a term. top: for each number N, a
    random forest on the N features most important to rf (`top3`, ...). Raises InputError for data that no member can
    use.
    """
    from emospace.models.light_weight import family

    rows = fold.train.take(_table.repeated(fold, copies))
    table = _table.fit([rows, fold.dev] if fit_on == "train_and_dev" else [rows], min_df)
    options = {"trees": trees, "boosted": boosted, "depth": depth, "rate": rate}
    options |= {"hidden": hidden, "iterations": iterations}
    state, facts = family.fit(_table.matrix(table, rows), rows.label, rows.speakers, members, top, options, seed)
    state |= {f"table.{name}": value for name, value in table.items()}
    state["labels"] = np.unique(rows.label)
    names = extras(members=members, top=top)
    facts |= {"importance": _importance(state, _table.columns(table, fold))}
    facts |= {"members": names, "terms": len(table.get("idf", ())), "train_rows": len(rows)}
    trained = Trained(state, fold.classes, facts=facts | {"best": names[-1]})
    scores = _accuracies(trained, fold.dev) if len(fold.dev) else {}
    history = [{"member": number, "dev_accuracy": scores.get(name, np.nan)} for number, name in enumerate(names, 1)]
    best = max(scores, key=scores.get, default=names[-1])
    facts |= {"best": best, "member": names.index(best) + 1, "dev_accuracy": scores.get(best)}
    return Trained(state, fold.classes, history, facts)


def check_train(*, members: tuple, top: tuple, **others) -> None:
    """Raise InputError for members that cannot be trained here."""
    if "xgb" in members and find_spec("xgboost") is None:
        raise InputError("option members", "the package xgboost-cpu, which xgb needs, is not installed", INSTALL)
    if top and "rf" not in members:
        raise InputError("option top", "features are ranked by rf, which is not a member", "add rf to `members`")


def extras(*, members: tuple, top: tuple) -> list[str]:
    """Names of the members, their ensembles, and the random forests on the most important features."""
    ensembles = [name for name, parts in ENSEMBLES.items() if set(parts) <= set(members)]
    return [*dict.fromkeys(members), *ensembles, *(f"top{count}" for count in dict.fromkeys(top))]


def apply(trained: Trained, rows: Rows) -> Output:
    """Probabilities of each member; a class absent from train has probability 0."""
    values = _predicted(trained, rows)
    steps = np.arange(len(rows) + 1)
    stores = {name: Ragged(value, steps) for name, value in values.items()}
    return Output(values[trained.facts["best"]], extras=stores)


def _importance(state: dict[str, np.ndarray], columns: list[str]) -> dict[str, dict[str, float]]:
    """Map rf and xgb to their most important columns and each column's share, in descending order."""
    found = {name: state[f"{name}.importance"] for name in ("rf", "xgb") if f"{name}.importance" in state}
    orders = {name: np.argsort(-value, kind="stable")[:IMPORTANT] for name, value in found.items()}
    return {name: {columns[i]: float(found[name][i]) for i in order} for name, order in orders.items()}


def _accuracies(trained: Trained, rows: Rows) -> dict[str, float]:
    return {name: float((p.argmax(1) == rows.label).mean()) for name, p in _predicted(trained, rows).items()}


def _predicted(trained: Trained, rows: Rows) -> dict[str, np.ndarray]:
    """Map each member to its probabilities, float32 (N, C)."""
    from emospace.models.light_weight import family

    names, classes = trained.facts["members"], len(trained.classes)
    if not len(rows):
        return {name: np.zeros((0, classes), np.float32) for name in names}
    table = _table.part("table", trained.state)
    values = family.predict(trained.state, _table.matrix(table, rows), names)
    values |= {
        name: np.mean([values[part] for part in parts], axis=0) for name, parts in ENSEMBLES.items() if name in names
    }
    complete = {}
    for name in names:
        complete[name] = np.zeros((len(rows), classes), np.float32)
        complete[name][:, trained.state["labels"]] = values[name]
    return complete
