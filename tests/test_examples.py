"""docs/contracts.md says what the contracts say, and its examples, planted as a user would, run end to end."""

import argparse
import csv
import re

import numpy as np
import pytest
import sklearn.metrics as reference
import soundfile
from _planted import PLUGINS, examples, merged, offer, plant, tones
from _planted_world import BASE
from conftest import Project, utterance
from test_report import Page

from emospace import assignment, features, manifest, measures, plugin, store
from emospace.errors import InputError
from emospace.provenance import read_json
from workflow_scripts import augment_view, extract_view, score_view
from workflow_scripts.write_contracts import PAGE, PLACES, page


def test_the_page_is_made_from_the_contracts():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make format"


def test_every_example_has_lines_of_a_config_and_a_place_of_its_own():
    assert {path.stem for path in PLUGINS.glob("*.py")} == {path.stem for path in PLUGINS.glob("*.yaml")}
    assert examples() == list(PLACES)
    assert len({place for _, place in PLACES.values()}) == len(PLACES)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Project:
    """A copy of the project with every example in it, run once."""
    folder = tmp_path_factory.mktemp("planted")
    tones(folder / "tones")
    (folder / "project").mkdir()
    project, config = Project(folder / "project"), BASE
    for name in examples():
        config = merged(config, plant(project, name))
    project.configure(config)
    project.snakemake("report", "analyse")
    return project


def lines(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.workflow
def test_every_example_runs_end_to_end(planted):
    results = planted.folder / "results/planted"
    found = Page((results / "report.html").read_text(encoding="utf-8"))
    assert [row["n"] for row in lines(results / "summary.csv")][:2] == ["48", "48"]
    # The section, where the config puts it, and none that it does not name.
    sections = [value for tag, name, value in found.attributes if (tag, name) == ("section", "id")]
    assert sections == ["in_one_sentence", "results", "trust", "subsets", "analyses"]
    assert re.search(r"is right for [\d.]+ % \(UA\), and for [\d.]+ % of what s\d\d says", found.text())
    # Of the analysis a table, a picture that is no markup of the page, and links that lead somewhere.
    sources = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 1 and sources[0].startswith("data:image/svg+xml;base64,")
    links = [value for tag, name, value in found.attributes if (tag, name) == ("a", "href") and value[0] != "#"]
    assert "analyses/probe/mistakes/mistakes.mp4" in links and all((results / link).is_file() for link in links)
    assert "utterance label predicted" in found.text()
    assert len(lines(results / "analyses/probe/mistakes/mistakes.csv")) == 5


@pytest.mark.workflow
def test_a_view_and_its_encoder_make_features_of_the_recordings(planted):
    rows = lines(planted.folder / "data/manifest/tones/0.csv")
    contours = store.Ragged.open(planted.folder / "data/views/tones/loudness/0.npy", len(rows))
    moments = store.Ragged.open(planted.folder / "data/features/tones/loudness.moments/0.npy", len(rows))
    assert (contours.values.dtype, contours.lengths.tolist()) == (np.float32, [5] * 48)  # 0.5 s in steps of 0.1 s
    for row, contour, found in zip(rows, contours, moments, strict=True):
        sound, _ = soundfile.read(planted.folder.parent / "tones" / row["audio"])
        assert contour[:, 0] == pytest.approx(10 * np.log10(np.square(sound).reshape(5, -1).mean(1)), abs=1e-3)
        centred = contour - contour.mean()
        expected = [contour.mean(), np.square(centred).mean(), (centred**3).mean()]
        assert found.shape == (1, 3) and found[0] == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert read_json(planted.folder / "data/views/tones/loudness/0.json")["unit"] == "dB"
    told = read_json(planted.folder / "data/features/tones/loudness.moments/0.json")
    assert (told["holds"], told["encoding"], told["recipe"]["options"]) == ("moments", {"order": 3}, {"order": 3})


@pytest.mark.workflow
def test_copies_join_the_train_rows_unless_the_gate_of_the_example_refuses_them(planted):
    results, data = planted.folder / "results/planted", planted.folder / "data"
    old = store.Ragged.open(data / "views/tones/audio/0.npy")
    new = store.Ragged.open(data / "augmented/views/tones/louder/0.npy")
    scores = lines(results / "augmented/scores/tones/louder/0.csv")
    for row, before, after in zip(scores, old, new, strict=True):
        full = np.abs(after.astype(int)) >= 32767
        gains = after[~full & (np.abs(before) > 3000)] / before[~full & (np.abs(before) > 3000)]
        assert gains == pytest.approx(np.median(gains), rel=1e-3) and 6 <= 20 * np.log10(np.median(gains)) <= 12
        assert float(row["clipped"]) == pytest.approx(full.mean(), rel=1e-3)
        assert row["reason"] == ("it clips" if full.mean() > 0.02 else "")
    refused = {row["utterance"] for row in scores if row["reason"]}
    assert 0 < len(refused) < 48
    for fold in ("fold0", "fold1", "fold2"):
        table = lines(results / f"protocols/tones/{fold}.csv")
        train = {row["utterance"] for row in table if row["split"] == "train"}
        assert {row["parent"] for row in lines(results / f"augmented/children/tones/{fold}.louder.csv")} == (
            train - refused
        )
    plain, louder = (lines(results / f"evaluation/{run}/predictions.csv") for run in ("probe", "louder"))
    assert [row["high"] for row in plain] != [row["high"] for row in louder]


@pytest.mark.workflow
def test_a_split_tests_each_speaker_in_turn(planted):
    predicted = lines(planted.folder / "results/planted/evaluation/in_turn/predictions.csv")
    assert len(predicted) == 48
    turns = {"s00": "fold2", "s01": "fold0", "s02": "fold1", "s03": "fold2", "s04": "fold0", "s05": "fold1"}
    assert {row["speaker"]: row["fold"] for row in predicted} == turns
    first = lines(planted.folder / "results/planted/protocols/turns/fold0.csv")
    assert {row["speaker"] for row in first if row["split"] == "dev"} == {"s02", "s05"}


@pytest.mark.workflow
def test_a_metric_is_a_column_of_the_summary_and_of_the_report(planted):
    results = planted.folder / "results/planted"
    for row in lines(results / "summary.csv"):
        predicted = lines(results / f"evaluation/{row['run']}/predictions.csv")
        truth, guess = ([line[key] for line in predicted] for key in ("label", "predicted"))
        expected = reference.precision_score(truth, guess, average="macro", zero_division=0)
        assert float(row["macro_precision"]) == pytest.approx(expected, abs=1e-4)
        assert float(row["macro_precision_lo"]) <= expected <= float(row["macro_precision_hi"])
        assert "MF1" not in row
    assert "MP" in Page((results / "report.html").read_text(encoding="utf-8")).text()


@pytest.mark.workflow
def test_the_table_of_subsets_is_made_by_default_and_agrees_with_the_summary(planted):
    results = planted.folder / "results/planted"
    found = lines(results / "analyses/space/subsets/subsets.csv")
    assert [line["inputs"] for line in found] == ["audio.mfcc", "audio.low", "audio.mfcc audio.low"]
    assert len({line["UA"] for line in found}) > 1
    told = next(row for row in lines(results / "summary.csv") if row["run"] == "space")
    assert [found[-1][key] for key in ("n", "UA", "UA_lo", "UA_hi")] == [told[k] for k in ("n", "UA", "UA_lo", "UA_hi")]
    assert not (results / "analyses/probe/subsets").exists()


@pytest.mark.workflow
def test_an_analysis_is_fresh_until_its_code_changes(planted):
    assert planted.planned("report", "analyse") == {}
    target = planted.folder / "emospace" / PLACES["analysis"][1]
    code = target.read_text(encoding="utf-8")
    try:
        target.write_text(code.replace("* n + 1", "* n + 2"), encoding="utf-8")
        jobs = planted.planned("report", "analyse")
        assert {name for name in jobs if name not in ("report", "analyse")} == {"analyse_mistakes", "make_report"}
    finally:
        target.write_text(code, encoding="utf-8")


# Wrong variants of the examples -----------------------------------------------------------------------------------

KINDS = {"view": "views", "augmented_view": "views", "encoder": "encoders", "split": "splits", "metric": "metrics"}


def offered(monkeypatch, folder, example: str, old: str = "", new: str = ""):
    """The plug-in that an example is, with something changed."""
    place = PLACES[example][1]
    code = (PLUGINS / f"{example}.py").read_text(encoding="utf-8")
    assert old in code
    name = place.split("/")[1].removesuffix(".py")
    offer(monkeypatch, folder, KINDS[example], name, code.replace(old, new))
    return plugin.find(KINDS[example], name)


@pytest.mark.parametrize(
    ("example", "old", "new", "words"),
    [
        ("view", 'KIND = "contour"', "", "it has no KIND"),
        ("view", "def extract(rows, root, out", "def extract(rows, out", r"extract\(\) takes \(rows, out\), not"),
        ("augmented_view", "COLUMNS =", "COLS =", "it has no COLUMNS"),
        ("augmented_view", "def score(", "def judge(", r"it has no function score\(\)"),
        ("augmented_view", "(rows, parent, child, *", "(rows, child, *", r"score\(\) takes \(rows, child\), not"),
        ("encoder", 'VIEWS = ["contour"]', "", "it has no VIEWS"),
        ("encoder", "load(*, order", "load(order, *, more", r"load\(\) takes order, which nobody gives"),
        ("split", "def split(rows, folds", "def split(folds, rows", r"split\(\) takes \(folds, rows\), not"),
        ("split", "COVERS = True", 'COVERS = "all"', "COVERS is 'all'"),
        ("metric", 'TITLE = "MP"', "", "it has no TITLE"),
        ("metric", "def value(sums", "def value(table", r"value\(\) takes \(table\), not \(sums\)"),
    ],
)
def test_a_wrong_variant_is_refused_when_planned(monkeypatch, tmp_path, example, old, new, words):
    contract, place = PLACES[example]
    with pytest.raises(InputError, match=rf"emospace/{place}: {words}.*see {contract} in docs/contracts.md"):
        offered(monkeypatch, tmp_path, example, old, new)


def sounds(folder) -> list[manifest.Utterance]:
    """Two utterances with their recordings."""
    rows = [utterance(name, audio=f"{name}.wav", whole=True, start=0.0, end=0.5) for name in ("a_1", "b_1")]
    for row in rows:
        soundfile.write(folder / row.audio, 0.1 * np.sin(np.arange(8000) / 9), 16000)
    return rows


def job(monkeypatch, folder, example: str, old: str, new: str) -> None:
    """The job that makes a view, or copies of a view, by a changed example."""
    made = offered(monkeypatch, folder, example, old, new)
    manifest.write(folder / "m.csv", sounds(folder))
    store.write(folder / "parent.npy", [np.full(8000, 100, np.int16)] * 2, dtype=np.int16)
    names = {"manifest": "m.csv", "out": "0.npy", "quality": "0.quality.csv", "sidecar": "0.json"}
    given = {name: folder / file for name, file in names.items()} | {"source": folder / "parent.npy"}
    args = argparse.Namespace(**given, corpus_root=folder, digests=[], cache=None, threads=1, weights=[], read=[])
    about = {"plugin": made.__name__.split(".")[-1], "options": {}, "seed": 1, "step": "", "reader": "audio"}
    (augment_view if example == "augmented_view" else extract_view).job(args, about)


@pytest.mark.parametrize(
    ("example", "old", "new", "words"),
    [
        (
            "view",
            "for row in rows)",
            "for row in rows[1:])",
            r"loudness.py: loudness.extract\(\) wrote .* holds 1 rows, the manifest 2. .*see View in docs",
        ),
        ("view", '{"unit": "dB"}', '{"unit": {1}}', r"loudness.extract\(\) returned .* as docs/contracts.md says"),
        ("view", "1, keepdims=True", "1", r"loudness.extract\(\) wrote a row 0, 'a_1', that has shape"),
        (
            "augmented_view",
            "zip(sound, gains, strict=True)",
            "zip(sound, gains[1:])",
            r"louder.py: louder.augment\(\) wrote .* holds 1 rows, the manifest 2. .*see View in docs",
        ),
        ("augmented_view", "return [], {}", "return {}", r"louder.augment\(\) returned .* as docs/contracts.md says"),
    ],
)
def test_a_wrong_file_is_refused_by_the_job_and_is_not_kept(monkeypatch, tmp_path, example, old, new, words):
    with pytest.raises(InputError, match=words):
        job(monkeypatch, tmp_path, example, old, new)
    assert not list(tmp_path.glob("0*"))


def test_wrong_scores_features_sides_and_sums_are_refused_by_their_jobs(monkeypatch, tmp_path):
    rows = sounds(tmp_path)
    louder = offered(monkeypatch, tmp_path, "augmented_view", '"clipped": float', '"cut": float')
    parent = tmp_path / "parent.npy"
    store.write(parent, [np.full(80, 100, np.int16)] * 2, dtype=np.int16)
    with pytest.raises(InputError, match=r"louder.py: score\(\) gave 'a_1'.*'clipped'.*see AugmentedView"):
        score_view.lines(louder.score(rows, parent, parent), louder, rows)
    moments = offered(monkeypatch, tmp_path, "encoder", "[[mean, *", "[[np.nan, *")
    with pytest.raises(InputError, match=r"moments.py: of 'a_1' it returned values that are not finite"):
        list(features.encode([np.ones((5, 1))], ["a_1"], moments.load, "emospace/encoders/moments.py"))
    turns = offered(monkeypatch, tmp_path, "split", '"test", 1', '"tset", 1')
    about = {"sides": ("train", "dev", "test"), "leaky": False, "covers": True}
    with pytest.raises(InputError, match=r"alternating.py.*'a_1' of fold 0 on the side 'tset'"):
        assignment.checked(turns.split(rows, 3), rows, 3, file="alternating.py", **about)
    offered(monkeypatch, tmp_path, "metric", "precision.mean(-1)", "1 + precision.mean(-1)")
    with pytest.raises(InputError, match=r"macro_precision.py: value\(\).* outside .*see Metric in docs"):
        measures.value("macro_precision")(np.array([[5.0, 1, 1, 5]]))
