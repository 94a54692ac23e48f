"""The space of a run: neighbours, silhouettes and retrieval beside raw features and chance, and its map.

Covers: analyses/space_map.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _fake_runs import fake_run
from _results import LABELS, corpus, protocol, rows, run

from emospace.analyses import _space, space, space_map
from emospace.core import plugin, records
from emospace.core.data import Output
from emospace.core.store import Ragged
from emospace.evaluation.trained_run import Run, RunFiles
from emospace.runs.run_files import read_outputs


def test_neighbours_vote_by_cosine():
    train = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], np.float32)
    queries = np.array([[1, 0], [0, 1]], np.float32)
    votes = _space.vote(queries, train, np.array([2, 2, 0, 1]), 3, 2)
    assert votes.tolist() == [[0, 0, 1], [0.5, 0, 0.5]]
    longer = train * np.array([[1], [9], [1], [1]])  # norms do not count
    assert _space.vote(queries, longer, np.array([2, 2, 0, 1]), 3, 1).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_retrieval_counts_identical_contents_as_hits():
    targets = np.eye(12, dtype=np.float32)
    queries = np.roll(targets, 1, axis=0)  # row i is most like target i - 1
    label = np.arange(12) // 6
    distinct = _space.retrieval(queries, targets, [str(i) for i in range(12)], label)
    assert distinct["n"] == 12 and distinct["R@1"] == 0 and distinct["R@1 by chance"] == pytest.approx(1 / 12)
    texts = [str(i // 2) for i in range(12)]  # targets 0 and 1 are one sentence, 2 and 3 the next
    assert _space.retrieval(queries, targets, texts, label)["R@1"] == 0.5
    assert _space.retrieval(targets, targets, [str(i) for i in range(12)], label)["R@1"] == 1


def test_silhouettes_separate_groups_and_need_two():
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    points = np.eye(2)[groups] + 0.05 * random.normal(size=(40, 2))
    assert _space.silhouette(points, groups) > 0.9 > 0.2 > _space.silhouette(points, np.arange(40) % 2)
    assert np.isnan(_space.silhouette(points, groups * 0)) and np.isnan(_space.silhouette(points, np.arange(40)))


@pytest.mark.parametrize(("content", "k"), [("aabcdef", 1), ("aabcdef", 5), ("aaab", 2), ("abc", 10)])
def test_retrieval_by_chance_is_that_of_random_orders(content, k):
    """Duplicates of the target count as hits."""
    random, items = np.random.default_rng(0), np.array(list(content))
    hits = [(items[random.permutation(len(items))[:k]] == items[:, None]).any(1).mean() for _ in range(4000)]
    numbers = np.unique(items, return_inverse=True)[1]
    assert _space.by_chance(numbers, k) == pytest.approx(np.mean(hits), abs=0.01)


def test_the_own_row_is_no_neighbour_of_the_same_emotion():
    """Else the space would find one for certain, and raw features too."""
    label, points = np.arange(12) % 12, np.eye(12)
    scores = _space.retrieval(points, points, [str(i) for i in range(12)], label, points)
    assert [scores[key] for key in _space.RETRIEVAL[-3:]] == [0, 0, 0]
    pairs = np.arange(12) // 6
    scores = _space.retrieval(points, points, [str(i) for i in range(12)], pairs, np.eye(2)[1 - pairs])
    assert scores["same emotion@10 by chance"] == pytest.approx(5 / 11)
    assert scores["same emotion@10 raw features"] == 0.5, "the five of the own emotion come first"
    assert np.isnan(_space.retrieval(points[:1], points[:1], ["a"], label[:1])["same emotion@10"])


def test_points_without_a_direction_find_rows_by_chance():
    """Not by the order of rows: an input whose paths have weight zero puts every row at the origin."""
    label, zeros = np.repeat([0, 1, 2], 40), np.zeros((120, 4))
    scores = _space.retrieval(zeros, zeros, [str(i) for i in range(120)], label, zeros)
    for kind in ("same emotion@10", "same emotion@10 raw features"):
        assert scores[kind] == pytest.approx(scores["same emotion@10 by chance"], abs=0.04)
    assert scores["R@10"] == pytest.approx(scores["R@10 by chance"], abs=0.06)
    assert _space.vote(zeros, np.eye(120, 4), label, 3, 10).mean(0) == pytest.approx(np.ones(3) / 3, abs=0.03)
    assert _space.vote(zeros, zeros, label, 3, 10).tolist() == _space.vote(zeros, zeros, label, 3, 10).tolist()


def test_speakers_are_recognised_by_other_rows_only():
    groups = np.array([0, 0, 0, 1, 1, 2])
    right, chance = _space.recognised(np.eye(3)[groups], groups, 1)
    assert (right, chance) == (pytest.approx(5 / 6), 0.5), "the third speaker has no other row"
    assert np.isnan(_space.recognised(np.eye(2), np.zeros(2), 3)).all()


# A run -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def labelled():
    """A run whose embeddings are the labels, whatever the inputs; so is the second input. The first is noise.

    Every third row lacks the first input.
    """
    one = fake_run(["a", "b"])
    label, unit, random = one.truth.label, np.eye(3, dtype=np.float32), np.random.default_rng(0)
    test = one.rows(None).test
    train = replace(test, label=np.arange(len(label)) % 3)
    sides = [filled(some, truth, unit, random) for some, truth in ((test, label), (train, train.label))]
    fold = SimpleNamespace(test=sides[0], train=sides[1])
    one.apply = lambda training, some, *, keep=None: Output(
        unit[label], unit[label if some is sides[0] else some.label]
    )
    one.rows = lambda training: fold
    return one


def filled(some, label: np.ndarray, unit: np.ndarray, random):
    offsets = some.inputs["a"].offsets
    noise = Ragged(random.normal(size=(offsets[-1], 2)).astype(np.float32), offsets)
    return replace(some, inputs={"a": noise, "b": Ragged(unit[label], np.arange(len(label) + 1))})


def values(path) -> dict[tuple, float]:
    """(representation, inputs, measure) -> value."""
    lines = records.read(path, space.MEASURES, exactly=True)
    return {(x["representation"], x["inputs"], x["measure"]): float(x["value"]) for x in lines}


def test_the_space_is_measured_beside_the_raw_features_of_the_same_inputs(labelled, tmp_path):
    assert space.analyse(labelled, tmp_path, neighbours=3) == {"neighbours": 3}
    found = values(tmp_path / "space.csv")
    assert found["space", "a b", space.VOTE] == found["raw features", "b", space.VOTE] == 1
    assert found["raw features", "a", space.VOTE] < 0.5 < found["space", "a", space.VOTE] < 1, "a third lacks it"
    assert found["space", "a b", "silhouette of emotions"] == 1 > found["raw features", "a", "silhouette of emotions"]
    assert found["space", "a b", "silhouette of speakers"] < 0.2
    speakers = found["raw features", "b", space.SPEAKERS], found["raw features", "b", space.CHANCE]
    assert speakers[0] < 0.5 and speakers[1] == pytest.approx(1 / 6, abs=1e-6)


def test_the_gain_of_the_space_over_raw_features_is_paired(labelled, tmp_path):
    space.analyse(labelled, tmp_path, neighbours=3)
    lines = {(x["representation"], x["inputs"]): x for x in records.read(tmp_path / "space.csv") if x["lo"]}
    found = values(tmp_path / "space.csv")
    gain = lines["space minus raw features", "a"]
    expected = found["space", "a", space.VOTE] - found["raw features", "a", space.VOTE]
    assert float(gain["value"]) == pytest.approx(expected, abs=1e-5)
    assert float(gain["lo"]) < expected < float(gain["hi"])
    assert lines["space minus raw features", "b"]["value"] == "0.000000"


def test_raw_features_are_standardised_by_train_rows_that_have_the_input(labelled):
    fold = labelled.rows(None)
    test, train = space.raw_features(fold)
    there = fold.train.inputs["a"].lengths > 0
    assert np.allclose(train["a"][there].mean(0), 0) and np.allclose(train["a"][there].std(0)[:2], 1)
    assert not train["a"][~there].any() and not np.allclose(test["a"][there].mean(0)[:2], 0, atol=1e-3)
    assert train["b"].shape == (60, 6) and not train["b"][:, 3:].any(), "the deviation of single steps is constant"
    fold.train.inputs["a"] = Ragged(np.empty((0, 2), np.float32), np.zeros(61, np.int64))
    assert not space.raw_features(fold)[1]["a"].any(), "no train row has the input"


def test_inputs_without_raw_features_are_measured_in_the_space_alone(labelled, tmp_path):
    fold = labelled.rows(None)
    for some in (fold.test, fold.train):
        some.inputs["b"] = ["word"] * len(some)
    labelled.present = lambda some, keep: np.any([[len(item) > 0 for item in some.inputs[name]] for name in keep], 0)
    space.analyse(labelled, tmp_path)
    kinds = {inputs: {kind for kind, used, _ in values(tmp_path / "space.csv") if used == inputs} for inputs in "ab"}
    assert kinds == {"a": {"space", "raw features", "space minus raw features"}, "b": {"space"}}
    pairs = {line["query"]: line for line in records.read(tmp_path / "retrieval.csv", space.COLUMNS, exactly=True)}
    assert pairs["b"]["same emotion@10 raw features"] == "" != pairs["a"]["same emotion@10 raw features"]


def test_retrieval_covers_all_folds_and_seeds(labelled, tmp_path):
    space.analyse(labelled, tmp_path)
    pairs = records.read(tmp_path / "retrieval.csv", space.COLUMNS, exactly=True)
    assert [(line["query"], line["target"], line["n"]) for line in pairs] == [("a", "b", "80"), ("b", "a", "80")]
    assert all(float(line["same emotion@10"]) == 1 > float(line["same emotion@10 by chance"]) for line in pairs)
    raw = {line["query"]: float(line["same emotion@10 raw features"]) for line in pairs}
    assert raw["b"] == 1 > 0.6 > raw["a"]
    hits = {line["target"]: (float(line["R@1"]), float(line["R@1 by chance"])) for line in pairs}
    assert hits["b"] == (1, pytest.approx(1 / 3, abs=0.1)), "rows of one emotion have identical contents"
    assert hits["a"][1] == pytest.approx(1 / 40)


def test_a_run_without_test_rows_gives_empty_tables(labelled, tmp_path):
    labelled.truth = SimpleNamespace(rows=[])
    labelled.predictions = SimpleNamespace(probabilities=np.empty((2, 0, 3)))
    labelled.measured = labelled.difference = lambda *_: dict.fromkeys(("value", "difference", "lo", "hi"))
    space.analyse(labelled, tmp_path)
    lines = records.read(tmp_path / "space.csv", space.MEASURES, exactly=True)
    assert len(lines) == 9 and {line["value"] for line in lines} == {""}
    assert records.read(tmp_path / "retrieval.csv", space.COLUMNS) == []


def test_the_space_is_measured_for_models_with_embeddings_of_any_subset():
    assert space.suits(plugin.find("models", "unified"), ["a"])
    assert not space.suits(plugin.find("models", "late_fusion"), ["a"])
    assert not space.suits(plugin.find("models", "unified"), ["a", "run:b"]), "train rows lack outputs of other runs"


# Its map -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Run:
    """A run with embeddings, in files; its first fold tests 12 rows of two speakers."""
    folder = tmp_path_factory.mktemp("stored")
    corpus(folder, rows())
    protocol(folder)
    folders = run(folder, "space", embedding=4)
    base = folder / "data/protocols/toy"
    about = {"run": "space", "model": "unified", "protocol": "session", "inputs": [], "rows": {}, "leaky": False}
    files = (sorted((base / "session").glob("*.csv")), base / "session.json", [folder / "data/manifest/toy.csv"])
    return Run(about | {"labels": {"toy": LABELS}, "seed": 1}, RunFiles(folders, *files, {}, {}))


def test_the_map_shows_the_test_rows_of_the_first_fold_by_emotion_and_by_speaker(stored, tmp_path):
    facts = space_map.analyse(stored, tmp_path, seed=1)
    lines = records.read(tmp_path / "space_map.csv", ["utterance", "emotion", "speaker", "x", "y"], exactly=True)
    tested = [row for row, fold in zip(stored.truth.rows, stored.truth.fold, strict=True) if fold == "fold0"]
    assert [line["utterance"] for line in lines] == [row.utterance for row in tested]
    assert [(line["emotion"], line["speaker"]) for line in lines] == [(row.label, row.speaker) for row in tested]
    drawn = (tmp_path / "space_map.svg").read_text("utf-8")
    assert f"by emotion, silhouette {facts['silhouette of emotions']:.2f}" in drawn
    assert f"by speaker, silhouette {facts['silhouette of speakers']:.2f}" in drawn
    assert all(f">{name}<" in drawn for name in {*stored.classes, *(row.speaker for row in tested)})
    space_map.analyse(stored, tmp_path, seed=1)
    assert (tmp_path / "space_map.svg").read_text("utf-8") == drawn and facts["projection"] == "PCA"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_the_map_of_few_rows_is_defined(stored, tmp_path, monkeypatch, count):
    kept = np.flatnonzero(stored.truth.fold == "fold0")[:count].tolist()
    monkeypatch.setattr(space_map, "_of_fold", lambda run, fold: kept)
    facts = space_map.analyse(stored, tmp_path, seed=1)
    lines = records.read(tmp_path / "space_map.csv")
    assert len(lines) == count and all((line["x"] != "") == (count > 2) for line in lines)
    assert facts["projection"] == ("PCA" if count > 2 else "")
    undefined = len(set(stored.truth.speaker[kept])) < 2
    assert (facts["silhouette of speakers"] is None) == undefined
    assert ("by speaker, silhouette undefined" in (tmp_path / "space_map.svg").read_text("utf-8")) == undefined


def test_the_map_leaves_out_rows_without_any_input(stored, tmp_path, monkeypatch):
    def without_one(*args):
        outputs = read_outputs(*args)
        outputs.present[outputs.index["test", stored.truth.rows[0].utterance]] = False
        return outputs

    monkeypatch.setattr(space_map, "read_outputs", without_one)
    space_map.analyse(stored, tmp_path, seed=1)
    names = [line["utterance"] for line in records.read(tmp_path / "space_map.csv")]
    assert stored.truth.fold[0] == "fold0" and len(names) == 11 and stored.truth.rows[0].utterance not in names


def test_a_map_of_many_rows_is_the_same_every_time():
    points = np.random.default_rng(0).normal(size=(120, 5))
    first, method = space_map._projected(points)
    assert method == "t-SNE" and np.array_equal(first, space_map._projected(points)[0])


def test_many_speakers_differ_in_colour_or_marker():
    assert len(set(space_map._styles([str(k) for k in range(30)]).values())) == 30
