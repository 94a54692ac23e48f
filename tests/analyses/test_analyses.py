"""Analyses: planning, the job, the section of the report, and the analyses of this package.

Covers: analyses/_outputs, analyses/reliability, analyses/subsets, plan/run_products, report/sections/analyses,
report/sections/subsets.
"""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _fake_runs import fake_run
from _planted import offer
from _reports import EVIL, Page
from _results import LABELS, corpus, protocol, rows, run
from _worlds import CLASSES
from conftest import ROOT, shipped

from emospace.analyses import reliability, subsets
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.evaluation import trained_run
from emospace.evaluation.result import evaluate
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
    """Register an analysis with this code under the name `planted`."""
    (tmp_path / "plugins").mkdir()
    return lambda code: offer(monkeypatch, tmp_path / "plugins", "analyses", "planted", code)


def planned(**blocks) -> dict[str, dict]:
    """The planned analyses of config.yaml with these blocks under `analyses`."""
    config = shipped("config.yaml")
    return analyses(Plan(config | {"analyses": blocks}, recipes={("none", "none"): ROOT}))


# Planning ----------------------------------------------------------------------------------------------------------


def test_subsets_are_planned_for_every_run_that_has_several_inputs_and_accepts_missing_ones():
    assert planned() == {"subsets": {"analysis": "subsets", "runs": ["unified", "late_fusion"]}}
    assert planned(subsets={"runs": []})["subsets"]["runs"] == []
    assert planned(mine={"analysis": "subsets", "runs": ["unified"], "most": 2}).keys() == {"mine"}


def test_an_analysis_is_planned_for_the_configured_runs_or_all_suitable_ones(planted):
    planted(GOOD)
    assert "planted" not in planned()
    assert planned(planted={"runs": ["probe"], "size": 4})["planted"]["runs"] == ["probe"]
    assert len(planned(planted={})["planted"]["runs"]) == 9
    planted(f"{GOOD}\n\ndef suits(model, inputs):\n    return len(inputs) > 3\n\n\nDEFAULT = True\n")
    assert planned()["planted"]["runs"] == []


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"plantad": {}}, "there is no 'plantad' among the analyses. did you mean 'planted'?"),
        ({"planted": {"runs": ["prob"]}}, "config: analyses: planted: there is no run 'prob'. did you mean 'probe'?"),
        ({"planted": {"sise": 4}}, "got an unexpected option 'sise'. did you mean 'size'?"),
        ({"planted": {"size": "big"}}, "config: analyses: planted: size: it is 'big'. it must be a valid integer"),
        ({"subsets": {"runs": ["probe"]}}, "'subsets' does not suit the run 'probe'. it suits unified, late_fusion"),
        ({"subsets": {"alone": ["prob"]}}, "config: analyses: subsets: there is no run 'prob'. did you mean 'probe'?"),
        ({"subsets": {"alone": "probe"}}, "config: analyses: subsets: alone: it is 'probe'. it must be a list"),
        (
            {"subsets": {"runs": ["unified"], "alone": ["unified"]}},
            "subsets: alone: .*'unified' does not read a subset of the inputs of",
        ),
    ],
)
def test_unknown_names_and_options_are_rejected_during_planning(planted, block, words):
    planted(GOOD)
    with pytest.raises(InputError, match=words):
        planned(**block)


def alone(changed: dict, **more) -> None:
    """Plan `subsets` of the run `unified` beside a copy of it on the sound alone, with changes, and other copies."""
    config = shipped("config.yaml")
    runs = {"sound": {"inputs": ["audio.mfcc"], **changed}} | more
    config["runs"] |= {name: config["runs"]["unified"] | spec for name, spec in runs.items()}
    config["protocols"]["other"] = dict(config["protocols"]["session"])
    config["runs"]["other"] = {"model": "linear_probe", "protocol": "other", "inputs": ["audio.mfcc"]}
    config["analyses"] = {"subsets": {"runs": ["unified"], "alone": [*runs]}}
    analyses(Plan(config, recipes={("none", "none"): ROOT}))


@pytest.mark.parametrize(
    ("changed", "more", "words"),
    [
        ({"protocol": "other"}, {}, "the protocol of 'sound' and 'unified' differ: 'other' and 'session'"),
        (
            {"seeds": 2},
            {},
            r"the seeds of 'sound' and 'unified' differ: \[1, 2\] and \[1.*give both runs the same seeds",
        ),
        ({"inputs": ["audio.mfcc", "run:probe"]}, {}, "'sound' does not read a subset of the inputs of 'unified'"),
        ({}, {"twin": {"inputs": ["audio.mfcc"]}}, "'sound' and 'twin' read the same inputs. name one of them"),
    ],
)
def test_runs_that_cannot_be_compared_with_a_subset_are_rejected_during_planning(changed, more, words):
    alone({})
    with pytest.raises(InputError, match=f"config: analyses: subsets: alone: .*{words}"):
        alone(changed, **more)


OTHERS = GOOD.replace("OUTPUTS =", "from emospace.core.option_types import NamedRuns\n\nOUTPUTS =").replace(
    "size: int = 3", "size: int = 3, beside: NamedRuns = ()"
)


def test_an_analysis_names_other_runs_unless_it_is_joint(planted):
    planted(OTHERS)
    assert planned(planted={"runs": ["probe"], "beside": ["unified"]})["planted"]["runs"] == ["probe"]
    planted(OTHERS.replace("OUTPUTS =", "JOINT = True\nOUTPUTS ="))
    with pytest.raises(InputError, match=f"{FILE}: it names other runs in its options.*JOINT.*{SEE}"):
        planned(planted={"runs": ["probe"], "beside": ["unified"]})
    planted(f"{OTHERS}\n\ndef check_others(run, others):\n    return 1 / 0\n")
    with pytest.raises(InputError, match=f"{FILE}: check_others.. raised ZeroDivisionError.*{SEE}"):
        planned(planted={"runs": ["probe"], "beside": ["unified"]})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('OUTPUTS = ["table.csv"]', "", "it has no OUTPUTS"),
        ('["table.csv"]', '["../table.csv"]', "must list distinct file names, not '../table.csv'"),
        ('["table.csv"]', '["a.csv", "a.csv"]', "must list distinct file names"),
        ('["table.csv"]', '["analysis.json"]', "must list distinct file names, not 'analysis.json'"),
        ('["table.csv"]', "[]", "must list distinct file names"),
        ('["table.csv"]', '"table.csv"', "OUTPUTS is 'table.csv'"),
        ("(run, out, *", "(run, folder, *", r"analyse.. takes .run, folder., not .run, out."),
        ("OUTPUTS =", "ENVIRONMENT = 'mine'\nOUTPUTS =", "ENVIRONMENT is 'mine'. it must be 'media', 'encode'"),
        ("OUTPUTS =", "def suits(model, inputs):\n    return 1 / 0\n\n\nOUTPUTS =", "suits.. raised ZeroDivisionError"),
    ],
)
def test_a_violation_of_the_contract_is_rejected_during_planning(planted, old, new, words):
    planted(GOOD.replace(old, new))
    with pytest.raises(InputError, match=f"{FILE}: .*{words}.*see Analysis in docs/contracts.md"):
        planned(planted={})


def test_every_run_has_its_own_recipe_with_the_code_of_its_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(shipped("config.yaml"))
    recipes = {key: read_json(path) for (rule, key), path in plan.recipes.items() if rule == "analyse"}
    assert recipes.keys() == {"subsets.late_fusion", "subsets.unified"}
    code = recipes["subsets.late_fusion"]["code"]
    assert {"emospace/analyses/subsets.py", "emospace/models/late_fusion.py", "emospace/models/linear_probe.py"} <= {
        *code
    }
    shown = read_json(plan.recipes["make_report", "all"])["config"]
    assert shown["analyses"] == plan.config["analyses"]


# The job -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A run with two seeds in the format of `train`."""
    folder = tmp_path_factory.mktemp("tree")
    corpus(folder, rows())
    protocol(folder)
    run(folder, "probe", seeds=(1, 2))
    protocol(folder, "random", leaky=True)
    run(folder, "second", seeds=(1, 2), protocol="random", right=0.9)
    return folder


RECIPE = {"analysis": "mine", "plugin": "planted", "outputs": ["table.csv"], "run": "probe", "model": "linear_probe"}
RECIPE |= {
    "protocol": "session",
    "inputs": [],
    "labels": {"toy": LABELS},
    "rows": {},
    "corpora": {"toy": "toy"},
    "leaky": False,
    "seed": 7,
    "options": {"size": 5},
}


def make(tree, out, weights=(), **changed) -> None:
    base = tree / "data/protocols/toy"
    args = {"manifest": [tree / "data/manifest/toy.csv"], "manifest_sidecar": [tree / "data/manifest/toy.json"]}
    read = ["probe", *(other["run"] for other in changed.get("others", ()))]
    args |= {"protocol": sorted(base.glob("*.json")), "folds": sorted(base.glob("*/*.csv")), "input": []}
    args |= {"view": []}
    args |= {"run_dirs": [folder for name in read for folder in sorted(tree.glob(f"results/runs/toy/{name}/*"))]}
    args |= {"input_sidecars": [], "parents": []}
    args |= {"manifests": []}
    analyse.job(SimpleNamespace(**args, out=out, threads=1, weights=[*weights]), RECIPE | changed)


def test_a_job_writes_the_declared_files_and_a_sidecar(tree, tmp_path, planted):
    planted(GOOD)
    make(tree, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"table.csv", "analysis.json"}
    assert (tmp_path / "out/table.csv").read_text() == "n,classes\n36,3\n"
    sidecar = read_json(tmp_path / "out/analysis.json")
    assert sidecar["facts"]["seed"] == 7 and 0.3 < sidecar["facts"]["right"] < 1
    assert len([name for name in sidecar["inputs"] if name.endswith("run.json")]) == 6
    assert sidecar["outputs"].keys() == {"table.csv"} and sidecar["recipe"]["run"] == "probe"


def test_a_job_reads_the_other_runs_that_options_name(tree, tmp_path, planted):
    """Each from its own files, with its own protocol."""
    planted(
        OTHERS.replace('"seed": seed', '"second": run.compared(run.others["second"])["n"], "all": list(run.others)')
    )
    other = {**RECIPE, "run": "second", "protocol": "random", "leaky": True}
    make(tree, tmp_path / "out", others=[other])
    sidecar = read_json(tmp_path / "out/analysis.json")
    assert sidecar["facts"]["all"] == ["second"] and sidecar["facts"]["second"] > 0
    assert len([name for name in sidecar["inputs"] if name.endswith("run.json")]) == 12
    with pytest.raises(InputError, match="KeyError"):
        make(tree, tmp_path / "more")


def test_a_job_passes_and_records_the_weights_of_the_run(tree, tmp_path, monkeypatch, planted):
    """`make adopt` never accepts an artifact that does not record all its inputs."""
    monkeypatch.chdir(tmp_path)
    record = {"name": "tiny", "kind": "random", "source": "", "revision": "", "files": {}, "random": True, "why": ""}
    write_json(path := tmp_path / "weights/tiny/weights.json", record)
    planted(GOOD.replace('"seed": seed', '"weights": run.weights.name'))
    make(tree, tmp_path / "out", weights=[path])
    sidecar = read_json(tmp_path / "out/analysis.json")
    assert sidecar["facts"]["weights"] == "tiny" and str(path) in sidecar["inputs"]


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
def test_a_job_rejects_a_violation_of_the_contract_and_leaves_no_output(tree, tmp_path, planted, old, new, words):
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
    """Render the section `analyses` for one analysis with these files."""

    def show(facts=None, **files: bytes) -> str:
        home = tmp_path / "results/mine"
        names = [name.replace("_", ".") for name in files]
        recipe = {"analysis": f"a{EVIL}", "plugin": "a", "run": "probe", "outputs": names}
        write_json(home / "analyses/probe/a/analysis.json", {"recipe": recipe, "facts": facts or {}})
        for name, content in zip(names, files.values(), strict=True):
            (home / "analyses/probe/a" / name).write_bytes(content)
        unused = [home] * 9
        results = Results(Files(*unused, [home / "analyses/probe/a/analysis.json"]), {}, home)
        return str(page.section("analyses", results, page.environment(["analyses"]))["body"])

    return show


def test_pictures_and_tables_are_shown_and_escaped(shown):
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{EVIL}</svg>'.encode()
    text = shown({f"f{EVIL}": EVIL}, a_csv=f'name,n\n"{EVIL.replace(chr(34), chr(34) * 2)}",3\n'.encode(), b_svg=svg)
    parsed = Page(text)
    assert "script" not in parsed.tags and "svg" not in parsed.tags and parsed.text().count(EVIL) == 4
    (picture,) = [value for tag, name, value in parsed.attributes if (tag, name) == ("img", "src")]
    assert picture.startswith("data:image/svg+xml;base64,")
    assert parsed.tags.count("th") == 2 and ("td", "class", "number") in parsed.attributes


def test_large_files_and_other_formats_are_only_linked(shown):
    parsed = Page(shown(c_mp4=b"film", d_png=b"\x89PNG" + bytes(2_000_001)))
    links = [value for tag, name, value in parsed.attributes if name == "href"]
    assert links == ["analyses/probe/a/c.mp4", "analyses/probe/a/d.png"] and "img" not in parsed.tags


def test_long_tables_are_cut_and_malformed_ones_accepted(shown):
    parsed = Page(shown(e_csv=b"a,b\n" + b"1,2\n" * 100, f_csv=b"a,b\n1,2,3\n4\n\xff,5\n", g_csv=b""))
    assert "First 70 of 100 lines." in parsed.text() and parsed.tags.count("tr") == 71 + 4 + 1


def test_subsets_have_their_own_section(tmp_path, shown):
    header = ",".join(subsets.COLUMNS).encode()
    beside = f'"x{EVIL.replace(chr(34), chr(34) * 2)}"'.encode()
    table = header + b"\na,60,40,0.5,0.4,0.6," + beside + b",0.52,0.4,0.6,-0.02,-0.05,0.01\n"
    table += b"a b,60,60,0.75,,,,,,,,,\n"
    home = tmp_path / "results/mine"
    shown({"unlike stored": 2, "every subset": True}, subsets_csv=table)
    sidecar = home / "analyses/probe/a/analysis.json"
    write_json(sidecar, read_json(sidecar) | {"recipe": read_json(sidecar)["recipe"] | {"plugin": "subsets"}})
    results = Results(Files(*[home] * 9, [sidecar]), {"sections": ["subsets", "analyses"]}, home)
    meta = {"run": "probe", "classes": CLASSES, "n": 60, "intervals": "jackknife over 6 sessions"}
    results.metrics = {"probe": {"meta": meta}}
    text = Page(str(page.section("subsets", results, page.environment(["subsets"]))["body"])).text()
    assert "33.3 at chance" in text
    assert "a UA 50.0 40.0 to 60.0; 20 utterances have none of these inputs" in text
    assert f"−2.0 points [−5.0, +1.0] relative to x{EVIL} (52.0), trained on this input alone" in text
    assert "a + b UA 75.0" in text and "For 2 utterances" in text and "subsets.csv" in text
    assert page.section("analyses", results, page.environment(["analyses"])) is None


# Included ----------------------------------------------------------------------------------------------------------


def test_subsets_are_scored_as_in_the_summary(tmp_path):
    one = fake_run(["a", "b", "c"])
    facts = subsets.analyse(one, tmp_path)
    lines = [line.split(",") for line in (tmp_path / "subsets.csv").read_text().splitlines()]
    assert [line[0] for line in lines] == ["inputs", "a", "b", "c", "a b", "a c", "b c", "a b c"]
    whole = evaluate(one.truth, one.predictions, seed=3)["pooled"]["UA"]
    assert [float(cell) for cell in lines[-1][3:6]] == [round(whole[key], 6) for key in ("value", "lo", "hi")]
    assert [line[1] for line in lines[1:]] == ["60"] * 7 and [line[2] for line in lines[1:3]] == ["40", "60"]
    assert float(lines[1][3]) < whole["value"] and facts == {"unlike stored": 0, "every subset": True}
    assert {cell for line in lines[1:] for cell in line[6:]} == {""}, "no other run is named"


def test_subsets_are_compared_with_runs_trained_on_them_alone(tmp_path):
    """Paired, on the same resamples: the analysed run, restricted to the subset, minus the other run."""
    one, other = fake_run(["a", "b", "c", "d"]), fake_run(["c", "a"])
    other.name, one.others = "ac", {"ac": other}
    subsets.analyse(one, tmp_path, most=1, alone=("ac",))
    lines = {" ".join(line["inputs"]): line for line in subsets.read(tmp_path / "subsets.csv")}
    assert [*lines] == ["a", "b", "c", "d", "a b c", "a b d", "a c d", "b c d", "a c", "a b c d"]
    assert [name for name, line in lines.items() if line["alone"]] == ["a c"]
    expected = other.measured(other.predictions.probabilities)
    line = lines["a c"]
    assert [line[key] for key in subsets.ALONE[1:4]] == pytest.approx(
        [expected[k] for k in ("value", "lo", "hi")], abs=1e-6
    )
    applied = np.eye(3)[(one.predictions.probabilities.argmax(-1) + 2) % 3]  # two inputs hidden
    gain = one.difference(applied, other.predictions.probabilities)
    assert [line[key] for key in subsets.ALONE[4:]] == pytest.approx(
        [gain[k] for k in ("difference", "lo", "hi")], abs=1e-6
    )
    assert line["difference"] == pytest.approx(line["UA"] - line["alone_UA"], abs=2e-6) and line["difference"] < 0


def test_with_many_inputs_only_single_ones_and_all_but_one_are_scored(tmp_path):
    facts = subsets.analyse(fake_run(list("abcd")), tmp_path, most=3)
    inputs = [line.split(",")[0] for line in (tmp_path / "subsets.csv").read_text().splitlines()[1:]]
    assert inputs == ["a", "b", "c", "d", "a b c", "a b d", "a c d", "b c d", "a b c d"] and not facts["every subset"]


def test_subsets_count_rows_that_differ_from_the_stored_predictions(tmp_path):
    one = fake_run(["a", "b"])
    other = copy.deepcopy(one.predictions.probabilities)
    other[0, :5] = np.roll(other[0, :5], 1, axis=1)
    one.predictions = SimpleNamespace(probabilities=other)
    assert subsets.analyse(one, tmp_path)["unlike stored"] == 5


def test_counts_of_a_reliability_table_are_integers():
    cells = reliability._cells({"from": 1 / 3, "n": 1234567})
    assert cells == {"from": "0.333333", "n": 1234567}


def test_reliability_matches_a_hand_calculation(tmp_path):
    probabilities = np.array([[[0.95, 0.05], [0.05, 0.95], [0.45, 0.55], [1.0, 0.0]]])
    truth = SimpleNamespace(label=np.array([0, 0, 1, 0]))
    one = SimpleNamespace(predictions=SimpleNamespace(probabilities=probabilities), truth=truth)
    facts = reliability.analyse(one, tmp_path, seed=1)
    lines = [line.split(",") for line in (tmp_path / "reliability.csv").read_text().splitlines()[1:]]
    assert lines == [["0.5", "0.6", "1", "0.55", "1"], ["0.9", "1", "3", "0.966667", "0.666667"]]
    assert facts["ECE"] == pytest.approx((0.45 + 3 * 0.3) / 4)
    first = (tmp_path / "reliability.svg").read_bytes()
    reliability.analyse(one, tmp_path, seed=1)
    assert first == (tmp_path / "reliability.svg").read_bytes() and first.startswith(b"<?xml")


def test_a_run_without_test_rows_gives_empty_tables(tmp_path):
    one = fake_run(["a", "b"])
    one.truth = SimpleNamespace(rows=[], label=np.empty(0, int))
    one.measured = lambda values: trained_run.metric_cell(one.truth, None, "UA", 3)
    one.predictions = SimpleNamespace(probabilities=np.empty((2, 0, 3)))
    assert subsets.analyse(one, tmp_path)["unlike stored"] == 0
    assert (tmp_path / "subsets.csv").read_text().splitlines()[1:] == [
        f"{inputs},0,0,,,,,,,,,," for inputs in ("a", "b", "a b")
    ]
    assert reliability.analyse(one, tmp_path, seed=3) == {"ECE": None}


def test_hidden_inputs_are_missing_in_every_row_and_the_others_unchanged():
    some = fake_run(["a", "b"]).rows("fold0").test
    hidden = replace(some, inputs={**some.inputs, "text": ["word"] * len(some)}).hiding(["a", "text"])
    assert not hidden.inputs["a"].lengths.any() and hidden.inputs["a"].values.shape == (0, 2)
    assert hidden.inputs["b"] is some.inputs["b"] and {*hidden.inputs["text"]} == {""} and hidden.label is some.label
