"""The light-weight family: members, ensembles, calibration, copies, scope of fitting, and unusable data.

Covers: models/_table, models/light_weight/*.
"""

import builtins
from dataclasses import replace

import numpy as np
import pytest
from _light import CLASSES, REDUCED, fold, rows
from _small import ragged

from emospace.core import plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.models import _table, light_weight
from emospace.models.light_weight import boosting, linear, perceptron, trees
from emospace.runs.applying import ask, learn

needs_xgboost = pytest.mark.skipif(light_weight.find_spec("xgboost") is None, reason="an extra: requirements-extra.txt")
MEMBERS = ["rf", "svm", "mnb", "lr", "mlp"]
TRUTH = np.arange(30) % 3


def trained(data: Fold, folder, **options):
    options = REDUCED | {"members": MEMBERS} | options
    module = plugin.find("models", "light_weight")
    model = learn(module, data, options, seed=1, checkpoint=folder)
    return model, lambda side: ask(module, model, side, options)


@needs_xgboost
@pytest.mark.parametrize("inputs", [["audio.acoustic8"], ["text"], ["audio.acoustic8", "text"]])
def test_every_member_learns_from_each_modality(tmp_path, inputs):
    data = fold()
    sides = [replace(s, inputs={name: s.inputs[name] for name in inputs}) for s in (data.train, data.dev, data.test)]
    names = [*MEMBERS, "xgb"]
    model, apply = trained(Fold(CLASSES, *sides), tmp_path, members=names)
    output = apply(sides[2])
    assert list(output.extras) == [*names, "e1", "e2"]
    for name, store in output.extras.items():
        assert store.values.shape == (30, 3) and np.allclose(store.values.sum(1), 1, atol=1e-5), name
        assert (store.values.argmax(1) == TRUTH).mean() > 0.6, name
    three = [output.extras[name].values for name in ("rf", "xgb", "mlp")]
    np.testing.assert_allclose(output.extras["e1"].values, np.mean(three, axis=0), atol=1e-6)
    five = [*three, output.extras["mnb"].values, output.extras["lr"].values]
    np.testing.assert_allclose(output.extras["e2"].values, np.mean(five, axis=0), atol=1e-6)
    assert np.array_equal(output.probabilities, output.extras[model.facts["best"]].values)


def test_stored_members_predict_as_scikit_learn():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC

    draw = np.random.default_rng(0)
    for classes in (2, 4):
        x, y = draw.random((120, 6)), np.arange(120) % classes
        x[:, 0] += y / 3
        own = trees.fit(trees.dense(x), y, 40, 1)
        forest = RandomForestClassifier(40, min_samples_split=25, random_state=1).fit(trees.dense(x), y)
        np.testing.assert_allclose(trees.predict(own, x), forest.predict_proba(trees.dense(x)), atol=1e-6)
        even = 2.0 * draw.integers(0, 4, (200, 3))  # thresholds are odd numbers, which odd values equal
        own = trees.fit(trees.dense(even), even[:, 0] // 2 % classes, 40, 1)
        forest.fit(even, even[:, 0] // 2 % classes)
        np.testing.assert_allclose(trees.predict(own, even + 1), forest.predict_proba(even + 1), atol=1e-6)
        for name, model in {"mnb": MultinomialNB(), "lr": LogisticRegression(max_iter=1000)}.items():
            state = linear.FIT[name](x, y, ["a"] * 120, 1000, 1)
            np.testing.assert_allclose(linear.predict(state, x), model.fit(x, y).predict_proba(x), atol=1e-6)
        state = linear.fit_svm(x, y, [f"s{i // 4 % 6}" for i in range(120)], 1000, 1)
        assert np.array_equal(linear.predict(state, x).argmax(1), LinearSVC(random_state=1).fit(x, y).predict(x))
        state = perceptron.fit(x, y, 10, 20, 1)
        mlp = MLPClassifier((10,), learning_rate_init=0.01, max_iter=20, random_state=1).fit(x, y)
        np.testing.assert_allclose(perceptron.predict(state, x), mlp.predict_proba(x), atol=1e-6)


@needs_xgboost
def test_boosting_is_stored_without_a_pickle_and_has_all_classes():
    x, y = np.random.default_rng(0).random((60, 3)), np.arange(60) % 2
    x[:, 1] += y
    state = boosting.fit(trees.dense(x), y, 5, 3, 0.5, 1)
    assert state["model"].dtype == np.uint8 and b"sklearn" not in state["model"].tobytes()
    assert (boosting.predict(state, x).argmax(1) == y).mean() > 0.9
    assert state["importance"].argmax() == 1 and np.isclose(state["importance"].sum(), 1)


def test_calibration_is_by_likelihood_and_on_other_speakers(tmp_path):
    """Distances that say nothing about unseen speakers become probabilities near 1 / K."""
    draw = np.random.default_rng(0)
    x, y = draw.random((90, 60)), np.arange(90) % 3
    noise = linear.fit_svm(x, y, [f"s{i // 3 % 6}" for i in range(90)], 1000, 1)
    assert noise["temperature"] > 5
    x[:, :3] += 2 * np.eye(3)[y]
    assert linear.fit_svm(x, y, [f"s{i // 3 % 6}" for i in range(90)], 1000, 1)["temperature"] < 1
    assert linear.fit_svm(x, y, ["one"] * 90, 1000, 1)["temperature"] == 1


def test_the_best_member_is_chosen_on_dev(tmp_path):
    data = fold()
    model, _ = trained(data, tmp_path)
    scores = {model.facts["members"][line["member"] - 1]: line["dev_accuracy"] for line in model.history}
    assert scores[model.facts["best"]] == max(scores.values()) == model.facts["dev_accuracy"]
    alone, _ = trained(replace(data, dev=data.dev.take([])), tmp_path)
    assert alone.facts["best"] == "mlp" and alone.facts["dev_accuracy"] is None


def test_scaling_and_terms_see_train_only_unless_told_otherwise(tmp_path):
    data = fold()
    far = ragged([row + 100 for row in data.dev.inputs["audio.acoustic8"]])
    other = replace(data.dev, inputs={"audio.acoustic8": far, "text": ["unheard unheard"] * 30})
    states = {}
    for scope in ("train", "train_and_dev"):
        for name, dev in {"same": data.dev, "other": other}.items():
            states[scope, name], _ = trained(replace(data, dev=dev), tmp_path, members=["lr"], fit_on=scope)
    first, second = (states["train", name].state for name in ("same", "other"))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    everything = states["train_and_dev", "other"].state
    assert (everything["table.range"] > 90).all()
    assert "unheard" in _table.vocabulary({"terms": everything["table.terms"]})


def test_copies_repeat_train_rows_of_a_class(tmp_path):
    data = fold()
    model, _ = trained(data, tmp_path, members=["mnb"], copies={"sad": 10})
    assert model.facts["train_rows"] == 60 + 300
    priors = np.exp(model.state["mnb.intercept"])
    np.testing.assert_allclose(priors, [30 / 360, 30 / 360, 300 / 360])
    with pytest.raises(InputError, match="'fru' is not a class"):
        trained(data, tmp_path, copies={"fru": 2})


def test_forests_on_the_most_important_features(tmp_path):
    data = fold().train.only("audio.acoustic8")
    names = ["one", "two", "three", *"defgh"]
    sides = Fold(CLASSES, data, data, data, {"audio.acoustic8": {"columns": names}})
    model, apply = trained(sides, tmp_path, members=["rf"], top=[3, 5])
    assert sorted(model.state["top3.chosen"]) == [0, 1, 2]  # the label is in these
    assert set(model.state["top3.chosen"]) < set(model.state["top5.chosen"])
    assert {*list(model.facts["importance"]["rf"])[:3]} == {"one", "two", "three"}
    assert list(apply(data).extras) == ["rf", "top3", "top5"]
    with pytest.raises(InputError, match="ranked by rf"):
        plugin.check_options("models", "light_weight", "train", {"members": ["lr"], "top": [3]}, "runs: x")


def test_text_is_cleaned():
    assert _table.cleaned("  Crème BRÛLÉE, 3 times... isn't it?") == "creme brulee times . . . isn t it ?"


def test_copies_on_both_sides_of_a_split_raise_the_accuracy_on_the_copies_alone(tmp_path):
    """The features say nothing of the label, so only what was seen in training can be predicted."""
    draw = np.random.default_rng(0)
    both, train, test = (rows(seed, count) for seed, count in ((4, 60), (5, 240), (6, 60)))
    everything = joined(*(replace(r, label=draw.integers(0, 3, len(r))) for r in (both, train, test)))
    noise = [draw.normal(size=(1, 8)).astype(np.float32) for _ in everything.utterances]
    everything = replace(everything, inputs={"audio.acoustic8": ragged(noise)})
    copied, others, alone = np.arange(60), np.arange(60, 300), np.arange(300, 360)
    scores = {}
    for name, seen in {"planted": [*copied.repeat(15), *others], "disjoint": others}.items():
        data = Fold(CLASSES, everything.take(seen), everything.take([]), everything.take([]))
        _, apply = trained(data, tmp_path, members=["rf"])
        for side in (copied, alone):
            predicted = apply(everything.take(side)).probabilities.argmax(1)
            scores[name, side is copied] = (predicted == everything.label[side]).mean()
    assert scores["planted", True] > 0.9 and scores["disjoint", True] < 0.5
    assert abs(scores["planted", False] - scores["disjoint", False]) < 0.15 and scores["planted", False] < 0.5


def joined(*sides):
    """The rows of several sides, without their inputs."""
    label, speakers = np.concatenate([r.label for r in sides]), [s for r in sides for s in r.speakers]
    count, names = len(label), [name for r in sides for name in r.utterances]
    unknown = np.full(count, -1)
    return replace(
        sides[0],
        utterances=names,
        speakers=speakers,
        inputs={},
        label=label,
        gender=unknown,
        vad=np.full((count, 3), np.nan),
        parent=unknown,
    )


# Bad input -----------------------------------------------------------------------------------------------------


def test_a_class_absent_from_train_has_probability_zero(tmp_path):
    data = fold()
    two = replace(data, train=data.train.take(np.flatnonzero(data.train.label < 2)))
    _, apply = trained(two, tmp_path)
    for name, store in apply(data.test).extras.items():
        assert (store.values[:, 2] == 0).all() and np.allclose(store.values.sum(1), 1, atol=1e-5), name


def test_a_single_class_or_speaker_or_few_rows_give_defined_results(tmp_path):
    data = fold(train=9)
    one = replace(data, train=data.train.take(np.flatnonzero(data.train.label == 1)))
    _, apply = trained(one, tmp_path, min_df=1)
    assert (apply(data.test).probabilities == [0, 1, 0]).all()
    alone = replace(data, train=replace(data.train, speakers=["s"] * 9))
    _, apply = trained(alone, tmp_path, min_df=1)
    assert np.isfinite(apply(data.test).probabilities).all()


@pytest.mark.parametrize(
    ("texts", "reason"),
    [([""] * 90, "no train row has a text"), (["and the of"] * 90, "no term of the 90 train texts")],
)
def test_no_text_and_an_empty_vocabulary_are_refused(tmp_path, texts, reason):
    data = fold()
    train = replace(data.train, inputs=data.train.inputs | {"text": texts})
    with pytest.raises(InputError, match=reason):
        trained(replace(data, train=train), tmp_path)


def test_missing_and_constant_features(tmp_path):
    data = fold()
    store = [row.copy() for row in data.train.inputs["audio.acoustic8"]]
    for row in store:
        row[:, 4] = 7
    store[0] = store[0][:0]
    train = replace(data.train, inputs={"audio.acoustic8": ragged(store)})
    model, apply = trained(replace(data, train=train, dev=data.dev.only("audio.acoustic8")), tmp_path)
    assert model.state["table.range"][4] == 1
    test = data.test.only("audio.acoustic8")
    missing = apply(test.hiding(["audio.acoustic8"])).probabilities
    assert np.isfinite(missing).all() and (missing == missing[0]).all()
    nothing = replace(train, inputs={"audio.acoustic8": ragged([row[:0] for row in store])})
    with pytest.raises(InputError, match="no train row has one of these features"):
        trained(replace(data, train=nothing), tmp_path)


def test_a_missing_extra_is_reported_when_planning(monkeypatch):
    monkeypatch.setattr(light_weight, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"xgboost-cpu.*is not installed\. .*requirements-extra\.txt"):
        plugin.check_options("models", "light_weight", "train", {"members": ["xgb"]}, "runs: x")
    plugin.check_options("models", "light_weight", "train", {"members": ["rf"]}, "runs: x")
    original = builtins.__import__
    absent = lambda name, *more: original("nothing" if name == "xgboost" else name, *more)  # noqa: E731
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match="xgboost-cpu is not installed"):
        boosting.fit(np.zeros((2, 1), np.float32), np.array([0, 1]), 1, 1, 0.1, 1)


def test_applying_to_no_rows(tmp_path):
    _, apply = trained(fold(), tmp_path, members=["lr"])
    assert apply(rows(3, 3).take([])).probabilities.shape == (0, 3)


# Real speech ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_random_split_flatters_an_svm_by_fifteen_points_on_real_speech(ravdess, tmp_path):
    """Linear SVM on 276 statistics of RAVDESS: the same rows, once with the test actors in train, once without."""
    utterances, values = speech(ravdess)
    codes = sorted({row.label for row in utterances})
    label = np.array([codes.index(row.label) for row in utterances])
    names, speakers = [row.utterance for row in utterances], [row.speaker for row in utterances]
    unknown, vad = np.full(len(label), -1), np.full((len(label), 3), np.nan)
    everything = rows(1, 3)
    everything = replace(everything, utterances=names, speakers=speakers, inputs={"audio.acoustic276": ragged(values)})
    everything = replace(everything, label=label, gender=unknown, vad=vad, parent=unknown)
    accuracy = {}
    for name in ("random", "actors"):
        split = plugin.find("splits", name).split
        right = np.zeros(len(label), bool)
        for sides in split(utterances, 6, **plugin.offered(split, seed=1)):
            learnt, tested = (
                np.flatnonzero([side in group for side in sides]) for group in (("train", "dev"), ("test",))
            )
            data = Fold(codes, everything.take(learnt), everything.take([]), everything.take([]))
            _, apply = trained(data, tmp_path, members=["svm"])
            right[tested] = apply(everything.take(tested)).probabilities.argmax(1) == label[tested]
        accuracy[name] = right.mean()
    print(accuracy)
    assert accuracy["random"] - accuracy["actors"] > 0.15 and accuracy["actors"] > 0.3


def speech(folder):
    """Rows of RAVDESS and their 276 statistics at 16 kHz."""
    import librosa

    from emospace.corpora import ravdess as reader
    from emospace.features.encoders import acoustic276

    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.flac"))
    utterances, _ = reader.index(folder, files)
    encoder = acoustic276.load(rate=16_000)
    signals = (librosa.load(folder / row.audio, sr=16_000)[0] for row in utterances)
    clips = (np.rint(np.clip(s, -1, 1 - 2**-15) * 32768).astype(np.int16) for s in signals)
    return utterances, [encoder([clip], [""])[0] for clip in clips]
