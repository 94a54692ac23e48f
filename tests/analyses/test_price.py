"""The price of a protocol: stored predictions of several runs, compared on the rows that both test.

Covers: report/sections/price, analyses/_options.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from _reports import EVIL, Page
from _results import LABELS, corpus, protocol, rows, run
from conftest import shipped

from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.evaluation.metrics._confusion import confusion_matrix
from emospace.evaluation.predictions import select_predictions, select_truth
from emospace.evaluation.trained_run import Run, RunFiles
from emospace.plan.paths import Paths
from emospace.plan.plan import Plan
from emospace.report import page
from emospace.report.results import Files, Results
from workflow_scripts import analyse

RUNS = {"b_clean": "session", "a_clean": "session", "a_published": "random"}
TITLES = {"a_clean": f"clean{EVIL}", "a_published": "as published", "b_clean": f"clean{EVIL}"}
SYSTEMS = {"a_clean": f"A{EVIL}", "a_published": f"A{EVIL}", "b_clean": "B"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two systems on folds of sessions; the first also on a random split, where it is better."""
    folder = tmp_path_factory.mktemp("tree")
    corpus(folder, rows(sessions=5))
    protocol(folder, folds=5)
    protocol(folder, "random", leaky=True, folds=3)
    for name, on in RUNS.items():
        run(folder, name, protocol=on, right=0.9 if name == "a_published" else 0.5, seeds=(1, 2))
    return folder


def recipe(**options) -> dict:
    about = {"model": "linear_probe", "inputs": [], "labels": {"toy": LABELS}, "rows": {}, "corpora": {"toy": "toy"}}
    leaky = {"session": {"leaky": False, "leaks": []}, "random": {"leaky": True, "leaks": ["protocol"]}}
    runs = [{"run": name} | about | {"protocol": on} | leaky[on] for name, on in RUNS.items()]
    titles = {"columns": TITLES, "systems": SYSTEMS} | options
    return {"analysis": "price", "plugin": "price", "outputs": ["price.csv", "price.svg"], "runs": runs, "seed": 3} | {
        "options": titles
    }


def make(tree, out, **options) -> dict:
    base = tree / "data/protocols/toy"
    args = {"manifest": [tree / "data/manifest/toy.csv"], "manifest_sidecar": [tree / "data/manifest/toy.json"]}
    args |= {"protocol": sorted(base.glob("*.json")), "folds": sorted(base.glob("*/*.csv"))}
    args |= {"run_dirs": sorted(tree.glob("results/runs/toy/*/*")), "input_sidecars": [], "parents": [], "input": []}
    analyse.job(SimpleNamespace(**args, out=out, threads=1, weights=[], manifests=[]), recipe(**options))
    return read_json(out / "analysis.json")


def loaded(tree, name: str) -> Run:
    base, about = tree / "data/protocols/toy", next(one for one in recipe()["runs"] if one["run"] == name)
    tables = sorted((base / about["protocol"]).glob("*.csv"))
    sidecar, folders = base / f"{about['protocol']}.json", sorted((tree / f"results/runs/toy/{name}").iterdir())
    files = RunFiles(folders, tables, sidecar, [tree / "data/manifest/toy.csv"], {}, {})
    return Run(about | {"seed": 3}, files)


def mean_recall(truth: np.ndarray, predicted: np.ndarray) -> float:
    counts = confusion_matrix(truth, predicted, 3)
    return float((np.diagonal(counts) / counts.sum(1)).mean())


def test_a_joint_analysis_reads_each_run_from_its_own_files_and_scores_it_as_the_summary_does(tree, tmp_path):
    sidecar = make(tree, tmp_path)
    lines = {line["run"]: line for line in sidecar["facts"]["lines"]}
    assert list(lines) == list(RUNS)
    for name, line in lines.items():
        one = loaded(tree, name)
        expected = one.measured(one.predictions.probabilities)
        assert [line[key] for key in ("value", "lo", "hi")] == [expected[key] for key in ("value", "lo", "hi")]
        assert (line["system"], line["column"], line["seeds"]) == (SYSTEMS[name], TITLES[name], 2)
    assert lines["a_published"]["leaks"] == ["protocol"] and not lines["a_clean"]["leaks"]
    names = {name.rpartition("/")[2] for name in sidecar["inputs"]}
    assert {"session.json", "random.json", "fold4.csv", "run.json"} <= names
    table = records.read(tmp_path / "price.csv")
    assert table[2]["leaks"] == "protocol" and float(table[2]["value"]) == pytest.approx(
        lines["a_published"]["value"], abs=1e-4
    )
    assert (tmp_path / "price.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_differences_are_paired_on_the_rows_that_both_protocols_test(tree, tmp_path):
    lines = {line["run"]: line for line in make(tree, tmp_path)["facts"]["lines"]}
    published, clean = loaded(tree, "a_published"), loaded(tree, "a_clean")
    place = {row.utterance: i for i, row in enumerate(clean.truth.rows)}
    both = [i for i, row in enumerate(published.truth.rows) if row.utterance in place]
    theirs = [place[published.truth.rows[i].utterance] for i in both]
    label = published.truth.label[both]
    per_seed = [
        mean_recall(label, one[both].argmax(1)) - mean_recall(label, other[theirs].argmax(1))
        for one, other in zip(published.predictions.probabilities, clean.predictions.probabilities, strict=True)
    ]
    line = lines["a_published"]
    assert line["n_shared"] == len(both) and line["difference"] == pytest.approx(np.mean(per_seed))
    assert line["difference_lo"] < line["difference"] < line["difference_hi"]
    for name in ("a_clean", "b_clean"):
        assert lines[name]["difference"] is None and lines[name]["n_shared"] is None


def test_only_rows_that_both_test_are_compared(tree):
    one, other, kept = loaded(tree, "a_published"), loaded(tree, "a_clean"), np.arange(25, 55)
    whole = one.predictions.probabilities
    one.__dict__["truth"] = select_truth(one.truth, kept)
    one.__dict__["predictions"] = select_predictions(one.predictions, kept)
    result, label = one.compared(other), one.truth.label
    theirs = other.predictions.probabilities[:, kept]  # both protocols test every row, in the order of the manifest
    means = [np.mean([mean_recall(label, p.argmax(1)) for p in side]) for side in (whole[:, kept], theirs)]
    assert result["n"] == 30 and result["difference"] == pytest.approx(means[0] - means[1])


def test_without_rows_in_common_there_is_no_difference(tree):
    one, other = loaded(tree, "a_published"), loaded(tree, "a_clean")
    other.truth.rows.clear()
    assert one.compared(other) == {"difference": None, "lo": None, "hi": None, "n": 0}


def test_an_unknown_metric_is_refused_when_planning():
    with pytest.raises(InputError, match="there is no metric 'MF2'"):
        plugin.check_options("analyses", "price", "analyse", {"metric": "MF2"}, "analyses: price")


def test_the_section_shows_a_line_per_system_and_escapes_it(tree, tmp_path):
    home = tmp_path / "results"
    sidecar = home / "analyses/_joint/price/analysis.json"
    make(tree, sidecar.parent)
    results = Results(Files(*[home] * 9, [sidecar]), {}, home)
    parsed = Page(str(page.section("price", results, page.environment(["price"]))["body"]))
    text = parsed.text()
    assert "script" not in parsed.tags and f"A{EVIL}" in text and f"clean{EVIL}" in text and "*" in text
    published = next(line for line in results.analyses[0].facts["lines"] if line["run"] == "a_published")
    assert f"{100 * published['difference']:+.1f}" in text and f"on {published['n_shared']} rows" in text
    links = [value for tag, name, value in parsed.attributes if (tag, name) == ("a", "href")]
    assert links == ["analyses/_joint/price/price.csv"]
    assert (
        page.section(
            "analyses",
            Results(Files(*[home] * 9, [sidecar]), {"sections": ["price"]}, home),
            page.environment(["analyses"]),
        )
        is None
    )


def test_one_job_makes_the_price_of_all_its_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = shipped("config.yaml")
    config["protocols"]["session"]["title"] = "clean"
    config["runs"]["both"] = {"model": "linear_probe", "protocol": ["session", "random"], "inputs": ["audio.mfcc"]}
    config["analyses"] = {"price": {"runs": ["both", "probe_text"]}, "subsets": {"runs": []}}
    plan = Plan(config)
    spec = plan.config["analyses"]["price"]
    assert spec["runs"] == ["both_session", "both_random", "probe_text"]
    assert spec["columns"] == {"both_session": "clean", "both_random": "random", "probe_text": "clean"}
    assert spec["systems"] == {"both_session": "both", "both_random": "both", "probe_text": "probe_text"}
    paths = Paths(plan)
    folder = "results/demo/analyses/_joint/price"
    assert paths.analysis_files("analysis.json", plug_in="price") == [f"{folder}/analysis.json"]
    assert set(paths.analysis_files()) == {f"{folder}/price.csv", f"{folder}/price.svg"}
    assert paths.over_runs(paths.protocol, spec["runs"]) == [
        paths.protocol.format(protocol=p) for p in ("session", "random")
    ]
    known = read_json(plan.recipes["analyse", "price"])["runs"]
    assert [one["run"] for one in known] == spec["runs"] and [one["leaky"] for one in known] == [False, True, False]
    assert known[1]["leaks"] == ["protocol"]
    config["analyses"] = {"subsets": {"runs": []}}
    with pytest.raises(InputError, match="there is no analysis 'price'"):
        Paths(Plan(config)).analysis_files(plug_in="price")


def test_the_difference_of_two_sets_of_predictions_is_that_of_the_runs_that_stored_them(tree):
    one, other = loaded(tree, "a_clean"), loaded(tree, "b_clean")
    expected = one.compared(other)
    found = one.difference(one.predictions.probabilities, other.predictions.probabilities)
    assert found == {key: expected[key] for key in ("difference", "lo", "hi")} and found["lo"] < found["hi"]
    wrong = np.roll(one.predictions.probabilities, 1, axis=-1)
    loss = one.measured(wrong)["value"] - one.measured(one.predictions.probabilities)["value"]
    assert one.difference(wrong, one.predictions.probabilities)["difference"] == pytest.approx(loss) != 0
    assert one.difference(one.predictions.probabilities, wrong)["difference"] == pytest.approx(-loss)
    one.truth = SimpleNamespace(rows=[])
    assert set(one.difference(*[np.empty((2, 0, 3))] * 2).values()) == {None}
