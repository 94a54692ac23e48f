"""docs/contracts.md matches the contracts, and its examples run end to end when added as a user would."""

import csv
import re

import numpy as np
import pytest
import sklearn.metrics as reference
import soundfile
from _declared import recording, rules_recorded, undeclared
from _planted import PLUGINS, examples, merged, plant, tones
from _planted_world import BASE
from _reports import Page
from conftest import Project

from docs.write_contracts import PAGE, PLACES, page
from emospace.core import store
from emospace.core.provenance import read_json


def test_the_page_is_made_from_the_contracts():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make format"


def test_every_example_has_lines_of_a_config_and_a_place_of_its_own():
    assert {path.stem for path in PLUGINS.glob("*.py")} == {path.stem for path in PLUGINS.glob("*.yaml")}
    assert examples() == list(PLACES)
    assert len({place for _, place in PLACES.values()}) == len(PLACES)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Project:
    """A copy of the project with every example installed, and an analysis of several runs, run once."""
    folder = tmp_path_factory.mktemp("planted")
    tones(folder / "tones")
    (folder / "project").mkdir()
    project, config = Project(folder / "project"), BASE
    for name in examples():
        config = merged(config, plant(project, name))
    project.configure(
        merged(config, {"analyses": {"price": {"runs": ["probe", "in_turn"], "systems": {"in_turn": "probe"}}}})
    )
    project.snakemake("report", "analyse", **recording(project))
    return project


def lines(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.workflow
def test_every_example_runs_end_to_end(planted):
    results = planted.folder / "results/planted"
    found = Page((results / "report.html").read_text(encoding="utf-8"))
    assert [row["n"] for row in lines(results / "summary.csv")][:2] == ["48", "48"]
    # The section appears where the config puts it, and no section appears that the config does not name.
    sections = [value for tag, name, value in found.attributes if (tag, name) == ("section", "id")]
    assert sections == ["in_one_sentence", "results", "trust", "subsets", "analyses"]
    assert re.search(r"is right for [\d.]+ % \(UA\), and for [\d.]+ % of what s\d\d says", found.text())
    # The analysis shows a table, a picture embedded as a data URI, and links that resolve.
    sources = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 2 and all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    links = [value for tag, name, value in found.attributes if (tag, name) == ("a", "href") and value[0] != "#"]
    assert "analyses/probe/mistakes/mistakes.mp4" in links and all((results / link).is_file() for link in links)
    assert "utterance label predicted" in found.text()
    assert len(lines(results / "analyses/probe/mistakes/mistakes.csv")) == 5


@pytest.mark.workflow
def test_every_file_that_a_job_of_an_example_opens_is_declared(planted):
    """Unlike the demo, the examples include second-stage models."""
    assert "apply_train" in rules_recorded(planted)
    assert undeclared(planted) == {}


@pytest.mark.workflow
def test_a_view_and_its_encoder_make_features_of_the_recordings(planted):
    rows = lines(planted.folder / "data/manifest/tones/0.csv")
    contours = store.Ragged.open(planted.folder / "data/views/tones/loudness/0.npy", len(rows))
    moments = store.Ragged.open(planted.folder / "data/features/tones/loudness.moments/0.npy", len(rows))
    assert (contours.values.dtype, contours.lengths.tolist()) == (np.float32, [5] * 48)  # 0.5 s in 0.1 s steps
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
def test_one_job_analyses_several_runs_of_different_protocols(planted):
    results = planted.folder / "results/planted"
    table = lines(results / "analyses/_joint/price/price.csv")
    summary = {row["run"]: row for row in lines(results / "summary.csv")}
    assert [line["run"] for line in table] == ["probe", "in_turn"]
    for line in table:
        assert float(line["value"]) == pytest.approx(float(summary[line["run"]]["UA"]), abs=1e-4)
    assert table[1]["n_shared"] == "48" and table[0]["difference"] == ""
    assert "Several runs" in Page((results / "report.html").read_text(encoding="utf-8")).text()


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
