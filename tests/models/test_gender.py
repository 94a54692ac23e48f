"""Gender end to end: codes of a corpus, training, stored predictions, scoring.

Covers: models/unified/readout.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import utterance

from emospace.core import manifest, plugin
from emospace.core.data import Fold, Rows
from emospace.core.store import Ragged
from emospace.evaluation.clusters import clusters
from emospace.evaluation.predictions import GENDERS, Truth, read_run
from emospace.evaluation.result import gender_result
from emospace.models.unified import unit_space
from emospace.models.unified.readout import fit_gender
from emospace.models.unified.resident import DeviceRows
from emospace.runs.applying import ask, learn
from emospace.runs.folds import GENDERS as CODES
from emospace.runs.run_files import write_outputs

linear_probe, unified = (plugin.find("models", name) for name in ("linear_probe", "unified"))

# A space of this size encodes gender, given its loss, and separates the emotions after three epochs.
SMALL = {
    "width": 16,
    "embedding": 64,
    "recurrent": 0,
    "epochs": 8,
    "dropout": 0.1,
    "lr": 1e-2,
    "gender": 1.0,
    "keep": "last",
}
CLASSES = ["ang", "neu"]


def side(random: np.random.Generator, gender: np.ndarray, name: str) -> Rows:
    """Rows whose coefficient 1 encodes gender (higher for 0 = F) and whose coefficient 2 encodes the label."""
    label = random.integers(2, size=len(gender))
    items = random.normal(size=(len(gender), 40, 8)).astype(np.float32)
    items[:, :, 1] += np.where(gender == 0, 1.0, -1.0)[:, None]
    items[:, :, 2] += np.where(label == 0, 0.7, -0.7)[:, None]
    stored = Ragged(items.reshape(-1, 8), np.arange(len(gender) + 1) * 40)
    names = [f"{name}{i}" for i in range(len(gender))]
    return Rows(names, names, {"audio.mfcc": stored}, label, gender, np.full((len(gender), 3), np.nan, np.float32))


def fold(
    train_men: int = 40, train_women: int = 40, unknown: int = 0, swapped: bool = False
) -> tuple[Fold, np.ndarray]:
    """A fold and the true gender of its test rows (0 = F), half of them women."""
    random = np.random.default_rng(1)
    learnt = np.repeat([0, 1], [train_women, train_men])
    dev, test = np.arange(16) % 2, np.arange(40) % 2
    sides = [side(random, gender, name) for name, gender in (("a", learnt), ("b", dev), ("c", test))]
    known = [1 - g if swapped else g.copy() for g in (learnt, dev)]
    known[0][random.permutation(len(learnt))[:unknown]] = -1
    labelled = [replace(rows, gender=g) for rows, g in zip(sides[:2], known, strict=True)]
    hidden = replace(sides[2], label=np.full(40, -1), gender=np.full(40, -1))
    return Fold(CLASSES, *labelled, hidden), 1 - test if swapped else test


def stored_accuracy(model, folder, data: Fold, truly: np.ndarray, **options) -> dict:
    """Train, store predictions as the workflow does, read them back and score."""
    trained = learn(model, data, options, seed=1, checkpoint=folder / "state", device="cpu", weights=None)
    rows_of = {"dev": data.dev, "test": data.test}
    sides = {
        name: (rows, ask(model, trained, rows, options, device="cpu", weights=None)) for name, rows in rows_of.items()
    }
    (folder / "fold0-1").mkdir()
    write_outputs(folder / "fold0-1", CLASSES, sides)
    rows = [utterance(u, speaker=u, gender=GENDERS[g]) for u, g in zip(data.test.utterances, truly, strict=True)]
    numbers = np.arange(len(rows))
    about = {"fold": np.repeat("fold0", len(rows)), "repeated": numbers < 0, "clusters": clusters(rows)}
    truth = Truth(CLASSES, rows, numbers % 2, speaker=numbers, speakers=[row.speaker for row in rows], **about)
    return gender_result(truth, read_run([folder / "fold0-1"], truth))


@pytest.mark.parametrize(
    "how",
    [{}, {"swapped": True}, {"unknown": 30}, {"train_women": 8, "train_men": 72}, {"train_women": 72, "train_men": 8}],
    ids=["plain", "swapped", "some unknown", "few women", "few men"],
)
@pytest.mark.parametrize(("model", "options"), [(linear_probe, {}), (unified, SMALL)], ids=["probe", "unified"])
def test_an_audible_gender_is_predicted(tmp_path, model, options, how):
    assert stored_accuracy(model, tmp_path, *fold(**how), **options)["accuracy"] > 0.95


def test_refitting_the_head_needs_no_gender_loss_and_changes_nothing_else():
    found, gender = fold(unknown=20, train_women=20, train_men=60)
    torch.manual_seed(0)
    network = unit_space.Space({"audio.mfcc": (8, "cepstral")}, 2, 16, 64, 0, 0.1).eval()
    train, test = (DeviceRows(rows, torch.device("cpu")) for rows in (found.train, found.test))
    network.fit_scales(train)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_gender(network, train, 32)
    predicted = unit_space.predict(network, test, 32).gender
    assert ((predicted[:, 0] >= 0.5) == (gender == 0)).mean() > 0.75
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"gender.weight", "gender.bias"}
    train.gender[:] = 1
    after = network.gender.weight.clone()
    fit_gender(network, train, 32)
    assert torch.equal(network.gender.weight, after)


def test_the_order_of_genders_is_the_same_everywhere():
    assert CODES == {name: k for k, name in enumerate(GENDERS)} == {"F": 0, "M": 1}


@pytest.mark.parametrize("how", [{"unknown": 80}, {"train_women": 0}], ids=["none known", "men only"])
def test_a_probe_trained_without_both_genders_predicts_none(tmp_path, how):
    found, gender = fold(**how)
    assert stored_accuracy(linear_probe, tmp_path, found, gender) is None


@pytest.mark.parametrize("code", ["f", "X", "female", " M"])
def test_an_unknown_gender_code_is_reported_and_treated_as_missing(code):
    kept, problems = manifest.check(
        [utterance("a", gender=code), utterance("b", gender="F"), utterance("c", gender="")]
    )
    assert [row.gender for row in kept] == ["", "F", ""]
    assert [(p.utterance, p.reason, p.dropped) for p in problems] == [("a", "bad gender", False)]
    assert repr(code) in problems[0].detail
