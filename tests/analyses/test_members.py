"""Scores of the members of a run beside published ones: the analysis, and its section of the report.

Covers: report/sections/members.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from _reports import EVIL, Page
from _worlds import CLASSES, world
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from emospace.analyses import members
from emospace.core import plugin, records
from emospace.core.data import Output, Rows
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.core.store import Ragged
from emospace.evaluation import trained_run
from emospace.evaluation.predictions import Predictions
from emospace.evaluation.trained_run import Training
from emospace.report import page
from emospace.report.results import Files, Results
from emospace.runs.run_files import write_outputs


def stored_run(folder, names=("rf", "lr")):
    """A run of one fold and seed: `lr` predicts as the run does, `rf` the first class. Every other row is a copy."""
    truth, predictions, _ = world(6, rows=10, seeds=1)
    size = len(truth.rows)
    unknown, vad = np.full(size, -1), np.full((size, 3), np.nan)
    rows = Rows([row.utterance for row in truth.rows], [row.speaker for row in truth.rows], {}, unknown, unknown, vad)
    values = {"lr": predictions.probabilities[0], "rf": np.eye(3)[np.zeros(size, int)]}
    steps = np.arange(size + 1)
    extras = {name: Ragged(values[name].astype(np.float32), steps) for name in names}
    rows = Rows(**{**vars(rows), "inputs": {"a": Ragged(np.zeros((size, 1), np.float32), steps)}})
    write_outputs(folder, CLASSES, {"test": (rows, Output(values["lr"].astype(np.float32), extras=extras))})
    importance = {"rf": {"b": 0.2, f"a{EVIL}": 0.8}}
    write_json(folder / "run.json", {"facts": {"members": list(names), "importance": importance} if names else {}})
    trainings = [Training("fold0", 0, folder, {})]
    known = SimpleNamespace(train=SimpleNamespace(utterances=[row.utterance for row in truth.rows[::2]]))
    run = {"name": "mine", "model": "family", "classes": CLASSES, "seeds": [0], "trainings": trainings, "truth": truth}
    run |= {"predictions": predictions, "rows": lambda training: known}
    run["measured"] = lambda p, metric: trained_run.metric_cell(truth, Predictions([0], p), metric, 3)
    return SimpleNamespace(**run)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_scores_are_those_of_scikit_learn_and_copies_are_scored_apart(tmp_path, average):
    run, options = stored_run(tmp_path), {"columns": {"mine": "clean"}, "published": {"rf": (56.0, 55.9)}}
    facts = members.analyse(run, tmp_path, seed=1, table="T", average=average, **options)
    assert [line["member"] for line in facts["members"]] == ["rf", "lr", "chosen"]
    label, guess = run.truth.label, run.predictions.probabilities[0].argmax(1)
    assert facts["column"] == "clean" and facts["published"] == {"rf": [56.0, 55.9]} and facts["n"] == 60
    for line, predicted in zip(facts["members"], (np.zeros(60, int), guess, guess), strict=True):
        options = {"average": average, "zero_division": 0}
        macro = [score(label, predicted, **options) for score in (f1_score, precision_score, recall_score)]
        expected = [accuracy_score(label, predicted), *macro]
        assert [line[name] for name in members.SCORES] == pytest.approx(expected)
        assert line["lo"] <= line["accuracy"] <= line["hi"]
        right = predicted == label
        assert line["copied"] == pytest.approx(right[::2].mean()) and line["alone"] == pytest.approx(right[1::2].mean())
        assert (line["n_copied"], line["n_alone"]) == (30, 30)
        recalls = recall_score(label, predicted, average=None)
        assert [line[f"recall_{name}"] for name in CLASSES] == pytest.approx(list(recalls))
    counts = records.read(tmp_path / "confusion.csv")
    assert len(counts) == 27 and sum(int(line["n"]) for line in counts if line["member"] == "lr") == 60
    assert [line["feature"] for line in records.read(tmp_path / "importance.csv")] == [f"a{EVIL}", "b"]


def test_a_run_without_members_is_one_by_the_name_of_its_model(tmp_path):
    facts = members.analyse(stored_run(tmp_path, ()), tmp_path, seed=1, table="T", member="MM-B")
    assert [line["member"] for line in facts["members"]] == ["MM-B"]
    facts = members.analyse(stored_run(tmp_path, ()), tmp_path, seed=1, table="T")
    assert [line["member"] for line in facts["members"]] == ["family"] and facts["column"] == "mine"


def test_a_class_that_is_neither_there_nor_predicted_does_not_count_and_no_rows_give_no_score():
    scores = members.averages(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 5)
    assert scores == pytest.approx([0.75, (2 / 3 + 0.8) / 2, (1 + 2 / 3) / 2, 0.75])
    assert np.isnan(members.averages(np.zeros(0, int), np.zeros(0, int), 5)).all()


def test_published_figures_are_checked_when_planning():
    options = {"table": "T", "published": {"rf": [1.0, 2.0, 3.0, 4.0, 5.0]}}
    with pytest.raises(InputError, match="it has 5 figures"):
        plugin.check_options("analyses", "members", "analyse", options, "analyses: x")


def test_the_section_shows_published_and_measured_scores_side_by_side(tmp_path):
    home, sidecars, metrics, runs = tmp_path / "results", [], {}, {}
    for column, value in {"as published": 0.7, f"clean{EVIL}": 0.5}.items():
        run = column[:5].strip()
        line = {"member": "rf"} | dict.fromkeys(members.SCORES, value) | {"lo": 0.4, "hi": 0.8}
        line |= {"copied": value and 1.0, "n_copied": 4 if value > 0.6 else 0, "alone": 0.55, "n_alone": 6}
        facts = {
            "table": f"Audio{EVIL}",
            "column": column,
            "average": "macro",
            "published": {"rf": [56.0, None, 55.5]},
            "others": {"notebook": {"rf": [54.0]}},
            "n": 10,
            "members": [line, *([line | {"member": "in one column"}] if value > 0.6 else [])],
        }
        sidecar = home / f"analyses/{run}/m/analysis.json"
        recipe = {"analysis": "m", "plugin": "members", "run": run, "outputs": list(members.OUTPUTS)}
        write_json(sidecar, {"recipe": recipe, "facts": facts})
        sidecars.append(sidecar)
        metrics[run] = {"meta": {"leaks": ["protocol"] if value > 0.6 else []}}
        runs[run] = {"model": "light_weight", "protocol": "p", "trees": 60}
    results = Results(Files(*[home] * 9, sidecars), {"config": {"runs": runs}}, home)
    results.metrics = metrics
    parsed = Page(str(page.section("members", results, page.environment(["members"]))["body"]))
    text = parsed.text()
    assert (
        "script" not in parsed.tags and "as published*" in text and "in one column" in text and f"clean{EVIL}" in text
    )
    assert "56.0 / – / 55.5 notebook: 54.0" in text
    assert "70.0 / 70.0 / 70.0 / 70.0 100.0 on copies, 55.0 on others" in text
    assert "50.0 / 50.0 / 50.0 / 50.0" in text and text.count("on others") == 2
    assert "trees 60" in text and "leaks: protocol" in text and "model light_weight" not in text
