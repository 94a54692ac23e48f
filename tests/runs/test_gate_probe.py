"""The gate's probe sees only train rows, and neither the parent nor the speaker of the copy that it assesses."""

from dataclasses import replace

import numpy as np
from _gate import ragged

from emospace.core.data import Rows
from emospace.core.store import Ragged
from emospace.runs import gate_probe


def voices(speakers: int = 8, each: int = 24, spread: float = 3.0, wide: int = 6, seed: int = 0) -> Rows:
    """Rows of three classes; each class and each speaker has its own offset."""
    random = np.random.default_rng(seed)
    label = np.tile(np.arange(each) % 3, speakers)
    own = np.repeat(random.normal(size=(speakers, wide)), each, axis=0)
    centres = spread * np.eye(3, wide)[label] + own + random.normal(size=(speakers * each, wide))
    matrices = [centre + 0.1 * random.normal(size=(5, wide)) for centre in centres]
    names = [f"s{i // each}_{i % each}" for i in range(len(label))]
    empty = {"gender": np.zeros(len(label), np.int64), "vad": np.full((len(label), 3), np.nan, np.float32)}
    extra = {"parent": np.full(len(label), -1)} if "parent" in Rows.__dataclass_fields__ else {}
    speaker = [f"s{i // each}" for i in range(len(label))]
    return Rows(names, speaker, {"x": ragged(matrices)}, label, **empty, **extra)


def test_agreement_is_high_for_kept_labels_and_low_for_lost_ones():
    train = voices()
    swapped = [train.inputs["x"][i] for i in np.argsort(train.label, kind="stable")[::-1]]
    kept = gate_probe.cross_fitted(train, train)
    lost = gate_probe.cross_fitted(train, replace(train, inputs={"x": ragged(swapped)}))
    assert kept.mean() > 0.48 and lost.mean() < 0.35


def test_the_probe_is_not_trained_on_the_parent(monkeypatch):
    """On noise it is at chance; a probe trained on each copy's parent would be far above."""
    noise = voices(spread=0.0, wide=60)
    assert abs(gate_probe.cross_fitted(noise, noise).mean() - 1 / 3) < 0.04

    def split(self, known, label, speakers):
        yield np.arange(len(label)), np.arange(len(label))

    monkeypatch.setattr("sklearn.model_selection.GroupKFold.split", split)
    assert gate_probe.cross_fitted(noise, noise).mean() > 0.44


def test_the_probe_is_not_trained_on_the_speaker_of_a_copy():
    """Each speaker has its own offsets of classes, which only a probe trained on that speaker could know."""
    train = voices(spread=0.0, wide=60)
    random = np.random.default_rng(1)
    own = 4 * random.normal(size=(8, 3, 60))
    speakers = [int(name[1:]) for name in train.speakers]
    planted = [row + own[s, k] for row, s, k in zip(train.inputs["x"], speakers, train.label, strict=True)]
    train = replace(train, inputs={"x": ragged(planted)})
    assert abs(gate_probe.cross_fitted(train, train).mean() - 1 / 3) < 0.1
    separate = replace(train, speakers=list(train.utterances))  # as if each row had its own speaker
    assert gate_probe.cross_fitted(separate, separate).mean() > 0.55


def test_a_common_shift_of_all_copies_does_not_change_agreement():
    """Another voice shifts and scales all copies alike, which must not cost a class its agreement."""
    train = voices()
    shifted = ragged([7 + 0.3 * row for row in train.inputs["x"]])
    agreement = gate_probe.cross_fitted(train, replace(train, inputs={"x": shifted}))
    np.testing.assert_allclose(agreement, gate_probe.cross_fitted(train, train), atol=0.05)


def test_rows_that_no_probe_can_assess_get_no_agreement():
    one = voices(speakers=1)
    assert np.isnan(gate_probe.cross_fitted(one, one)).all()
    gap = voices(speakers=4)
    rows = [[] if i == 3 else gap.inputs["x"][i] for i in range(len(gap))]
    agreement = gate_probe.cross_fitted(replace(gap, inputs={"x": ragged(rows)}), gap)
    assert np.flatnonzero(np.isnan(agreement)).tolist() == [3]
    silent = replace(gap, inputs={"x": Ragged(np.empty((0, 6), np.float32), np.zeros(len(gap) + 1, np.int64))})
    assert np.isnan(gate_probe.cross_fitted(gap, silent)).all()


def test_rows_without_a_feature_do_not_train_the_probe():
    train = voices(speakers=4)
    rows = ragged([[] if i % 3 == 1 else row for i, row in enumerate(train.inputs["x"])])
    present = rows.lengths > 0
    some = replace(train, inputs={"x": rows})
    other = replace(some, label=np.where(present, train.label, (train.label + 1) % 3))
    first, second = gate_probe.cross_fitted(some, train), gate_probe.cross_fitted(other, train)
    assert np.isfinite(first[present]).all() and np.isnan(first[~present]).all()
    np.testing.assert_array_equal(first, second)
