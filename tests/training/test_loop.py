"""What training must keep to: train rows alone set scales, dev rows alone choose, the best epoch is what is used."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _small import CLASSES, INPUTS, SMALL, probabilities, ragged, split
from torch import nn

from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.models import linear_probe, unified
from emospace.models.unified import unit_space
from emospace.models.unified.resident import DeviceRows
from emospace.training.loop import Schedule, fit, learning_rate
from workflow_scripts._fold import checkpoint_folder

BRIEF = SMALL | {"epochs": 2}


@pytest.fixture(scope="module")
def fold() -> Fold:
    return Fold(
        CLASSES,
        split(1, 48),
        split(2, 12),
        split(3, 12, hidden=True),
        about={"audio.mfcc": {"holds": "cepstral", "rate": 16_000}},
    )


def junk(rows: Rows) -> Rows:
    """The same rows with noise in the place of all features, thousands of times as strong."""
    rng = np.random.default_rng(9)
    made = {n: ragged([rng.normal(size=r.shape).astype(np.float32) * 5e3 for r in i]) for n, i in rows.inputs.items()}
    return replace(rows, inputs=made)


MODELS = pytest.mark.parametrize(("model", "options"), [(linear_probe, {}), (unified, BRIEF)], ids=["probe", "unified"])


@MODELS
def test_test_rows_change_nothing_that_is_learnt(fold, tmp_path, model, options):
    folds = fold, replace(fold, test=junk(fold.test))
    found = [model.train(f, seed=1, checkpoint=tmp_path / str(i), **options) for i, f in enumerate(folds)]
    assert found[0].history == found[1].history
    assert all(np.array_equal(value, found[1].state[key]) for key, value in found[0].state.items())
    said = [probabilities(model, trained, f) for trained, f in zip(found, folds, strict=True)]
    assert np.array_equal(*(values[: len(fold.dev)] for values in said))
    assert not np.array_equal(*said)


def test_scales_are_those_of_train_rows(fold, tmp_path):
    far = replace(fold, dev=junk(fold.dev), test=junk(fold.test))
    probe = linear_probe.train(far, seed=1, checkpoint=tmp_path).state
    pooled = linear_probe.pooled(fold.train)
    np.testing.assert_allclose(probe["mean"], pooled.mean(0))
    np.testing.assert_allclose(probe["scale"], np.where(pooled.std(0) > 0, pooled.std(0), 1))
    state = unified.train(far, seed=1, checkpoint=tmp_path, **BRIEF).state
    for name, rows in fold.train.inputs.items():
        for what, expected in (("mean", rows.values.mean(0)), ("scale", rows.values.std(0))):
            found = state[f"encoders.{unit_space.Space.key(name)}.{what}"]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["vad_mean"], fold.train.vad.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state["vad_scale"], fold.train.vad.std(0, ddof=1), rtol=1e-5)


# Which epoch -------------------------------------------------------------------------------------------------------


def run(scores: list[float], folder: Path, patience: int, **how):
    """Train a small network whose dev scores are given; its state, and the average's weights after each epoch."""
    torch.manual_seed(0)
    network, average = nn.Linear(2, 1), nn.Linear(2, 1)
    rows, seen = torch.randn(8, 2), []

    def score(candidate) -> dict[str, float]:
        assert candidate is average
        seen.append({key: value.clone() for key, value in candidate.state_dict().items()})
        return {how.get("watch", "dev_ua"): scores[len(seen) - 1]}

    schedule = Schedule(len(scores), patience, 4, 0.1, 0.01, **how)
    state = fit(network, average, 8, lambda b: {"x": network(rows[b]).square().mean()}, score, schedule, folder)
    return state, seen


def is_best(state, weights: dict) -> bool:
    return all(torch.equal(state.best[key], value) for key, value in weights.items())


def test_the_best_epoch_is_kept_and_of_equals_the_first(tmp_path):
    state, seen = run([0.3, 0.5, 0.4, 0.5, 0.2], tmp_path, patience=9)
    assert len(seen) == 5 and is_best(state, seen[1])
    assert not is_best(state, seen[3]) and not is_best(state, seen[4])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 5), (3, 9)])
def test_patience_ends_training(tmp_path, patience, epochs):
    scores = [0.4, 0.3, 0.5, 0.4, 0.4, 0.6, 0.6, 0.6, 0.6, 0.9]
    state, seen = run(scores, tmp_path, patience)
    assert len(state.history) == len(seen) == epochs
    again, unseen = run(scores, tmp_path, patience)  # nor does it go on when started again
    assert again.history == state.history and not unseen


def test_the_last_epoch_is_kept_when_asked_for_and_nothing_ends_early(tmp_path):
    state, seen = run([0.3, 0.5, 0.4, 0.2, 0.1], tmp_path, patience=1, keep="last")
    assert len(seen) == state.chosen == 5 and is_best(state, seen[4])


def test_a_loss_is_watched_downwards(tmp_path):
    state, seen = run([0.9, 0.5, 0.7, 0.6], tmp_path, patience=2, watch="dev_loss")
    assert (len(seen), state.chosen) == (4, 2) and is_best(state, seen[1])


def test_without_a_label_on_dev_the_last_epoch_is_kept_and_that_is_said(tmp_path, caplog):
    state, seen = run([math.nan] * 3, tmp_path, patience=1)
    assert len(seen) == state.chosen == 3 and is_best(state, seen[2])
    assert "dev_ua was never a number: the last epoch is kept" in caplog.text


def test_an_epoch_without_a_score_is_never_chosen(tmp_path):
    state, _ = run([math.nan, 0.2, math.nan], tmp_path, patience=9)
    assert state.chosen == 2


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_without_a_moving_average_the_network_itself_is_scored(tmp_path, average):
    state, _ = run([0.1, 0.2], tmp_path, patience=9, average=average)
    pairs = zip(state.network.parameters(), state.average.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs) == (average == 0.0)


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        ("cosine", [0.5, 1.0, 1.0, 0.75, 0.25]),
        ("linear", [0.5, 1.0, 1.0, 2 / 3, 1 / 3]),
        ("step", [0.5, 1.0, 1.0, 0.1, 0.01]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_learning_rate_rises_and_then_decays(decay, rates):
    assert [learning_rate(step, 5, 0.4, decay) for step in range(5)] == pytest.approx(rates)
    assert learning_rate(0, 5, 0.0, decay) == 1.0


@pytest.mark.parametrize(("clip", "moved"), [(0.01, 0.001), (0.0, 0.1)])
def test_the_gradient_is_clipped_only_where_asked_for(tmp_path, clip, moved):
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.detach().clone()
    schedule = Schedule(1, 1, 4, 0.1, 0.0, optimiser="sgd", warmup=0.0, decay="constant", clip=clip)
    fit(
        network,
        nn.Linear(1, 1, bias=False),
        4,
        lambda _: {"x": network.weight.sum()},
        lambda _: {"dev_ua": 1.0},
        schedule,
        tmp_path,
    )
    assert float((before - network.weight).detach()) == pytest.approx(moved, rel=1e-3)


def test_batches_are_as_asked_or_fit_the_corpus(fold, tmp_path):
    assert [unified.batch_size(None, rows) for rows in (5, 100, 200, 10_000)] == [5, 16, 20, 64]
    assert unified.batch_size(48, 48) == 48
    with pytest.raises(InputError, match=r"option batch: it is 49, and the fold has 48 train rows"):
        unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF | {"batch": 49})


def test_dev_scores_are_of_labelled_rows():
    chances = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1], [1.0, 0.0]], np.float32)
    found = unified.dev_scores(np.array([1, 1, -1, 0]), chances)
    assert found["dev_ua"] == 0.75  # the first row is a tie, which goes to class 0
    assert found["dev_loss"] == pytest.approx(-np.log([0.5, 0.75, 1.0]).mean())
    assert np.isnan([*unified.dev_scores(np.array([-1] * 4), chances).values()]).all()


def test_predictions_are_those_of_the_best_epoch(fold, tmp_path, monkeypatch):
    scores = iter([0.3, 0.9, 0.2, 0.1])
    monkeypatch.setattr(unified, "_mean_recall", lambda truth, guess: next(scores))
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **SMALL | {"epochs": 4})
    assert trained.facts["epoch"] == 2 and trained.facts["dev_ua"] == 0.9
    network = unit_space.Space(**trained.facts["architecture"]).eval()
    network.load_state_dict({key: torch.from_numpy(value) for key, value in trained.state.items()})
    again = [unit_space.predict(network, DeviceRows(rows, torch.device("cpu")), 256) for rows in (fold.dev, fold.test)]
    for found, rows in zip(again, (fold.dev, fold.test), strict=True):
        output = unified.apply(trained, rows)
        np.testing.assert_array_equal(output.probabilities, found.emotion)
        np.testing.assert_array_equal(output.embeddings, found.embedding)
        np.testing.assert_array_equal(output.gender, found.gender)


def test_a_checkpoint_belongs_to_one_recipe_seed_and_input(tmp_path):
    files = [tmp_path / name for name in ("a", "b", "same")]
    for file, text in zip(files, ("1", "2", "1"), strict=True):
        file.write_text(text)
    recipe, out = {"options": {"lr": 1}}, Path("runs/fold0-1")
    base = checkpoint_folder(recipe, files[:1], 1, out)
    assert base == checkpoint_folder(recipe, [files[2]], 1, out)
    others = [
        checkpoint_folder({"options": {"lr": 2}}, files[:1], 1, out),
        checkpoint_folder(recipe, files[:1], 2, out),
        checkpoint_folder(recipe, files[1:2], 1, out),
        checkpoint_folder(recipe, files[:2], 1, out),
        checkpoint_folder(recipe, files[:1], 1, Path("others/fold0-1")),
    ]
    assert len({base, *others}) == 6


# What the network is shown -----------------------------------------------------------------------------------------

OFF = {"modality_dropout": 0.0, "distortion": 0.0, "vocal_tract": 0.0}


def shown(fold: Fold, folder: Path, monkeypatch, **options) -> list[tuple[dict, dict]]:
    """(batch, used) of all steps that a run of these options trains on."""
    seen, forward = [], unit_space.Space.forward

    def spied(self, batch, used):
        if self.training:
            seen.append((batch, used))
        return forward(self, batch, used)

    monkeypatch.setattr(unit_space.Space, "forward", spied)
    unified.train(fold, seed=1, checkpoint=folder, **SMALL | {"epochs": 1} | OFF | options)
    monkeypatch.setattr(unit_space.Space, "forward", forward)
    return seen


def changed(first: tuple[dict, dict], second: tuple[dict, dict]) -> set[str]:
    """Inputs that differ between two batches."""
    return {n for n in first[0] if not torch.equal(first[0][n][0], second[0][n][0])}


def test_noise_and_voices_reach_the_network_when_asked_for(fold, tmp_path, monkeypatch):
    def first(**options):
        return shown(fold, tmp_path / str(options), monkeypatch, **options)[0]

    plain = first()
    rows = DeviceRows(fold.train, torch.device("cpu"))
    network = unit_space.Space({n: (d, n == "audio.mfcc") for n, d in INPUTS.items()}, 3, 4, 4, 0, 0.0)
    network.fit_scales(rows)
    torch.manual_seed(0)
    whole = network.standardise(rows.batch(torch.arange(rows.size), network.names))
    for name, (values, length) in plain[0].items():  # as it is: each row is one of the train rows
        everything, lengths = whole[name]
        same = (values[:, None] == everything[:, : values.shape[1]]).all(3).all(2) & (length[:, None] == lengths)
        assert same.any(1).all()
    assert changed(plain, first(vocal_tract=0.1)) == {"audio.mfcc"}
    noisy = first(distortion=1.0)
    assert changed(plain, noisy) == set(INPUTS)
    for name, weakest, strongest in (("audio.mfcc", 0.3, 2.0), ("frames.clip", 0.07, 0.13), ("text.sbert", 0.07, 0.13)):
        there = plain[0][name][0] != 0
        assert weakest < (noisy[0][name][0] - plain[0][name][0])[there].std() < strongest


def test_modalities_are_hidden_as_often_as_asked_and_never_all(tmp_path, monkeypatch):
    full = split(1, 640, missing=0.0)
    fold = Fold(CLASSES, full, split(2, 6), split(3, 6, hidden=True))
    for share in (0.0, 0.3):
        steps = shown(fold, tmp_path / str(share), monkeypatch, modality_dropout=share, batch=64)
        used = torch.cat([torch.stack(list(masks.values()), 1) for _, masks in steps])
        hidden = (~used).float().mean(0)
        assert len(used) == 640 and used.any(1).all()
        assert ((hidden - (share - share**3)).abs() < 0.06).all()  # where all three would go, all stay
        assert share or not hidden.any()


def test_what_an_utterance_lacks_is_never_used(fold, tmp_path, monkeypatch):
    for batch, used in shown(fold, tmp_path, monkeypatch, modality_dropout=0.9):
        there = torch.stack([length > 0 for _, length in batch.values()], 1)
        masks = torch.stack([used[n] for n in batch], 1)
        assert not (masks & ~there).any() and (masks.any(1) == there.any(1)).all()
