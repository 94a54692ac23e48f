"""The section of scores from corpus to corpus.

Covers: report/sections/transfer.
"""

from types import SimpleNamespace

import pytest
from _reports import Page

from emospace.core import plugin
from emospace.report.page import render
from emospace.report.sections import transfer


def run(name: str, corpus: str, value: float, inputs=("audio.mfcc",), classes=("anger", "neutral")) -> dict:
    """A run with its meta, its row of the summary and its recipe."""
    row = {"run": name, "UA": value, "UA_lo": value - 0.1, "UA_hi": value + 0.1, "UA_gain": None, "UA_gain_lo": None}
    row |= {"n": 40, "leaky": "", "random_weights": "", "training_noise_not_included": "", "in_sample": ""}
    meta = {"run": name, "model": "linear_probe", "corpus": corpus, "n": 40, "classes": list(classes)}
    return {"row": row, "meta": meta, "recipe": {"options": {}, "inputs": list(inputs)}}


def results(*runs: dict) -> SimpleNamespace:
    return SimpleNamespace(
        manifests={"a": {}},
        summary=[one["row"] for one in runs],
        metrics={one["meta"]["run"]: {"meta": one["meta"]} for one in runs},
        records={one["meta"]["run"]: {"fold0-1": {"recipe": one["recipe"]}} for one in runs},
    )


RUNS = [run("both", "a + b -> c", 0.4), run("in_a", "a", 0.9), run("ab", "a -> b", 0.6), run("in_b", "b", 0.8)]


def test_runs_are_placed_by_the_corpora_they_train_and_test_on():
    (matrix,) = transfer.gather(results(*RUNS))["matrices"]
    assert [line["trained"] for line in matrix["lines"]] == ["a", "b", "a + b"] and matrix["tested"] == ["a", "b", "c"]
    values = [[[score["value"] for score in cell] for cell in line["cells"]] for line in matrix["lines"]]
    assert values == [[[0.9], [0.6], []], [[], [0.8], []], [[], [], [0.4]]]
    (split,), (cross,), _ = matrix["lines"][0]["cells"]
    assert split["split"] and not cross["split"] and (cross["lo"], cross["hi"]) == (0.5, 0.7)
    assert matrix["classes"] == ("anger", "neutral") and matrix["chance"] == 0.5


@pytest.mark.parametrize(
    "other", [run("x", "a -> b", 0.1, inputs=["text.sbert"]), run("x", "a -> b", 0.1, classes=["anger", "joy"])]
)
def test_runs_with_other_inputs_or_classes_have_their_own_matrix(other):
    first, second = transfer.gather(results(*RUNS, other))["matrices"]
    assert len(first["lines"]) == 3 and [line["trained"] for line in second["lines"]] == ["a"]


def test_without_a_protocol_across_corpora_there_is_no_section():
    assert transfer.gather(results(RUNS[1], RUNS[3], run("joint", "a + b", 0.5))) is None
    assert plugin.find("sections", "transfer") is transfer


def test_the_page_shows_scores_intervals_classes_and_marks():
    leaky = run("leak", "c -> a", 0.3)
    leaky["row"]["leaky"] = True
    page = Page(render(results(*RUNS, leaky), ["transfer"])).text()
    for words in (
        "linear_probe: audio.mfcc",
        "anger, neutral",
        "60.0 50.0 to 70.0; n 40",
        "30.0* 20.0 to 40.0",
        "50.0 at",
    ):
        assert words in page


def test_a_model_without_test_rows_is_not_shown():
    untested = run("final", "a", 0.0)
    untested["meta"]["n"] = 0
    assert transfer.gather(results(untested)) is None
    assert transfer.gather(results(untested, RUNS[2]))["matrices"][0]["tested"] == ["b"]
