"""Invariants of training: scales come from train rows, selection from dev rows, predictions from the chosen epoch.

Covers: runs/fold_inputs.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _small import BRIEF, CLASSES, INPUTS, SMALL, probabilities, ragged, split
from torch import nn

from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.models import linear_probe, unified
from emospace.models.unified import unit_space
from emospace.models.unified.resident import DeviceRows
from emospace.runs.fold_inputs import checkpoint_folder
from emospace.training import loop
from emospace.training.loop import Schedule, fit
from emospace.training.rates import Plateau


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
    """The same rows with all features replaced by noise thousands of times as large."""
    rng = np.random.default_rng(9)
    noise = {n: ragged([rng.normal(size=r.shape).astype(np.float32) * 5e3 for r in i]) for n, i in rows.inputs.items()}
    return replace(rows, inputs=noise)


MODELS = pytest.mark.parametrize(("model", "options"), [(linear_probe, {}), (unified, BRIEF)], ids=["probe", "unified"])


@MODELS
def test_test_rows_do_not_affect_training(fold, tmp_path, model, options):
    folds = fold, replace(fold, test=junk(fold.test))
    first, second = (model.train(f, seed=1, checkpoint=tmp_path / str(i), **options) for i, f in enumerate(folds))
    assert first.history == second.history
    assert all(np.array_equal(value, second.state[key]) for key, value in first.state.items())
    predicted = [probabilities(model, trained, f) for trained, f in zip((first, second), folds, strict=True)]
    assert np.array_equal(*(values[: len(fold.dev)] for values in predicted))
    assert not np.array_equal(*predicted)


def test_scales_come_from_train_rows(fold, tmp_path):
    far = replace(fold, dev=junk(fold.dev), test=junk(fold.test))
    probe = linear_probe.train(far, seed=1, checkpoint=tmp_path).state
    pooled = linear_probe.pooled(fold.train)
    np.testing.assert_allclose(probe["mean"], pooled.mean(0))
    np.testing.assert_allclose(probe["scale"], np.where(pooled.std(0) > 0, pooled.std(0), 1))
    state = unified.train(far, seed=1, checkpoint=tmp_path, **BRIEF).state
    for name, rows in fold.train.inputs.items():
        for statistic, expected in (("mean", rows.values.mean(0)), ("scale", rows.values.std(0))):
            actual = state[f"encoders.{unit_space.Space.key(name)}.{statistic}"]
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["vad_mean"], fold.train.vad.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state["vad_scale"], fold.train.vad.std(0, ddof=1), rtol=1e-5)


# Epoch selection -----------------------------------------------------------------------------------------------------


def run(scores: list[float], folder: Path, patience: int, **how):
    """Train a small network with the given dev scores; returns its state and the averaged weights of each epoch."""
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


def test_the_first_of_the_best_epochs_is_kept(tmp_path):
    state, seen = run([0.3, 0.5, 0.4, 0.5, 0.2], tmp_path, patience=9)
    assert len(seen) == 5 and is_best(state, seen[1])
    assert not is_best(state, seen[3]) and not is_best(state, seen[4])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 5), (3, 9)])
def test_patience_ends_training(tmp_path, patience, epochs):
    scores = [0.4, 0.3, 0.5, 0.4, 0.4, 0.6, 0.6, 0.6, 0.6, 0.9]
    state, seen = run(scores, tmp_path, patience)
    assert len(state.history) == len(seen) == epochs
    again, more = run(scores, tmp_path, patience)  # a restart does not continue either
    assert again.history == state.history and not more


def test_keep_last_keeps_the_last_epoch_and_disables_early_stopping(tmp_path):
    state, seen = run([0.3, 0.5, 0.4, 0.2, 0.1], tmp_path, patience=1, keep="last")
    assert len(seen) == state.chosen == 5 and is_best(state, seen[4])


def test_a_watched_loss_is_minimised(tmp_path):
    state, seen = run([0.9, 0.5, 0.7, 0.6], tmp_path, patience=2, watch="dev_loss")
    assert (len(seen), state.chosen) == (4, 2) and is_best(state, seen[1])


def test_without_dev_labels_the_last_epoch_is_kept_with_a_warning(tmp_path, caplog):
    state, seen = run([math.nan] * 3, tmp_path, patience=1)
    assert len(seen) == state.chosen == 3 and is_best(state, seen[2])
    assert "dev_ua is NaN in all epochs: the last epoch is kept" in caplog.text


def test_an_epoch_without_a_score_is_never_chosen(tmp_path):
    state, _ = run([math.nan, 0.2, math.nan], tmp_path, patience=9)
    assert state.chosen == 2


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_without_a_moving_average_the_network_itself_is_scored(tmp_path, average):
    state, _ = run([0.1, 0.2], tmp_path, patience=9, average=average)
    pairs = zip(state.network.parameters(), state.average.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs) == (average == 0.0)


@pytest.mark.parametrize(("scores", "moved"), [([0.1, 0.2, 0.3], 0.3), ([0.1, 0.1, 0.1], 0.21)])
def test_a_plateau_reduces_the_rate_of_later_epochs(tmp_path, scores, moved):
    network, average = (nn.Linear(1, 1, bias=False) for _ in range(2))
    before, values = network.weight.detach().clone(), iter(scores)
    schedule = Schedule(
        3, 9, 4, 0.1, 0.0, "sgd", warmup=0, decay="constant", momentum=0, plateau=Plateau("dev_ua", 0.1, 0)
    )
    losses, score = lambda _: {"x": network.weight.sum()}, lambda _: {"dev_ua": next(values)}
    fit(network, average, 4, losses, score, schedule, tmp_path)
    assert float((before - network.weight).detach()) == pytest.approx(moved, rel=1e-3)


@pytest.mark.parametrize(("clip", "moved"), [(0.01, 0.001), (0.0, 0.1)])
def test_clipping_limits_the_gradient_unless_it_is_0(tmp_path, clip, moved):
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


def test_the_batch_size_is_the_option_or_fits_the_corpus(fold, tmp_path):
    assert [unified.batch_size(None, rows) for rows in (5, 100, 200, 10_000)] == [5, 16, 20, 64]
    assert unified.batch_size(48, 48) == 48
    with pytest.raises(InputError, match=r"option batch: it is 49, and the fold has 48 train rows"):
        unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF | {"batch": 49})


def test_dev_scores_use_labelled_rows_only():
    predicted = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1], [1.0, 0.0]], np.float32)
    scores = unified.dev_scores(np.array([1, 1, -1, 0]), predicted)
    assert scores["dev_ua"] == 0.75  # the tie of the first row goes to class 0
    assert scores["dev_loss"] == pytest.approx(-np.log([0.5, 0.75, 1.0]).mean())
    assert np.isnan([*unified.dev_scores(np.array([-1] * 4), predicted).values()]).all()


def test_predictions_come_from_the_best_epoch(fold, tmp_path, monkeypatch):
    scores = iter([0.3, 0.9, 0.2, 0.1])
    monkeypatch.setattr(unified, "mean_recall", lambda truth, predicted: next(scores))
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **SMALL | {"epochs": 4, "keep": "best"})
    assert trained.facts["epoch"] == 2 and trained.facts["dev_ua"] == 0.9
    network = unit_space.Space(**trained.facts["architecture"]).eval()
    network.load_state_dict({key: torch.from_numpy(value) for key, value in trained.state.items()})
    predictions = [
        unit_space.predict(network, DeviceRows(rows, torch.device("cpu")), 256) for rows in (fold.dev, fold.test)
    ]
    for expected, rows in zip(predictions, (fold.dev, fold.test), strict=True):
        output = unified.apply(trained, rows)
        np.testing.assert_array_equal(output.probabilities, expected.emotion)
        np.testing.assert_array_equal(output.embeddings, expected.embedding)
        np.testing.assert_array_equal(output.gender, expected.gender)


def test_a_checkpoint_belongs_to_one_recipe_seed_input_and_output(tmp_path):
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


# Augmentation of batches ---------------------------------------------------------------------------------------------

OFF = {"modality_dropout": 0.0, "distortion": 0.0, "vocal_tract": 0.0}


def batches_of(fold: Fold, folder: Path, monkeypatch, **options) -> list[tuple[dict, dict]]:
    """(batch, used) of all training steps with these options."""
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
    """Names of the inputs that differ between two batches."""
    return {n for n in first[0] if not torch.equal(first[0][n][0], second[0][n][0])}


def test_distortion_and_vocal_tract_change_only_what_they_should(fold, tmp_path, monkeypatch):
    def first(**options):
        return batches_of(fold, tmp_path / str(options), monkeypatch, **options)[0]

    plain = first()
    rows = DeviceRows(fold.train, torch.device("cpu"))
    network = unit_space.Space(
        {n: (d, "cepstral" if n == "audio.mfcc" else "") for n, d in INPUTS.items()}, 3, 4, 4, 0, 0.0
    )
    network.fit_scales(rows)
    torch.manual_seed(0)
    all_rows = network.standardise(rows.batch(torch.arange(rows.size), network.names))
    for name, (values, length) in plain[0].items():  # unchanged: each row is one of the train rows
        stored, lengths = all_rows[name]
        same = (values[:, None] == stored[:, : values.shape[1]]).all(3).all(2) & (length[:, None] == lengths)
        assert same.any(1).all()
    assert changed(plain, first(vocal_tract=0.1)) == {"audio.mfcc"}
    noisy = first(distortion=1.0)
    assert changed(plain, noisy) == set(INPUTS)
    for name, weakest, strongest in (("audio.mfcc", 0.3, 2.0), ("frames.clip", 0.07, 0.13), ("text.sbert", 0.07, 0.13)):
        unpadded = plain[0][name][0] != 0
        assert weakest < (noisy[0][name][0] - plain[0][name][0])[unpadded].std() < strongest


def test_modality_dropout_has_its_rate_and_never_drops_all(tmp_path, monkeypatch):
    full = split(1, 640, missing=0.0)
    fold = Fold(CLASSES, full, split(2, 6), split(3, 6, hidden=True))
    for share in (0.0, 0.3):
        steps = batches_of(fold, tmp_path / str(share), monkeypatch, modality_dropout=share, batch=64)
        used = torch.cat([torch.stack(list(masks.values()), 1) for _, masks in steps])
        hidden = (~used).float().mean(0)
        assert len(used) == 640 and used.any(1).all()
        assert ((hidden - (share - share**3)).abs() < 0.06).all()  # a row that would lose all three keeps them
        assert share or not hidden.any()


def test_a_missing_input_is_never_used(fold, tmp_path, monkeypatch):
    for batch, used in batches_of(fold, tmp_path, monkeypatch, modality_dropout=0.9):
        present = torch.stack([length > 0 for _, length in batch.values()], 1)
        masks = torch.stack([used[n] for n in batch], 1)
        assert not (masks & ~present).any() and (masks.any(1) == present.any(1)).all()


def test_rows_of_similar_lengths_share_a_batch_and_each_occurs_once(monkeypatch):
    monkeypatch.setattr(loop, "POOL", 4)
    lengths = torch.randperm(103)
    torch.manual_seed(1)
    order, other = loop.order_of(103, 8, lengths), loop.order_of(103, 8, lengths)
    assert len(order) == len(set(order.tolist())) == 96 and not torch.equal(order, other)
    spans = torch.stack([lengths[one].max() - lengths[one].min() for one in order.split(8)]).float()
    alike = torch.stack([lengths[one].max() - lengths[one].min() for one in torch.randperm(103).split(8)[:12]]).float()
    assert spans.mean() < alike.mean() / 2
    means = torch.stack([lengths[one].float().mean() for one in order.split(8)])
    assert not torch.equal(means, means.sort().values)  # the batches are not in order of length
    assert len(loop.order_of(5, 8, lengths)) == 5 and sorted(loop.order_of(5, 8).tolist()) == [0, 1, 2, 3, 4]
