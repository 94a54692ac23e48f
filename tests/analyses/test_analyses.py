"""Analyses: planned by what they suit, made whole or not at all, shown in the report; and those that are shipped."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _planted import offer
from _reports import EVIL, Page
from _results import LABELS, corpus, protocol, rows, run
from _worlds import CLASSES, world
from conftest import ROOT, shipped

from emospace.analyses import reliability, subsets
from emospace.core.data import Output, Rows
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.core.store import Ragged
from emospace.evaluation import trained_run
from emospace.evaluation.predictions import Predictions
from emospace.evaluation.result import evaluate
from emospace.evaluation.trained_run import Training
from emospace.plan.plan import Plan
from emospace.plan.run_products import analyses
from emospace.report import page
from emospace.report.results import Files, Results
from workflow_scripts import analyse

FILE = "emospace/analyses/planted.py"
SEE = "see Analysis in docs/contracts.md"
GOOD = """OUTPUTS = ["table.csv"]


def analyse(run, out, *, seed: int, size: int = 3):
    (out / "table.csv").write_text(f"n,classes\\n{len(run.truth.rows)},{len(run.classes)}\\n")
    return {"seed": seed, "right": float((run.predictions.probabilities.argmax(-1) == run.truth.label).mean())}
"""


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Offer an analysis of this code under the name `planted`."""
    (tmp_path / "plugins").mkdir()
    return lambda code: offer(monkeypatch, tmp_path / "plugins", "analyses", "planted", code)


def asked(**blocks) -> dict[str, dict]:
    """The analyses of config.yaml with these in its block `analyses`."""
    config = shipped("config.yaml")
    return analyses(Plan(config | {"analyses": blocks}, recipes={("none", "none"): ROOT}))


# Planning ----------------------------------------------------------------------------------------------------------


def test_subsets_are_planned_for_every_run_that_copes_with_missing_inputs_and_has_several():
    assert asked() == {"subsets": {"analysis": "subsets", "runs": ["late_fusion", "unified"]}}
    assert asked(subsets={"runs": []})["subsets"]["runs"] == []
    assert asked(mine={"analysis": "subsets", "runs": ["unified"], "most": 2}).keys() == {"mine"}


def test_an_analysis_is_made_of_the_runs_that_the_config_names_or_of_all_that_it_suits(planted):
    planted(GOOD)
    assert "planted" not in asked()
    assert asked(planted={"runs": ["probe"], "size": 4})["planted"]["runs"] == ["probe"]
    assert len(asked(planted={})["planted"]["runs"]) == 9
    planted(f"{GOOD}\n\ndef suits(model, inputs):\n    return len(inputs) > 3\n\n\nDEFAULT = True\n")
    assert asked()["planted"]["runs"] == []


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"plantad": {}}, "there is no 'plantad' among the analyses. did you mean 'planted'?"),
        ({"planted": {"runs": ["prob"]}}, "config: analyses: planted: there is no run 'prob'. did you mean 'probe'?"),
        ({"planted": {"sise": 4}}, "got an unexpected option 'sise'. did you mean 'size'?"),
        ({"planted": {"size": "big"}}, "config: analyses: planted: size: it is 'big'. it must be a valid integer"),
        ({"subsets": {"runs": ["probe"]}}, "'subsets' does not suit the run 'probe'. it suits late_fusion, unified"),
    ],
)
def test_what_leads_nowhere_is_refused_when_planned(planted, block, words):
    planted(GOOD)
    with pytest.raises(InputError, match=words):
        asked(**block)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('OUTPUTS = ["table.csv"]', "", "it has no OUTPUTS"),
        ('["table.csv"]', '["../table.csv"]', "must be different names of files, not '../table.csv'"),
        ('["table.csv"]', '["a.csv", "a.csv"]', "must be different names of files"),
        ('["table.csv"]', '["analysis.json"]', "must be different names of files, not 'analysis.json'"),
        ('["table.csv"]', "[]", "must be different names of files"),
        ('["table.csv"]', '"table.csv"', "OUTPUTS is 'table.csv'"),
        ("(run, out, *", "(run, folder, *", r"analyse.. takes .run, folder., not .run, out."),
        ("OUTPUTS =", "ENVIRONMENT = 'mine'\nOUTPUTS =", "ENVIRONMENT is 'mine'. it must be 'media', 'encode'"),
        ("OUTPUTS =", "def suits(model, inputs):\n    return 1 / 0\n\n\nOUTPUTS =", "suits.. raised ZeroDivisionError"),
    ],
)
def test_what_breaks_the_contract_is_refused_when_planned(planted, old, new, words):
    planted(GOOD.replace(old, new))
    with pytest.raises(InputError, match=f"{FILE}: .*{words}.*see Analysis in docs/contracts.md"):
        asked(planted={})


def test_every_run_has_a_recipe_of_its_own_that_counts_the_code_of_its_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(shipped("config.yaml"))
    found = {key: read_json(path) for (rule, key), path in plan.recipes.items() if rule == "analyse"}
    assert found.keys() == {"subsets.late_fusion", "subsets.unified"}
    code = found["subsets.late_fusion"]["code"]
    assert {"emospace/analyses/subsets.py", "emospace/models/late_fusion.py", "emospace/models/linear_probe.py"} <= {
        *code
    }
    shown = read_json(plan.recipes["make_report", "all"])["config"]
    assert shown["analyses"] == plan.config["analyses"]


# The job -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A run with two seeds, as training left it."""
    folder = tmp_path_factory.mktemp("tree")
    corpus(folder, rows())
    protocol(folder)
    run(folder, "probe", seeds=(1, 2))
    return folder


RECIPE = {"analysis": "mine", "plugin": "planted", "outputs": ["table.csv"], "run": "probe", "model": "linear_probe"}
RECIPE |= {"inputs": [], "labels": {"toy": LABELS}, "rows": {}, "leaky": False, "seed": 7, "options": {"size": 5}}


def make(tree, out, weights=(), **changed) -> None:
    base = tree / "data/protocols/toy"
    args = {"manifest": [tree / "data/manifest/toy.csv"], "manifest_sidecar": [tree / "data/manifest/toy.json"]}
    args |= {"protocol": base / "session.json", "folds": sorted((base / "session").glob("*.csv")), "input": []}
    args |= {"run_dirs": sorted(tree.glob("results/runs/toy/probe/*")), "input_sidecars": [], "parents": []}
    args |= {"manifests": []}
    analyse.job(SimpleNamespace(**args, out=out, threads=1, weights=[*weights]), RECIPE | changed)


def test_a_job_writes_what_is_declared_and_a_sidecar(tree, tmp_path, planted):
    planted(GOOD)
    make(tree, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"table.csv", "analysis.json"}
    assert (tmp_path / "out/table.csv").read_text() == "n,classes\n36,3\n"
    sidecar = read_json(tmp_path / "out/analysis.json")
    assert sidecar["facts"]["seed"] == 7 and 0.3 < sidecar["facts"]["right"] < 1
    assert len([name for name in sidecar["inputs"] if name.endswith("run.json")]) == 6
    assert sidecar["outputs"].keys() == {"table.csv"} and sidecar["recipe"]["run"] == "probe"


def test_a_job_gives_the_weights_of_the_run_and_records_them(tree, tmp_path, monkeypatch, planted):
    """An artifact that does not tell all it was made from is never taken over by `make adopt`."""
    monkeypatch.chdir(tmp_path)
    about = {"name": "tiny", "kind": "random", "source": "", "revision": "", "files": {}, "random": True, "why": ""}
    write_json(record := tmp_path / "weights/tiny/weights.json", about)
    planted(GOOD.replace('"seed": seed', '"weights": run.weights.name'))
    make(tree, tmp_path / "out", weights=[record])
    sidecar = read_json(tmp_path / "out/analysis.json")
    assert sidecar["facts"]["weights"] == "tiny" and str(record) in sidecar["inputs"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('out / "table.csv"', 'out / "other.csv"', "did not write 'table.csv', which OUTPUTS names"),
        (
            "    return",
            '    (out / "more.csv").write_text("a\\n")\n    return',
            "wrote 'more.csv', which OUTPUTS does not",
        ),
        ("    return {", "    return 3 or {", "returned a int, not a dict of facts"),
        ('"seed": seed', '"seed": {1}', "the facts that analyse.. returned are no JSON"),
        ('"seed": seed', '"seed": float("nan")', "the facts that analyse.. returned are no JSON"),
        ("    return", "    1 / 0\n    return", "analyse.. raised ZeroDivisionError"),
        ('f"n,classes', '"" and f"n,classes', "its table.csv is no table: it has no header"),
    ],
)
def test_a_job_refuses_what_breaks_the_contract_and_leaves_nothing(tree, tmp_path, planted, old, new, words):
    planted(
        GOOD.replace(f'(out / "{old}")', f'(out / "{new}")')
        if "csv" in new and old == "table.csv"
        else GOOD.replace(old, new)
    )
    with pytest.raises(InputError, match=f"{FILE}: .*{words}.*{SEE}"):
        make(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# In the report -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(tmp_path):
    """The section `analyses` of a page, of one analysis with these files."""

    def show(facts=None, **files: bytes) -> str:
        home = tmp_path / "results/mine"
        names = [name.replace("_", ".") for name in files]
        recipe = {"analysis": f"a{EVIL}", "plugin": "a", "run": "probe", "outputs": names}
        write_json(home / "analyses/probe/a/analysis.json", {"recipe": recipe, "facts": facts or {}})
        for name, content in zip(names, files.values(), strict=True):
            (home / "analyses/probe/a" / name).write_bytes(content)
        nothing = [home] * 9
        results = Results(Files(*nothing, [home / "analyses/probe/a/analysis.json"]), {}, home)
        return str(page.section("analyses", results, page.environment(["analyses"]))["body"])

    return show


def test_pictures_and_tables_are_shown_and_nothing_of_them_is_markup(shown):
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{EVIL}</svg>'.encode()
    text = shown({f"f{EVIL}": EVIL}, a_csv=f'name,n\n"{EVIL.replace(chr(34), chr(34) * 2)}",3\n'.encode(), b_svg=svg)
    found = Page(text)
    assert "script" not in found.tags and "svg" not in found.tags and found.text().count(EVIL) == 4
    (picture,) = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    assert picture.startswith("data:image/svg+xml;base64,")
    assert found.tags.count("th") == 2 and ("td", "class", "number") in found.attributes


def test_what_the_page_cannot_show_or_is_too_large_is_linked(shown):
    found = Page(shown(c_mp4=b"film", d_png=b"\x89PNG" + bytes(2_000_001)))
    links = [value for tag, name, value in found.attributes if name == "href"]
    assert links == ["analyses/probe/a/c.mp4", "analyses/probe/a/d.png"] and "img" not in found.tags


def test_long_tables_are_cut_and_broken_ones_are_survived(shown):
    found = Page(shown(e_csv=b"a,b\n" + b"1,2\n" * 100, f_csv=b"a,b\n1,2,3\n4\n\xff,5\n", g_csv=b""))
    assert "First 70 of 100 lines." in found.text() and found.tags.count("tr") == 71 + 4 + 1


def test_subsets_have_a_section_of_their_own(tmp_path, shown):
    table = b"inputs,n,present,UA,UA_lo,UA_hi\na,60,40,0.5,0.4,0.6\na b,60,60,0.75,,\n"
    home = tmp_path / "results/mine"
    shown({"unlike stored": 2, "every subset": True}, subsets_csv=table)
    sidecar = home / "analyses/probe/a/analysis.json"
    write_json(sidecar, read_json(sidecar) | {"recipe": read_json(sidecar)["recipe"] | {"plugin": "subsets"}})
    results = Results(Files(*[home] * 9, [sidecar]), {"sections": ["subsets", "analyses"]}, home)
    meta = {"run": "probe", "classes": CLASSES, "n": 60, "intervals": "jackknife over 6 sessions"}
    results.metrics = {"probe": {"meta": meta}}
    text = Page(str(page.section("subsets", results, page.environment(["subsets"]))["body"])).text()
    assert "33.3 for guessing" in text and "a UA 50.0 40.0 to 60.0; 20 utterances have none of them" in text
    assert "a + b UA 75.0" in text and "For 2 utterances" in text and "subsets.csv" in text
    assert page.section("analyses", results, page.environment(["analyses"])) is None


# Shipped -----------------------------------------------------------------------------------------------------------


def ragged(lengths: list[int]) -> Ragged:
    return Ragged(np.zeros((sum(lengths), 2), np.float32), np.cumsum([0, *lengths]))


def faked(names: list[str]):
    """A run of one fold and two seeds. What it says hangs on what it may see; every third row lacks the first input."""
    truth, found, _ = world(6, rows=10, seeds=2)
    size = len(truth.rows)
    lengths = [[int(k > 0 or i % 3 > 0) for i in range(size)] for k, _ in enumerate(names)]
    some = Rows(
        [row.utterance for row in truth.rows],
        [row.speaker for row in truth.rows],
        {name: ragged(one) for name, one in zip(names, lengths, strict=True)},
        *[np.full(size, -1)] * 2,
        np.full((size, 3), np.nan),
    )

    def apply(training, rows, *, keep):
        guess = found.probabilities[training.seed].argmax(-1)
        return Output(np.eye(3, dtype=np.float32)[(guess + len(names) - len(keep)) % 3])

    def present(rows, keep):
        return np.any([rows.inputs[name].lengths > 0 for name in keep], axis=0)

    trainings = [Training("fold0", seed, ROOT, {}) for seed in (0, 1)]
    about = {"inputs": names, "classes": CLASSES, "seeds": [0, 1], "trainings": trainings, "predictions": found}
    fold, every = SimpleNamespace(test=some), list(range(size))
    about |= {"rows": lambda training: fold, "places": lambda training: every, "apply": apply, "present": present}
    about["measured"] = lambda values: trained_run.measured(truth, Predictions([0, 1], values), "UA", 3)
    return SimpleNamespace(truth=truth, **about)


def test_subsets_are_scored_by_the_statistics_of_the_summary(tmp_path):
    one = faked(["a", "b", "c"])
    facts = subsets.analyse(one, tmp_path)
    lines = [line.split(",") for line in (tmp_path / "subsets.csv").read_text().splitlines()]
    assert [line[0] for line in lines] == ["inputs", "a", "b", "c", "a b", "a c", "b c", "a b c"]
    whole = evaluate(one.truth, one.predictions, seed=3)["pooled"]["UA"]
    assert [float(cell) for cell in lines[-1][3:]] == [round(whole[key], 6) for key in ("value", "lo", "hi")]
    assert [line[1] for line in lines[1:]] == ["60"] * 7 and [line[2] for line in lines[1:3]] == ["40", "60"]
    assert float(lines[1][3]) < whole["value"] and facts == {"unlike stored": 0, "every subset": True}


def test_of_many_inputs_single_ones_and_what_lacks_one_are_scored(tmp_path):
    facts = subsets.analyse(faked(list("abcd")), tmp_path, most=3)
    found = [line.split(",")[0] for line in (tmp_path / "subsets.csv").read_text().splitlines()[1:]]
    assert found == ["a", "b", "c", "d", "a b c", "a b d", "a c d", "b c d", "a b c d"] and not facts["every subset"]


def test_subsets_count_what_the_stored_model_now_says_otherwise(tmp_path):
    one = faked(["a", "b"])
    other = copy.deepcopy(one.predictions.probabilities)
    other[0, :5] = np.roll(other[0, :5], 1, axis=1)
    one.predictions = SimpleNamespace(probabilities=other)
    assert subsets.analyse(one, tmp_path)["unlike stored"] == 5


def test_counts_of_a_reliability_table_are_whole():
    found = reliability._cells({"from": 1 / 3, "n": 1234567})
    assert found == {"from": "0.333333", "n": 1234567}


def test_reliability_of_a_hand_made_case(tmp_path):
    probabilities = np.array([[[0.95, 0.05], [0.05, 0.95], [0.45, 0.55], [1.0, 0.0]]])
    truth = SimpleNamespace(label=np.array([0, 0, 1, 0]))
    made = SimpleNamespace(predictions=SimpleNamespace(probabilities=probabilities), truth=truth)
    facts = reliability.analyse(made, tmp_path, seed=1)
    lines = [line.split(",") for line in (tmp_path / "reliability.csv").read_text().splitlines()[1:]]
    assert lines == [["0.5", "0.6", "1", "0.55", "1"], ["0.9", "1", "3", "0.966667", "0.666667"]]
    assert facts["ECE"] == pytest.approx((0.45 + 3 * 0.3) / 4)
    first = (tmp_path / "reliability.svg").read_bytes()
    reliability.analyse(made, tmp_path, seed=1)
    assert first == (tmp_path / "reliability.svg").read_bytes() and first.startswith(b"<?xml")


def test_a_run_without_test_rows_gives_empty_tables(tmp_path):
    one = faked(["a", "b"])
    one.truth = SimpleNamespace(rows=[], label=np.empty(0, int))
    one.measured = lambda values: trained_run.measured(one.truth, None, "UA", 3)
    one.predictions = SimpleNamespace(probabilities=np.empty((2, 0, 3)))
    assert subsets.analyse(one, tmp_path)["unlike stored"] == 0
    assert (tmp_path / "subsets.csv").read_text().splitlines()[1:] == ["a,0,0,,,", "b,0,0,,,", "a b,0,0,,,"]
    assert reliability.analyse(one, tmp_path, seed=3) == {"ECE": None}


def test_hidden_inputs_are_missing_in_every_row_and_the_others_are_left_alone():
    some = faked(["a", "b"]).rows("fold0").test
    told = replace(some, inputs={**some.inputs, "text": ["word"] * len(some)}).hiding(["a", "text"])
    assert not told.inputs["a"].lengths.any() and told.inputs["a"].values.shape == (0, 2)
    assert told.inputs["b"] is some.inputs["b"] and {*told.inputs["text"]} == {""} and told.label is some.label
