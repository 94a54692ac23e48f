"""Models on a small synthetic fold: learning, padding, subsets of inputs, resuming after a kill, children.

Covers: models/late_fusion, models/unified, models/unified/unit_space.
"""

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _folds import recipe, write_audit, write_fold
from _programs import run_script
from _small import BRIEF, CLASSES, INPUTS, SMALL, arrays, probabilities, ragged, split, with_children
from conftest import ROOT

from emospace.core import plugin
from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS
from emospace.core.store import Ragged
from emospace.models import late_fusion, linear_probe, unified
from emospace.runs.applying import apply, ask_sides, learn
from emospace.runs.folds import read_fold
from emospace.runs.run_files import write_outputs, write_trained
from emospace.runs.run_inputs import Folders, with_runs


@pytest.fixture(scope="module")
def fold() -> Fold:
    return Fold(
        CLASSES,
        split(1, 90),
        split(2, 30),
        split(3, 30, hidden=True),
        about={"audio.mfcc": {"holds": "cepstral", "rate": 16_000}},
    )


def accuracy(values: np.ndarray) -> float:
    """Accuracy on the 30 test rows of `fold`, given probabilities of dev and test; row i has label i modulo 3."""
    return float((values[30:].argmax(1) == np.arange(30) % len(CLASSES)).mean())


@pytest.mark.parametrize(("model", "options"), [(linear_probe, {}), (unified, SMALL)])
def test_models_learn_and_predict_distributions(fold, tmp_path, model, options):
    trained = model.train(fold, seed=1, checkpoint=tmp_path, **options)
    values = probabilities(model, trained, fold)
    assert values.shape == (60, 3)
    assert np.allclose(values.sum(1), 1, atol=1e-5)
    assert accuracy(values) > 0.7
    chosen = trained.facts.get("epoch") or trained.facts["candidate"]
    assert trained.facts["dev_ua"] == trained.history[chosen - 1]["dev_ua"]


@pytest.mark.parametrize(
    ("holds", "steps", "form"),
    [
        ("cepstral", 7, ""),
        ("cepstral", 8, "cepstral"),
        ("cepstral", 99, "cepstral"),
        ("embedding", 8, ""),
        ("embedding", 31, ""),
        ("embedding", 32, "sequence"),
    ],
)
def test_short_cepstra_are_sequences_and_short_embeddings_are_not(tmp_path, holds, steps, form):
    rng, label = np.random.default_rng(1), np.arange(12) % 3
    rows = ragged([rng.normal(size=(n, 6)).astype(np.float32) for n in rng.permutation([steps] * 9 + [0, 1, 200])])
    vad = np.full((12, 3), np.nan, np.float32)
    one = Rows([f"u{i}" for i in range(12)], ["A"] * 12, {"x": rows}, label, np.full(12, -1), vad)
    fold = Fold(CLASSES, one, one, one, about={"x": {"holds": holds, "rate": 16_000}})
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF | {"epochs": 1, "batch": 12})
    assert trained.facts["architecture"]["shapes"]["x"][1] == form


def test_pooling_does_not_depend_on_the_position_of_a_row():
    """Equal rows pool to equal bits at any position; a single step has deviation 0."""
    rng = np.random.default_rng(0)
    distinct = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, 1, 7)]
    rows = [distinct[i % 3] for i in range(3000)] + [np.empty((0, 3), np.float32)]
    unknown = np.full(3001, -1)
    table = linear_probe.pooled(Rows([""] * 3001, [""] * 3001, {"x": ragged(rows)}, unknown, unknown, unknown))
    for i, row in enumerate(distinct):
        assert (table[i:3000:3] == table[i]).all()
        assert np.allclose(table[i], [*row.mean(0), *row.std(0), 1], atol=1e-6)
    assert (table[0, 3:6] == 0).all() and (table[-1] == 0).all()


def test_unified_predicts_unit_embeddings_and_gender(fold, tmp_path):
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF)
    output = unified.apply(trained, fold.train)
    assert np.allclose(np.linalg.norm(output.embeddings, axis=1), 1, atol=1e-5)
    assert output.gender.shape == (90, 2)
    assert len(unified.apply(trained, fold.train.take([])).embeddings) == 0


def test_vad_is_in_corpus_units_and_absent_unless_trained(fold, tmp_path):
    far = replace(fold, train=replace(fold.train, vad=fold.train.vad * 20 + 100))
    trained = unified.train(far, seed=1, checkpoint=tmp_path / "far", **SMALL)
    predicted = unified.apply(trained, far.train).dimensions
    assert np.corrcoef(predicted[:, 0], far.train.vad[:, 0])[0, 1] > 0.5
    assert 100 < predicted.mean() < 140  # the labels are 100, 120 and 140
    assert "dimensions" in trained.history[0], "the column of the loss"
    unknown = replace(fold, train=replace(fold.train, vad=np.full((90, 3), np.nan, np.float32)))
    for number, (f, more) in enumerate(((unknown, {}), (fold, {"vad": 0.0}))):
        without = unified.train(f, seed=1, checkpoint=tmp_path / str(number), **SMALL | {"epochs": 1} | more)
        assert unified.apply(without, fold.test).dimensions is None


def test_the_weight_of_the_vad_loss_is_called_vad():
    plugin.check_options("models", "unified", "train", {"vad": 0.1}, "config: runs: r")
    with pytest.raises(InputError, match="unexpected option 'dimensions'"):
        plugin.check_options("models", "unified", "train", {"dimensions": 0.1}, "config: runs: r")


@pytest.mark.parametrize("rated", [(0, 1), (2,)])
def test_a_corpus_may_rate_only_some_dimensions(fold, tmp_path, rated):
    """Rated dimensions are learnt in their units and stored; the cells of the others are empty."""
    vad = fold.train.vad * 20 + 100
    vad[:, [k for k in range(3) if k not in rated]] = np.nan
    vad[::5, rated[0]] = np.nan  # some rows lack one rating
    some = replace(fold, train=replace(fold.train, vad=vad))
    trained = unified.train(some, seed=1, checkpoint=tmp_path, **SMALL)
    module = plugin.find("models", "unified")
    sides = ask_sides(module, trained, {"dev": some.dev, "test": some.test}, SMALL, device="cpu")
    predicted = sides["dev"][1].dimensions
    for k in range(3):
        if k in rated:
            assert np.corrcoef(predicted[:, k], fold.dev.vad[:, k])[0, 1] > 0.5
            assert 100 < predicted[:, k].mean() < 140
        else:
            assert np.isnan(predicted[:, k]).all()
    write_outputs(tmp_path, CLASSES, sides)
    with open(tmp_path / "probabilities.csv", encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            assert [bool(line[name]) for name in RATINGS] == [k in rated for k in range(3)]


def test_the_seed_determines_the_result(fold, tmp_path):
    runs = [unified.train(fold, seed=s, checkpoint=tmp_path / str(i), **BRIEF) for i, s in enumerate((1, 1, 2))]
    first, again, other = (probabilities(unified, run, fold) for run in runs)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_padding_and_neighbours_have_no_influence(fold, tmp_path):
    """A row is predicted alike alone and in a batch with much longer rows."""
    import torch

    from emospace.models.unified.resident import DeviceRows
    from emospace.models.unified.unit_space import Space, predict

    torch.manual_seed(0)
    shapes = {name: (dims, "cepstral" if name == "audio.mfcc" else "") for name, dims in INPUTS.items()}
    network = Space(shapes, 3, 16, 16, 8, 0.1)
    rows = DeviceRows(fold.dev, torch.device("cpu"))
    network.fit_scales(rows)
    network.eval()
    together, alone = (predict(network, rows, size) for size in (30, 1))
    assert np.abs(together.emotion - alone.emotion).max() < 1e-5
    network.train()  # batch statistics must exclude padding too
    batch = network.standardise(rows.batch(torch.arange(4), network.names))
    longer = {n: (torch.nn.functional.pad(v, (0, 0, 0, 64)), length) for n, (v, length) in batch.items()}
    used = {n: length > 0 for n, (_, length) in batch.items()}
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    points = [network(inputs, used).points for inputs in (batch, longer)]
    assert all(torch.allclose(points[0][name], points[1][name], atol=1e-5) for name in used)


def test_distortion_leaves_padding_zero():
    import torch

    from emospace.models.unified.objective import distort

    torch.manual_seed(0)
    length = torch.tensor([40, 64, 0])
    values = torch.ones(3, 64, 5) * (torch.arange(64) < length[:, None])[..., None]
    distorted, new_length = distort(values, length, 1.0)
    assert (distorted * (torch.arange(64) >= new_length[:, None])[..., None]).abs().sum() == 0
    assert new_length[2] == 0 and (new_length <= 64).all() and not torch.equal(distorted, values)


def test_an_input_without_any_data_counts_as_missing(fold, tmp_path):
    def without(rows: Rows) -> Rows:
        empty = Ragged(np.empty((0, 0), np.float32), np.zeros(len(rows) + 1, np.int64))
        return Rows(**{**vars(rows), "inputs": rows.inputs | {"frames.clip": empty}})

    lacking = Fold(CLASSES, *(without(rows) for rows in (fold.train, fold.dev, fold.test)))
    for model, options in ((linear_probe, {}), (unified, SMALL | {"epochs": 10})):
        trained = model.train(lacking, seed=1, checkpoint=tmp_path, **options)
        assert accuracy(probabilities(model, trained, lacking)) > 0.5
    assert "frames.clip" not in trained.facts["architecture"]["shapes"]


def test_string_inputs_are_refused(fold, tmp_path):
    words = Rows(**{**vars(fold.train), "inputs": {"text": ["a"] * 90}})
    for model in (linear_probe, unified):
        with pytest.raises(InputError, match="not strings"):
            model.train(Fold(CLASSES, words, words, words), seed=1, checkpoint=tmp_path)


# Through files and the script -------------------------------------------------------------------------------------


def train(folder: Path, *words: str) -> subprocess.Popen:
    """Start the script in its own folder, so that checkpoints stay there."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "workflow_scripts.train", *words]
    return subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


def finished(folder: Path, *words: str) -> str:
    """Run the script in its own folder to the end; return its log."""
    done = run_script("train", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_killed_and_resumed_training_is_equal_to_the_bit(tmp_path):
    arguments = write_fold(tmp_path) + recipe(tmp_path, "unified", SMALL | {"epochs": 30, "patience": 30})
    finished(tmp_path, *arguments, "--out", "whole")
    killed = train(tmp_path, *arguments, "--out", "resumed")
    until = time.time() + 120
    while not list(tmp_path.glob(".emospace/checkpoints/*/checkpoint.safetensors")) and time.time() < until:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "resumed/model.safetensors").exists()
    assert "resumed after epoch" in finished(tmp_path, *arguments, "--out", "resumed")
    for name in ("model.safetensors", "history.csv", "probabilities.csv", "embeddings.npy"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes(), name
    assert not list(tmp_path.glob(".emospace/checkpoints/*"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A run of the linear probe and one of the unified model, on disk."""
    folder = tmp_path_factory.mktemp("runs")
    arguments = write_fold(folder)
    finished(folder, *arguments, *recipe(folder, "unified", BRIEF), "--out", "unified")
    finished(folder, *arguments, *recipe(folder, "linear_probe", {}), "--out", "probe")
    return folder


def test_results_hold_no_labels_and_name_random_inputs(stored):
    with open(stored / "unified/probabilities.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert list(lines[0]) == ["utterance", "split", "present", *CLASSES, "gender_F", "gender_M", *RATINGS]
    assert [line["split"] for line in lines] == ["dev"] * 30 + ["test"] * 30
    assert json.loads((stored / "unified/run.json").read_text())["random_inputs"] == ["frames.clip"]


def test_any_subset_of_inputs_works_and_reloading_reproduces(stored):
    inputs = {name: sorted((stored / name).glob("[01].npy")) for name in INPUTS}
    fold = read_fold(stored / "fold0.csv", stored / "p.json", inputs)
    with open(stored / "unified/probabilities.csv", newline="") as handle:
        written = [[float(line[c]) for c in CLASSES] for line in csv.DictReader(handle) if line["split"] == "test"]
    whole = apply(stored / "unified", fold.test)
    assert np.abs(whole.probabilities - np.array(written)).max() < 1e-5
    distinct = set()
    for size in (1, 2, 3):
        for keep in itertools.combinations(INPUTS, size):
            output = apply(stored / "unified", fold.test, keep=keep)
            assert np.allclose(output.probabilities.sum(1), 1, atol=1e-5) and np.isfinite(output.embeddings).all()
            distinct.add(output.probabilities.tobytes())
    assert len(distinct) == 7
    for run, keep, words in (
        ("unified", ["audio.mel"], r"no input 'audio\.mel'"),
        ("unified", [], "no input is kept"),
        ("probe", ["audio.mfcc"], "linear_probe.py needs all its inputs"),
    ):
        with pytest.raises(InputError, match=words):
            apply(stored / run, fold.test, keep=keep)


def test_late_fusion_is_the_mean_of_its_parents(stored, tmp_path):
    arguments = write_fold(tmp_path)
    cut = arguments.index("--input")
    words = [*arguments[:cut], "--seed", "3", "--runs", f"a={stored / 'probe'}", f"b={stored / 'unified'}"]
    finished(tmp_path, *words, *recipe(tmp_path, "late_fusion", {}, ["run:a", "run:b"]), "--out", "fused")

    def read(path):
        with open(path / "probabilities.csv", newline="") as handle:
            return np.array([[float(line[c]) for c in CLASSES] for line in csv.DictReader(handle)])

    mean = (read(stored / "probe") + read(stored / "unified")) / 2
    present = np.array(
        [line.split(",")[2] == "1" for line in (stored / "probe/probabilities.csv").read_text().split()[1:]]
    )
    assert np.abs(read(tmp_path / "fused") - mean)[present].max() < 1e-6
    assert json.loads((tmp_path / "fused/run.json").read_text())["random_inputs"] == ["frames.clip"]


def write_run(folder: Path, lines: str) -> Folders:
    folder.mkdir()
    (folder / "probabilities.csv").write_text(f"utterance,split,present,x,y\n{lines}")
    np.save(folder / "embeddings.npy", np.empty((len(lines.split()), 0)))
    return Folders(folder)


def rows_of(*names: str) -> Rows:
    unknown = np.full(len(names), -1)
    return Rows(list(names), ["s"] * len(names), {}, unknown, unknown, np.full((len(names), 3), np.nan))


def test_late_fusion_skips_parents_without_inputs(tmp_path):
    runs = {
        "a": write_run(tmp_path / "a", "u,test,1,0.9,0.1\nv,test,0,0.9,0.1\n"),
        "b": write_run(tmp_path / "b", "v,test,0,0.2,0.8\nu,test,0,0.2,0.8\n"),
    }
    fold = with_runs(Fold(["x", "y"], rows_of(), rows_of(), rows_of("u", "v")), ["run:a", "run:b"], runs)
    assert fold.test.inputs["run:b"].lengths.tolist() == [0, 0] and fold.test.present().tolist() == [True, False]
    fused = late_fusion.apply(late_fusion.train(fold, seed=1, checkpoint=tmp_path), fold.test)
    assert fused.probabilities == pytest.approx(np.array([[0.9, 0.1], [0.55, 0.45]]))
    alone = late_fusion.apply(late_fusion.train(fold, seed=1, checkpoint=tmp_path), fold.test.hiding(["run:a"]))
    assert alone.probabilities == pytest.approx(np.array([[0.2, 0.8], [0.2, 0.8]]))


def test_training_needs_a_passed_audit_and_names_bad_stores(tmp_path):
    arguments = write_fold(tmp_path) + recipe(tmp_path, "linear_probe", {}) + ["--out", "out"]
    (tmp_path / "a.json").write_text(json.dumps({"ok": False}))
    done = run_script("train", *arguments, cwd=tmp_path)
    assert "the audit did not pass" in done.stderr and done.returncode == 1
    write_audit(tmp_path)
    path = tmp_path / "audio.mfcc/1.npy"
    values = np.load(path)
    values[7] = np.nan
    np.save(path, values)
    done = run_script("train", *arguments, cwd=tmp_path)
    log = done.stderr
    assert done.returncode == 1 and "audio.mfcc/1.npy: row 0 holds values" in log and "Traceback" not in log


def test_the_contract_suits_a_model_of_words(tmp_path):
    """A model receives the strings of a text view unchanged, so it can fit a vocabulary within the fold."""
    from emospace.core import texts

    write_fold(tmp_path)
    for part in (0, 1):
        from conftest import utterance

        rows = [utterance(f"u{i}") for i in range(60)]
        words = [f"word{CLASSES[(2 * i + part) % 3]} said" for i in range(60)]
        path = tmp_path / f"text/{part}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("utterance,text\n" + "".join(f"{r.utterance},{w}\n" for r, w in zip(rows, words, strict=True)))
        assert texts.read(path) == words
    files = [tmp_path / f"text/{part}.csv" for part in (0, 1)]
    fold = read_fold(tmp_path / "fold0.csv", tmp_path / "p.json", {"text": files}, readers={"text": texts.read})
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer().fit(fold.train.inputs["text"])
    model = LogisticRegression().fit(vectors.transform(fold.train.inputs["text"]), fold.train.label)
    assert model.score(vectors.transform(fold.dev.inputs["text"]), fold.dev.label) == 1.0


def test_a_vocal_tract_warp_changes_speech_but_not_padding():
    import torch

    from emospace.models.unified import objective, unit_space

    network = unit_space.Space({"audio.mfcc": (20, "cepstral"), "text.sbert": (8, "")}, 4, 16, 16, 0, 0.0)
    encoder = network.encoders["audio/mfcc"]
    encoder.mean.normal_()
    length = torch.tensor([5, 0, 9])
    values = encoder.standardise(torch.randn(3, 9, 20), length)
    changed = objective.VocalTractWarp(encoder, 0.1, 16_000)(values, length)
    assert (changed - values).abs()[0, :5].max() > 0.1 and not changed[0, 5:].any() and not changed[1].any()
    near = objective.VocalTractWarp(encoder, 1e-4, 16_000)(values, length)
    torch.testing.assert_close(near, values, atol=0.02, rtol=0.02)
    assert not torch.equal(
        objective.VocalTractWarp(encoder, 0.1, 8000).matrices, objective.VocalTractWarp(encoder, 0.1, 16_000).matrices
    )


def test_inputs_are_warped_by_content_not_by_name():
    from emospace.models.unified import objective

    about = {"audio.voice": {"holds": "cepstral", "rate": 22_050}, "audio.mfcc": {"holds": "embedding", "rate": 16_000}}
    assert objective.cepstral_rates(about) == {"audio.voice": 22_050}


def test_unified_warps_the_inputs_that_hold_mfcc(fold, tmp_path, monkeypatch):
    from emospace.models.unified import objective

    passed, real = [], objective.Objective
    monkeypatch.setattr(objective, "Objective", lambda *a, rates, **more: passed.append(rates) or real(*a, **more))
    voice = replace(fold, about={"frames.clip": {"holds": "cepstral", "rate": 8000}})
    unified.train(voice, seed=1, checkpoint=tmp_path, **SMALL | {"epochs": 1})
    assert passed == [{"frames.clip": 8000}]


def test_each_parent_draws_its_own_children():
    import torch

    from emospace.models.unified.objective import Children

    parent = torch.tensor([-1, -1, -1, -1, 2, 0, 2, 2])
    children, numbers = Children(parent), torch.tensor([3, 2, 1, 0])
    drawn = set()
    for _ in range(50):
        rows, position = children.draw(numbers)
        assert position.tolist() == [1, 3] and parent[rows].tolist() == [2, 0]
        drawn |= set(rows.tolist())
    assert drawn == {4, 5, 6, 7}


ORIGINALS, PARENTS = 12, [7, 2, 7, 0, 11, 2]  # of rows 12 to 17


def family(child_labels):
    """The objective without augmentation on originals and children, all distinct; all weights are 0.5."""
    import torch

    from emospace.models.unified.objective import Objective
    from emospace.models.unified.resident import DeviceRows
    from emospace.models.unified.unit_space import Space

    label, inputs = arrays(7, ORIGINALS + len(PARENTS), missing=0)
    label[ORIGINALS:] = child_labels
    rows = Rows(
        utterances=[f"u{i}" for i in range(len(label))],
        speakers=["s"] * len(label),
        inputs={"audio.mfcc": ragged(inputs["audio.mfcc"])},
        label=label,
        gender=label % 2,
        vad=np.stack([label] * 3, 1).astype(np.float32),
        parent=np.concatenate([np.full(ORIGINALS, -1), PARENTS]),
    )
    torch.manual_seed(0)
    network = Space({"audio.mfcc": (INPUTS["audio.mfcc"], "cepstral")}, len(CLASSES), 16, 16, 8, 0.0).eval()
    resident = DeviceRows(rows, torch.device("cpu"))
    network.fit_scales(resident)
    weights = ("gender", "vad", "reconstruction", "contrastive", "alignment", "children")
    options = {"label_smoothing": 0.1, "modality_dropout": 0.0, "distortion": 0.0}
    return Objective(network, resident, dict.fromkeys(weights, 0.5), **options)


def test_children_are_positives_of_their_own_parents_only(monkeypatch):
    import torch

    from emospace.models.unified import objective, unit_space

    calls, real = [], objective.cross_modal
    monkeypatch.setattr(objective, "cross_modal", lambda *pair: calls.append(pair[:2]) or real(*pair))
    losses_of = family([0] * len(PARENTS))
    embedded = torch.from_numpy(unit_space.predict(losses_of.network, losses_of.rows, 32).embedding)

    def row_numbers(embeddings) -> list[int]:
        """The rows with these embeddings."""
        distance = (embeddings[:, None] - embedded).abs().amax(2)
        assert ((distance < 1e-5).sum(1) == 1).all()
        return distance.argmin(1).tolist()

    seen = set()
    for _ in range(20):
        batch = torch.randperm(ORIGINALS)[:9]
        losses = losses_of(batch)
        [(first, second)] = calls  # a single input: no modalities to align
        parents, children = row_numbers(first), row_numbers(second)
        assert parents == [number for number in batch.tolist() if number in PARENTS]
        assert [PARENTS[child - ORIGINALS] for child in children] == parents
        assert losses["children"] == 0.5 * real(first, second, losses_of.network.scales[1])
        calls.clear()
        seen |= set(children)
    assert seen == set(range(ORIGINALS, ORIGINALS + len(PARENTS)))


def test_a_child_is_trained_on_its_own_label():
    """Permuting the labels of the children alone changes the loss, to the value that these labels imply."""
    import torch
    from torch.nn.functional import cross_entropy

    found = []
    for labels in ([0, 0, 1, 1, 2, 2], [1, 1, 2, 2, 0, 0]):
        objective = family(labels)
        network, rows, batch = objective.network, objective.rows, torch.tensor([3, 2, 11, 0, 5, 7])
        torch.manual_seed(1)
        drawn = torch.cat([batch, objective.children.draw(batch)[0]])
        inputs = network.standardise(rows.batch(drawn, network.names))
        points = network(inputs, {name: length > 0 for name, (_, length) in inputs.items()}).points
        logits = points["audio.mfcc"][:, : len(CLASSES)]
        torch.manual_seed(1)  # the same children again
        losses = objective(batch)
        label = torch.cat([rows.label[batch], torch.tensor(labels)[drawn[len(batch) :] - ORIGINALS]])
        expected = cross_entropy(logits, label, weight=objective.class_weights, label_smoothing=0.1)
        torch.testing.assert_close(losses["emotion"], expected)
        found.append((objective.class_weights, losses))
    (class_weights, first), (other_weights, second) = found
    assert torch.equal(class_weights, other_weights)  # so they do not explain the difference
    assert abs(first["emotion"] - second["emotion"]) > 1e-3
    assert abs(first["contrastive"] - second["contrastive"]) > 1e-3 and first["children"] == second["children"]


@pytest.mark.parametrize("model", [linear_probe, unified])
def test_children_take_part_in_training_only(fold, tmp_path, model):
    options = SMALL | {"epochs": 6} if model is unified else {}
    augmented = Fold(fold.classes, with_children(fold.train, 40), fold.dev, fold.test)
    plain, more = (
        model.train(f, seed=1, checkpoint=tmp_path / str(i), **options) for i, f in enumerate((fold, augmented))
    )
    assert not np.array_equal(*(probabilities(model, trained, fold) for trained in (more, plain)))
    if model is unified:
        assert all(line["children"] > 0 for line in more.history)
        assert not any("children" in line for line in plain.history)


@pytest.mark.parametrize("empty", [("dev",), ("test",), ("dev", "test")])
@pytest.mark.parametrize(("model", "options"), [("linear_probe", {}), ("unified", SMALL | {"epochs": 5})])
def test_a_side_may_be_empty(fold, tmp_path, model, options, empty):
    """Without dev there is no selection: the last epoch and the first candidate are kept."""
    less = replace(fold, **{side: getattr(fold, side).take([]) for side in empty})
    module = plugin.find("models", model)
    trained = learn(module, less, options, seed=1, checkpoint=tmp_path, device="cpu")
    sides = ask_sides(module, trained, {"dev": less.dev, "test": less.test}, options, device="cpu")
    files = write_outputs(tmp_path, CLASSES, sides) + write_trained(tmp_path, trained)
    assert all(path.exists() for path in files)
    assert [len(output.probabilities) for _, output in sides.values()] == [len(less.dev), len(less.test)]
    if "dev" in empty:
        assert trained.facts["dev_ua"] is None and all(np.isnan(line["dev_ua"]) for line in trained.history)
        assert trained.facts.get("epoch", 5) == 5 and trained.facts.get("shrinkage", 0.5) == 0.5
        assert accuracy(np.concatenate([np.zeros((30, 3)), module.apply(trained, fold.test).probabilities])) > 0.4


@pytest.mark.parametrize("empty", [("dev",), ("test",), ("dev", "test")])
def test_a_side_may_be_empty_for_a_second_stage(fold, tmp_path, empty):
    """The first stage may have stored a header alone."""
    less = replace(fold, **{side: getattr(fold, side).take([]) for side in empty})
    first = linear_probe.train(less, seed=1, checkpoint=tmp_path)
    sides = ask_sides(plugin.find("models", "linear_probe"), first, {"dev": less.dev, "test": less.test}, {})
    write_outputs(tmp_path, CLASSES, sides)
    second = with_runs(less, ["run:first"], {"first": Folders(tmp_path)})
    trained = late_fusion.train(second, seed=1, checkpoint=tmp_path)
    for side in ("dev", "test"):
        fused, given = late_fusion.apply(trained, getattr(second, side)).probabilities, sides[side][1].probabilities
        assert np.abs(fused - given).max(initial=0) < 1e-6  # stored with seven decimals
