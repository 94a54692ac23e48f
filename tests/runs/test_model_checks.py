"""Results of a model are checked against its contract before they are written; `apply` sees inputs alone.

Covers: runs/applying.
"""

import types
from dataclasses import replace

import numpy as np
import pytest
from _small import CLASSES, split

from emospace.core import contracts, plugin
from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.store import Ragged
from emospace.plan import checks
from emospace.runs import run_files
from emospace.runs.applying import ask, ask_sides, learn
from emospace.runs.crossfitting import crossfitted

FILE = "emospace/models/planted.py"
GIVEN = {"weights": None, "device": "cpu"}


@pytest.fixture(scope="module")
def fold() -> Fold:
    return Fold(CLASSES, split(1, 12), split(2, 6), split(3, 4, hidden=True))


def even(rows: Rows, **more) -> Output:
    return Output(np.full((len(rows), 3), 1 / 3, np.float32), **more)


def planted(trained: dict | None = None, apply=lambda trained, rows: even(rows), **attributes) -> types.ModuleType:
    """A model that learns nothing. trained: fields that replace valid ones of its Trained."""
    module = types.ModuleType("emospace.models.planted")
    module.train = lambda fold, *, seed: Trained(
        **{"state": {"w": np.ones(2)}, "classes": fold.classes} | (trained or {})
    )
    module.apply = apply
    for name, value in attributes.items():
        setattr(module, name, value)
    plugin.hold(module, contracts.Model, FILE)
    return module


def learnt(module, fold: Fold, folder) -> Trained:
    return learn(module, fold, {}, seed=1, checkpoint=folder / "checkpoint", **GIVEN)


NO_NUMBER = np.zeros(2, np.longdouble)


@pytest.mark.parametrize(
    ("trained", "what"),
    [
        ({"state": None}, "Trained.state"),
        ({"state": {1: np.zeros(2)}}, "Trained.state"),
        ({"state": {"w": NO_NUMBER}}, "Trained.state"),
        ({"state": {"w": np.array([np.nan])}}, "Trained.state"),
        ({"history": None}, "Trained.history"),
        ({"history": [3]}, "Trained.history"),
        ({"history": [{"epoch": True}]}, "Trained.history"),  # history.csv would contain "True"
        ({"history": [{"epoch": np.complex64(1)}]}, "Trained.history"),
        ({"history": [{"epoch": 1}, {"step": 2}]}, "Trained.history"),
        ({"facts": [1, 2]}, "Trained.facts"),
        ({"facts": {"best": np.float32(1)}}, "Trained.facts"),
        ({"facts": {"best": float("nan")}}, "Trained.facts"),
        ({"checkpoints": None}, "Trained.checkpoints"),
        ({"checkpoints": {"first": {}}}, "Trained.checkpoints"),
        ({"classes": None}, "Trained.classes"),
        ({"classes": CLASSES[::-1]}, "Trained.classes"),
    ],
)
def test_an_invalid_trained_is_refused(fold, tmp_path, trained, what):
    with pytest.raises(InputError) as caught:
        learnt(planted(trained), fold, tmp_path)
    assert str(caught.value).startswith(FILE) and what in str(caught.value) and "Model in docs" in str(caught.value)


def vectors(rows: Rows, width: int) -> np.ndarray:
    return np.zeros((len(rows), width), np.float32)


def steps(rows: Rows, width: int, value: float = 0.0) -> Ragged:
    return Ragged(np.full((len(rows), width), value), np.arange(len(rows) + 1))


def without(rows: Rows, *columns: int) -> np.ndarray:
    values = vectors(rows, 3)
    values[:, columns] = np.nan
    return values


def of_dev(rows: Rows) -> bool:
    return rows.utterances[0].startswith("u2_")


@pytest.mark.parametrize(
    ("apply", "what"),
    [
        (lambda r: even(r, embeddings=vectors(r, 4) if of_dev(r) else None), "embeddings"),
        (lambda r: even(r, embeddings=None if of_dev(r) else vectors(r, 4)), "embeddings"),
        (lambda r: even(r, embeddings=vectors(r, 4 + of_dev(r))), "embeddings"),
        (lambda r: even(r, gender=vectors(r, 2) + 0.5 if of_dev(r) else None), "gender"),
        (lambda r: even(r, dimensions=None if of_dev(r) else vectors(r, 3)), "dimensions"),
        (
            lambda r: even(r, dimensions=without(r, 0 if of_dev(r) else 1)),
            "Output.dimensions predicts different columns",
        ),
        (lambda r: even(r, dimensions=without(r, 0, 1, 2)), "Output.dimensions is NaN throughout"),
        (
            lambda r: even(r, dimensions=np.where(np.arange(len(r))[:, None] * [1, 1, 1], 0.0, np.nan)),
            "in row 0 that are not finite",
        ),
        (lambda r: even(r, extras={"gates": steps(r, 2 + of_dev(r))}), "gates"),
        (lambda r: even(r, extras={"gates": steps(r, 2, 1e300)}), "gates"),
        (lambda r: even(r, embeddings=np.full((len(r), 2), 1e300)), "embeddings"),
        (lambda r: even(r, extras=None), "extras"),
        (lambda r: even(r, extras={"odd": steps(r, 2)}), "odd"),
        (lambda r: even(r), "gates"),
    ],
)
def test_outputs_must_be_valid_and_alike_for_all_sides(fold, tmp_path, apply, what):
    declared = ["gates"] if what in ("gates", "odd", "extras") else []
    attributes = {"extras": lambda **options: declared, "EMBEDDINGS": what == "embeddings"}
    module = planted(apply=lambda trained, rows: apply(rows), **attributes)
    trained = learnt(module, fold, tmp_path)
    with pytest.raises(InputError) as caught:
        ask_sides(module, trained, {"dev": fold.dev, "test": fold.test}, {}, **GIVEN)
    assert str(caught.value).startswith(FILE) and what in str(caught.value)


def test_outputs_of_a_cross_fit_must_be_alike(fold, tmp_path):
    rows = replace(fold.train, speakers=[f"s{i % 3}" for i in range(len(fold.train))])

    def apply(trained, rows):
        return even(rows, embeddings=vectors(rows, 2 + (rows.speakers[0] == "s1")))

    module = planted(apply=apply, EMBEDDINGS=True)
    with pytest.raises(InputError, match="embeddings differs"):
        crossfitted(module, replace(fold, train=rows), rows, 3, {}, tmp_path, seed=1, **GIVEN)


def test_apply_gets_no_labels_history_or_checkpoints(fold, tmp_path):
    seen = []

    def apply(trained, rows):
        seen.append((trained.history, trained.checkpoints, rows.label.max(), rows.gender.max(), np.nanmax(rows.vad)))
        rows.label[:] = 0
        return even(rows)

    trained = {"history": [{"epoch": 1}], "checkpoints": {"first": {"w": np.zeros(1)}}}
    module = planted(trained, apply, checkpoints=lambda **options: ["first"])
    label = fold.dev.label.copy()
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        ask(module, learnt(module, fold, tmp_path), fold.dev, {}, **GIVEN)
    assert [*seen[0][:4], np.isnan(seen[0][4])] == [[], {}, -1, -1, True]
    assert (fold.dev.label == label).all()


def test_apply_gets_facts_as_a_stored_run_has_them(fold, tmp_path):
    seen = []

    def apply(trained, rows):
        seen.append(trained.facts)
        return even(rows)

    module = planted({"facts": {"width": (3, 4), "depth": {"b": 1, "a": 2}}}, apply)
    ask(module, learnt(module, fold, tmp_path), fold.dev, {}, **GIVEN)
    [facts] = seen
    assert list(facts) == ["depth", "width"] and list(facts["depth"]) == ["a", "b"] and facts["width"] == [3, 4]


@pytest.mark.parametrize("value", [np.array(3.5), np.arange(6.0).reshape(2, 3).T, np.array([1, 2], ">f4"), np.zeros(0)])
def test_a_state_is_read_back_unchanged(tmp_path, value):
    run_files.write_trained(tmp_path, Trained({"w": value}, CLASSES))
    (tmp_path / "run.json").write_text('{"classes": [], "facts": {}}')
    restored = run_files.read_trained(tmp_path).state["w"]
    assert restored.shape == value.shape and (restored == value).all()


@pytest.mark.parametrize(("inputs", "reason"), [([], "reads nothing"), (["run:probe."], "has no output ''")])
def test_a_run_that_reads_nothing_is_refused_when_planned(inputs, reason):
    protocol = {"name": "session"}
    runs = {"probe": {"inputs": ["audio.mfcc"]}, "late": {"inputs": inputs}}
    module = planted(INPUTS=("feature", "run"))
    plan = types.SimpleNamespace(
        config={"runs": runs},
        run=lambda name: {"protocol": protocol, "seeds": 1, "model": "planted"} | runs[name],
        model=lambda name: module,
        parents=lambda name: [],
        extras=lambda name: [],
        stochastic=lambda name: False,
    )
    with pytest.raises(InputError, match=reason):
        checks._inputs(plan, "config: runs: late", "late")
