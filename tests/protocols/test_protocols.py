"""Protocols, planned, built, audited and scored: split tables, filters, several corpora, declared leaks.

Covers: protocols/assignment, protocols/dividing, protocols/protocol_rows, protocols/splits/table.
"""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import _results
import pytest
import yaml
from _results import CLASSES, LABELS, plan_of, read_csv, rows, script, write_csv
from conftest import ROOT, shipped, utterance

from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, sha256
from emospace.plan.dvc_deps import check_seen
from emospace.plan.plan import Plan
from emospace.plan.run_summary import leaky
from emospace.protocols import protocol_rows
from emospace.protocols.assignment import checked

SIDES = ("train", "dev", "test")


def table(path: Path, lines: list[dict]) -> str:
    write_csv(path, lines)
    return str(path)


def sides_of(members: list, by: dict[str, str], **more) -> list[dict]:
    """Lines of a split table with the side of each row by its session."""
    return [{"utterance": row.utterance, "side": by[row.session], **more} for row in members]


THIRDS = {"S0": "train", "S1": "dev", "S2": "test"}


# Planned ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config() -> dict:
    """A small demo config with RAVDESS added."""
    config = shipped("config.yaml")
    config["corpora"]["ravdess"] = {"root": "data/raw/ravdess", "parts": 3}
    config["protocols"] = {"session": config["protocols"]["session"]}
    config["runs"] = {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}}
    return config


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    return tmp_path


def plan(config: dict, run: dict | None = None, **protocol) -> Plan:
    """Plan with the protocol `new` and a run on it."""
    config = copy.deepcopy(config)
    config["protocols"]["new"] = {"corpus": "demo", "split": "session", "labels": "iemocap4"} | protocol
    config["protocols"]["new"] = {k: v for k, v in config["protocols"]["new"].items() if v is not None}
    config["runs"]["new"] = {"model": "linear_probe", "protocol": "new", "inputs": ["audio.mfcc"]} | (run or {})
    return Plan(config)


BOTH = {"demo": "iemocap4", "ravdess": "ravdess4"}
ACROSS = {"corpus": None, "train": ["demo"], "test": ["ravdess"], "labels": BOTH}


def test_a_protocol_of_several_corpora_reads_the_files_of_all(config, workplace):
    found = plan(config, corpus=["demo", "ravdess"], labels=BOTH, split="actors")
    assert found.protocol_corpora("new") == found.run_corpora("new") == ["demo", "ravdess"]
    assert "audio.mfcc" in found.used_features("ravdess") and found.folds("new") == [f"fold{i}" for i in range(6)]
    across = plan(config, **ACROSS)
    assert across.protocol_corpora("new") == ["demo", "ravdess"] and across.folds("new") == ["fold0"]
    recipe = read_json(across.recipes["make_protocol", "new"])
    assert recipe["corpus"] == "demo -> ravdess" and recipe["train"] == ["demo"] and recipe["folds"] == 5
    assert recipe["corpora"] == {"demo": "demo", "ravdess": "ravdess"} and recipe["sides"] == list(SIDES)
    untested = plan(config, corpus=None, train=["demo"])
    assert untested.sides("new") == ["train", "dev"] and untested.folds("new") == ["fold0"]


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({"split": "sesion"}, "splits/sesion.py: there is no 'sesion' among the splits. did you mean 'session'"),
        ({"fild": "x"}, "protocols: new: session.split.. got an unexpected option 'fild'"),
        ({"folds": 0}, "protocols: new: folds: 0 is less than the minimum"),
        ({"folds": 2}, "protocols: new: it has 2 folds, .*set folds: 3 or more"),
        ({"corpus": ["demo", "ravdes"], "labels": "iemocap4"}, "no 'ravdes' in corpora. did you mean 'ravdess'"),
        ({"corpus": ["demo", "ravdess"], "labels": {"demo": "iemocap4"}}, "label map of 'ravdess' is missing"),
        ({"labels": BOTH}, "label map of 'ravdess' is for a corpus that it does not use"),
        (
            {"corpus": ["demo", "ravdess"], "labels": {"demo": "iemocap5", "ravdess": "ravdess4"}},
            "classes of iemocap5 and ravdess4, of ravdess, differ in 'fru'",
        ),
        ({"train": ["ravdess"]}, "both `corpus` and `train`"),
        ({"test": ["ravdess"]}, "`test` without `train`"),
        (ACROSS | {"test": ["demo"], "labels": "iemocap4"}, "'demo' is used for both training and testing"),
        ({"corpus": None}, "neither 'corpus' nor 'train'"),
        ({"rows": {"scriptd": True}}, "rows: scriptd: the manifest has no such column. did you mean 'scripted'"),
        ({"rows": {"part": "0"}}, "rows: part: the manifest has no such column"),
        ({"rows": {"scripted": "no"}}, "rows: scripted: it is 'no'. it must be a valid boolean"),
        ({"rows": {"language": False}}, "rows: language: it is False. it must be a valid string; put quotes"),
        ({"rows": {"valence": "high"}}, "rows: valence: it is 'high'. it must be a valid number"),
        ({"rows": {"valence": {"mn": 3}}}, "unknown key 'mn'"),
        ({"rows": {"gender": {"min": 3}}}, "rows: gender: it is {'min': 3}. it must be a valid string"),
        ({"without": ["train"]}, "without: 0: 'train' is not one of"),
        ({"split": "table", "file": "nowhere.csv"}, "protocols: new: file: there is no file 'nowhere.csv'"),
        ({"split": "random"}, "declare it with `leaky: true`"),
    ],
)
def test_an_invalid_protocol_is_refused_when_planned(config, workplace, protocol, words):
    with pytest.raises(InputError, match=words):
        plan(config, **protocol)


ROW = {"utterance": "a", "side": "train"}
FAULTS = {
    "its columns are .'utterance', 'sid'": [{"utterance": "a", "sid": "train"}],
    "its columns are .*'who'": [ROW | {"who": "x"}],
    "line 3: 'b' is on the side 'tets'": [ROW, {"utterance": "b", "side": "tets"}],
    "line 2: its fold is '1'": [ROW | {"fold": "1"}],
    "line 2: its fold is '-1'": [ROW | {"fold": "-1"}],
    "line 2: its copy is '0'": [ROW | {"copy": "0"}],
    "line 2: its copy is 'twice'": [ROW | {"copy": "twice"}],
    "line 3: 'a' is on the side 'train' of fold 0 already": [ROW, ROW],
    "fold 0 has no row on the side 'dev'": [ROW, {"utterance": "b", "side": "test"}],
    "fold 0 has no row on the side 'train'.": [{"utterance": "b", "side": "test"}],
}


@pytest.mark.parametrize("words", FAULTS)
def test_an_invalid_split_table_is_refused_when_planned(config, workplace, words):
    file = table(workplace / "split.csv", FAULTS[words])
    with pytest.raises(InputError, match=f"split.csv: .*{words}") as refused:
        plan(config, split="table", file=file)
    assert refused.value.remedy


def test_a_split_table_must_have_the_folds_of_the_protocol(config, workplace):
    lines = [{"utterance": f"{s}{k}", "side": s, "fold": str(k)} for k in range(2) for s in SIDES]
    file = table(workplace / "split.csv", lines)
    assert plan(config, split="table", file=file, folds=2).folds("new") == ["fold0", "fold1"]
    with pytest.raises(InputError, match="it has 2 folds, the protocol 3"):
        plan(config, split="table", file=file, folds=3)
    table(workplace / "split.csv", [line for line in lines if line["side"] != "test"])
    assert plan(config, split="table", file=file, folds=2, without=["test"]).sides("new") == ["train", "dev"]


def test_an_edited_split_table_changes_the_recipe_and_is_watched_by_dvc(config, workplace):
    file = table(workplace / "split.csv", [{"utterance": s, "side": s} for s in SIDES])
    first = plan(config, split="table", file=file).recipes
    table(workplace / "split.csv", [{"utterance": f"{s}0", "side": s} for s in SIDES])
    changed = plan(config, split="table", file=file)
    differ = {key for key, path in changed.recipes.items() if path != first[key]}
    assert differ == {("make_protocol", "new")}
    (workplace / "dvc.yaml").write_text("stages: {corpora: {always_changed: true}}")
    with pytest.raises(InputError, match=r"split.csv: DVC does not watch that path .*configs/splits"):
        check_seen(changed)
    (workplace / "configs").unlink()
    file = table(workplace / "configs/splits/mine.csv", [{"utterance": s, "side": s} for s in SIDES])
    check_seen(plan(config, split="table", file="configs/splits/mine.csv"))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert "configs/splits" in stages["corpora"]["deps"] and (ROOT / "configs/splits").is_dir()


# Leaks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def words_are_read(monkeypatch) -> None:
    """Let the probe read views directly."""
    monkeypatch.setattr("emospace.models.linear_probe.INPUTS", ("feature", "run", "view"))


@pytest.mark.parametrize("view", ["frames", "words", "ids", "text", "audio"])
def test_a_model_of_views_may_read_any_view(config, workplace, words_are_read, view):
    reads = {"raw": {"model": "linear_probe", "protocol": "session", "inputs": [view]}}
    assert Plan(config | {"runs": config["runs"] | reads}).sources("raw") == [view]


def leaking(config: dict, **places) -> Plan:
    """Plan the demo with a second stage, and `leaky` at the given places (view, feature, run or protocol by name)."""
    config = copy.deepcopy(config)
    config["features"]["text.clip"] = {"weights": "clip"}
    config["features"]["frames.top"] = {"select": "frames.clip", "by": "text.clip", "k": 1}
    inputs = {"words": ["text.sbert"], "face": ["frames.top"], "sound": ["audio.mfcc"], "raw": ["text"]}
    for name, read in inputs.items():
        config["runs"][name] = {"model": "linear_probe", "protocol": "session", "inputs": read}
    config["runs"]["both"] = {"model": "late_fusion", "protocol": "session", "inputs": ["run:words", "run:sound"]}
    config["runs"]["all"] = {"model": "late_fusion", "protocol": "session", "inputs": ["run:both", "run:face"]}
    for block, name in places.items():
        config[block][name]["leaky"] = True
    return Plan(config)


@pytest.mark.parametrize(
    ("place", "what", "reached"),
    [
        ({"protocols": "session"}, "protocol", {"probe", "words", "face", "sound", "raw", "both", "all"}),
        ({"views": "text"}, "text", {"words", "face", "raw", "both", "all"}),
        ({"features": "text.sbert"}, "text.sbert", {"words", "both", "all"}),
        ({"features": "text.clip"}, "text.clip", {"face", "all"}),
        ({"features": "frames.top"}, "frames.top", {"face", "all"}),
        ({"runs": "sound"}, "sound", {"sound", "both", "all"}),
        ({"runs": "all"}, "all", {"all"}),
    ],
)
def test_a_leak_is_inherited_downstream(config, workplace, words_are_read, place, what, reached):
    found = leaking(config, **place)
    leaks = {run: found.leaks(run) for run in found.config["runs"]}
    assert {run for run, names in leaks.items() if names} == reached
    assert all(names == [what] for names in leaks.values() if names)
    assert leaky(found) == list(place.values())  # reported at the end of a run
    assert {run: read_json(found.recipes["evaluate", run])["leaks"] for run in leaks} == leaks


def test_a_declared_leak_changes_only_evaluations_and_the_report(config, workplace, words_are_read):
    before = leaking(config).recipes
    after = leaking(config, views="text", features="text.sbert", runs="words").recipes
    assert {rule for (rule, key), path in after.items() if path != before[rule, key]} == {"evaluate", "make_report"}


def test_a_model_or_view_that_leaks_must_be_declared(config, workplace, monkeypatch):
    monkeypatch.setattr(plugin.find("models", "linear_probe"), "FITS_ON_TEST", True, raising=False)
    with pytest.raises(InputError, match=r"runs: probe: .*'linear_probe' sees the inputs of test rows.*leaky: true"):
        Plan(config)
    marked = copy.deepcopy(config)
    marked["runs"]["probe"]["leaky"] = True
    assert Plan(marked).leaks("probe") == ["probe"]
    monkeypatch.setattr(plugin.find("views", "text"), "leaky", lambda **options: True, raising=False)
    with pytest.raises(InputError, match=r"views: text: its items are derived from the labels.*leaky: true"):
        Plan(marked)
    marked["views"]["text"] = {"leaky": True}
    Plan(marked)


# Invalid output of a split ------------------------------------------------------------------------------------


def hold(returned, *, leaky=False, covers=False, sides=SIDES, folds=1):
    three = [utterance(name) for name in "abc"]
    return checked(returned, three, folds, file="splits/x.py", sides=sides, leaky=leaky, covers=covers)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "returned 0 folds instead of 1. see Split in docs/contracts.md"),
        ([["train", "dev"]], "returned 2 of 3 rows for fold 0. see Split"),
        ([["train", "dev", "tets"]], "put 'c' of fold 0 on the side 'tets'. sides are train, dev, test"),
        ([["train", "dev", "dev"]], "fold 0 has no row on the side 'test'.*without: .test."),
        ([["train", "dev", ("test", "train")]], "'c' on test and on train.*leaky: true"),
        ([["train", "dev", ("test", "test")]], "'c' on test and on test"),
        ([["train", ("dev", "dev"), "test"]], "'b' on dev and on dev"),
    ],
)
def test_invalid_output_of_a_split_is_refused_with_file_and_contract(found, words):
    with pytest.raises(InputError, match=f"splits/x.py: .*{words}"):
        hold(found)


def test_a_split_may_return_names_or_sequences_of_sides():
    assert hold([["train", "dev", "test"]]) == [[("train",), ("dev",), ("test",)]]
    assert hold([[("train", "train"), "dev", ("test",)]])[0][0] == ("train", "train")
    assert hold([["train", "dev", ""]], sides=("train", "dev"))[0][2] == ()
    assert hold([["train", ("dev", "test"), ("train", "test", "test")]], leaky=True)[0][1] == ("dev", "test")
    with pytest.raises(InputError, match="'a' is test 0 times over the folds"):
        hold([["train", "dev", "test"]], covers=True)
    rotated = [["test", "dev", "train"], ["train", "test", "dev"], ["dev", "train", "test"]]
    assert hold(rotated, covers=True, folds=3)


# Built, audited, scored ---------------------------------------------------------------------------------------


class Workplace:
    """A toy corpus and a protocol of it, built by the workflow's scripts."""

    def __init__(self, folder: Path, corpora: dict[str, list] | None = None):
        self.folder = folder
        self.corpora = corpora or {"toy": rows()}
        for name, found in self.corpora.items():
            _results.corpus(folder, found, name)
            for medium in ("audio", "video"):
                media = sorted({getattr(row, medium) for row in found} - {""})
                lines = "".join(f"digest of {name} {path}  {path}\n" for path in media)
                (folder / f"data/manifest/{name}").mkdir(exist_ok=True)
                (folder / f"data/manifest/{name}/0.{medium}.sha256").write_text(lines, encoding="utf-8")
        self.manifests = [f"data/manifest/{name}.csv" for name in self.corpora]
        self.shared = ["--manifest", *self.manifests]
        self.sidecars = [path.replace(".csv", ".json") for path in self.manifests]

    def recipe(self, **more) -> dict:
        about = plan_of() | {"corpus": "+".join(self.corpora), "corpora": dict.fromkeys(self.corpora, "toy")}
        return about | {"labels": dict.fromkeys(self.corpora, LABELS), "folds": 3} | more

    def split(self, check: bool = True, outs: int = 0, **more):
        recipe = self.recipe(**more)
        if "file" in recipe["options"]:
            recipe["files"] = {"file": sha256(self.folder / recipe["options"]["file"])} | recipe["files"]
        tables = [f"p/fold{i}.csv" for i in range(outs or recipe["folds"])]
        shared = [*self.shared, "--manifest-sidecar", *self.sidecars]
        done = script(
            self.folder, "make_protocol", recipe, *shared, "--out", *tables, "--sidecar", "p.json", check=check
        )
        return done if not check else [read_csv(self.folder / path) for path in tables]

    def by_table(self, lines: list[dict], folds: int = 1, check: bool = True, **more):
        table(self.folder / "split.csv", lines)
        return self.split(check, split="table", folds=folds, options={"file": "split.csv"}, **more)

    def audit(self, check: bool = True, **more):
        tables = sorted(path.relative_to(self.folder) for path in self.folder.glob("p/*.csv"))
        digests = sorted(path.relative_to(self.folder) for path in self.folder.glob("data/manifest/*/*.sha256"))
        arguments = [*self.shared, "--manifest-sidecar", *self.sidecars, "--protocol", "p.json", "--folds", *tables]
        arguments += ["--digests", *digests, "--out", "audit.json"]
        done = script(self.folder, "audit_protocol", self.recipe(**more), *arguments, check=check)
        return done if not check else read_json(self.folder / "audit.json")

    def evaluate(self, check: bool = True, **more) -> dict:
        """metrics.json of a run that predicts every row correctly, with one seed."""
        classes = {r.utterance: LABELS["map"].get(r.label) for found in self.corpora.values() for r in found}
        for path in sorted(self.folder.glob("p/*.csv")):
            lines = [line for side in ("dev", "test") for line in read_csv(path) if line["split"] == side]
            predicted = [
                {"utterance": line["utterance"], "split": line["split"], "present": 1}
                | {name: float(name == classes[line["utterance"]]) for name in CLASSES}
                for line in lines
            ]
            write_csv(self.folder / f"runs/{path.stem}-1/probabilities.csv", predicted)
            (self.folder / f"runs/{path.stem}-1/run.json").write_text("{}", encoding="utf-8")
        recipe = self.recipe(run="r", model="m", baseline="r", leaks=[], stochastic=[False, False], **more)
        recipe |= {"options": {"draws": 100}, "metrics": ["WA", "UA", "WF1", "MF1"], "compare_by": "UA", "other": None}
        tables = sorted(path.relative_to(self.folder) for path in self.folder.glob("p/*.csv"))
        arguments = [*self.shared, "--protocol", "p.json", "--folds", *tables, "--run-dirs"]
        arguments += sorted(path.relative_to(self.folder) for path in self.folder.glob("runs/*"))
        files = {"out": "e/metrics.json", "predictions": "e/predictions.csv", "confusion": "e/confusion.csv"}
        arguments += [word for name, path in files.items() for word in (f"--{name}", path)]
        done = script(self.folder, "evaluate", recipe, *arguments, check=check)
        return done if not check else read_json(self.folder / "e/metrics.json")


def test_a_table_assigns_sides_and_copies(tmp_path):
    place = Workplace(tmp_path)
    lines = sides_of(place.corpora["toy"], THIRDS, copy="1")
    omitted, repeated = lines.pop(0)["utterance"], next(line for line in lines if line["side"] == "train")
    repeated["copy"] = "3"
    (found,) = place.by_table(lines)
    assert {line["utterance"]: line["split"] for line in found} == {li["utterance"]: li["side"] for li in lines}
    assert [line["utterance"] for line in found].count(repeated["utterance"]) == 3 and len(found) == len(lines) + 2
    assert {line["corpus"] for line in found} == {"toy"} and omitted not in {line["utterance"] for line in found}
    sidecar = read_json(tmp_path / "p.json")
    assert sidecar["left_out"] == {"on no side": {"name": "on no side of the split", "rows": 1}}
    assert sidecar["rows"] == len(lines) and sidecar["covers"] is False
    audit = place.audit()
    assert audit["ok"] and audit["leaks"] == {} and audit["folds"]["fold0"]["n"]["train"] == 11 + 2
    result = place.evaluate()
    assert result["pooled"]["UA"]["value"] == 1.0 and result["meta"]["n"] == 12  # only test rows are scored


def test_a_table_may_name_unmapped_rows_but_not_unknown_ids(tmp_path):
    extra = [utterance("S0_x", label="xxx", session="S0")]
    place = Workplace(tmp_path, {"toy": [*rows(), *extra]})
    lines = sides_of(place.corpora["toy"], THIRDS)
    (found,) = place.by_table(lines)
    assert "S0_x" not in {line["utterance"] for line in found}
    (tmp_path / "p.json").unlink()
    done = place.by_table([*lines, {"utterance": "S0_y", "side": "train"}], check=False)
    number = len(lines) + 2
    assert done.returncode == 1 and f"split.csv: line {number}: the corpus has no utterance 'S0_y'" in done.stderr
    assert "correct the id" in done.stderr and "Traceback" not in done.stderr and not (tmp_path / "p.json").exists()


def test_a_table_changed_after_planning_is_not_read(tmp_path):
    place = Workplace(tmp_path)
    done = place.by_table(sides_of(rows(), THIRDS), check=False, files={"file": "another"})
    assert done.returncode == 1 and "split.csv: it has changed since this run was planned" in done.stderr


def test_a_side_emptied_by_the_label_map_is_refused(tmp_path):
    place = Workplace(tmp_path, {"toy": [*rows(2), utterance("S2_x", label="xxx", session="S2")]})
    done = place.by_table(sides_of(place.corpora["toy"], THIRDS), check=False)
    assert done.returncode == 1 and "split.csv: fold 0 has no row on the side 'test'" in done.stderr


OVERLAPS = {
    "both": ([{"utterance": "S0impro_F000", "side": "test"}], "utterance"),
    "copies": ([{"utterance": "S2impro_F000", "side": "test", "copy": "2"}], "repeated row"),
    "dev": ([{"utterance": row.utterance, "side": "test"} for row in rows() if row.session == "S1"], "utterance"),
}


@pytest.mark.parametrize("case", OVERLAPS)
def test_rows_on_several_sides_are_leaks_unless_declared(tmp_path, case):
    place, (more, kind) = Workplace(tmp_path), OVERLAPS[case]
    changed = {(line["utterance"], line["side"]) for line in more}
    lines = [x for x in sides_of(rows(), THIRDS, copy="1") if (x["utterance"], x["side"]) not in changed]
    lines += [{"copy": "1"} | line for line in more]
    done = place.by_table(lines, check=False)
    assert done.returncode == 1 and "declare the protocol `leaky: true`" in done.stderr
    (found,) = place.by_table(lines, leaky=True)
    assert all((line["label"] == "") == (line["split"] == "test") for line in found)  # even if the row is also train
    audit = place.audit(leaky=True)
    assert audit["leaks"][kind] == len(more)
    result = place.evaluate(leaky=True)
    assert result["meta"]["n"] == sum(line["split"] == "test" for line in found)  # copies count, as published
    assert result["pooled"]["UA"]["value"] == 1.0
    sidecar = read_json(tmp_path / "p.json")
    (tmp_path / "p.json").write_text(json.dumps(sidecar | {"leaky": False}))  # undeclared: the audit fails
    done = place.audit(check=False)
    assert done.returncode == 1 and kind in done.stderr


def test_a_test_label_is_refused_even_if_the_row_is_also_train(tmp_path):
    place = Workplace(tmp_path)
    lines = [*sides_of(rows(), THIRDS), {"utterance": "S0impro_F000", "side": "test"}]
    (found,) = place.by_table(lines, leaky=True)
    place.audit(leaky=True)
    for line in found:
        line["label"] = line["label"] or "neu" if line["utterance"] == "S0impro_F000" else line["label"]
    write_csv(tmp_path / "p/fold0.csv", found)
    done = place.audit(check=False, leaky=True)
    assert done.returncode == 1 and "1 test label" in done.stderr


def test_an_untested_model_has_metrics_without_values(tmp_path):
    place = Workplace(tmp_path)
    lines = sides_of(rows(), {"S0": "train", "S1": "dev", "S2": "train"})
    done = place.by_table(lines, check=False)
    assert done.returncode == 1 and "no row on the side 'test'" in done.stderr and "without: [test]" in done.stderr
    (found,) = place.by_table(lines, sides=["train", "dev"])
    assert {line["split"] for line in found} == {"train", "dev"}
    audit = place.audit(sides=["train", "dev"])
    assert audit["folds"]["fold0"]["n"]["test"] == 0 and audit["lacks"] == {}
    result = place.evaluate()
    assert result["pooled"]["UA"]["value"] is None and result["meta"]["n"] == 0
    assert result["meta"]["intervals"] == "no test rows: nothing is measured"
    arguments = ["--metrics", "e/metrics.json", "--predictions", "e/predictions.csv"]
    outs = ["--out-summary", "summary.csv", "--out-result", "result.txt", "--out-metrics", "m.json"]
    script(tmp_path, "summarize", {"options": {}}, *arguments, *outs)
    (line,) = read_csv(tmp_path / "summary.csv")
    assert (line["n"], line["UA"], line["UA_lo"]) == ("0", "", "")
    assert "no test rows" in (tmp_path / "result.txt").read_text(encoding="utf-8")


# Filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "keeps", "name"),
    [
        ({"scripted": False}, lambda row: not row.scripted, "scripted is not false"),
        ({"gender": "F"}, lambda row: row.gender == "F", "gender is not F"),
        (
            {"session": ["S0", "S1", "S2"], "valence": {"min": 3}},
            lambda row: row.valence >= 3,
            "valence is not at least 3",
        ),
        (
            {"valence": {"min": 2, "max": 4}},
            lambda row: 2 <= row.valence <= 4,
            "valence is not at most 4 and at least 2",
        ),
        ({"label": ["ang", "neu", "exc"]}, lambda row: row.label != "hap", "label is not ang or neu or exc"),
        (
            {"speaker": {"not": ["S0F", "nobody"]}},
            lambda row: row.speaker != "S0F",
            "speaker is not other than S0F or nobody",
        ),
    ],
)
def test_a_filter_selects_rows_and_counts_the_others(tmp_path, wanted, keeps, name):
    codes = list(LABELS["map"])
    found = [replace(r, valence=1.0 + i % 5, label=codes[i // 2 % 4]) for i, r in enumerate(rows(each=24))]
    place = Workplace(tmp_path, {"toy": found})
    tables = place.split(rows=wanted)
    left = {row.utterance for row in found if keeps(row)}
    assert all({line["utterance"] for line in lines} == left for lines in tables) and len(left) < len(found)
    column = list(wanted)[-1]
    expected = {f"rows: {column}": {"name": name, "rows": len(found) - len(left)}}
    assert read_json(tmp_path / "p.json")["left_out"] == expected
    assert place.audit(rows=wanted)["left_out"] == expected
    assert place.evaluate(rows=wanted)["meta"]["n"] == len(left)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"gender": "X"},
            "toy.csv: no row has gender X, as the filter `rows` requires. values and their rows: F 18, M 18",
        ),
        ({"session": ["S0", "S7"]}, "no row has session S7, .*values and their rows: S0 12"),
        ({"end": {"min": 7}}, "no row has end at least 7, .*values range from 1 to 1"),
        ({"language": "en"}, "no row has language en, .*values and their rows: empty 36"),
        ({"valence": 3}, "no row has valence 3, .*no row has a value"),
    ],
)
def test_a_filter_value_without_rows_is_refused(tmp_path, wanted, words):
    done = Workplace(tmp_path).split(check=False, rows=wanted)
    assert done.returncode == 1 and re.search(words, done.stderr) and not (tmp_path / "p.json").exists()


def test_a_class_emptied_by_the_filter_is_refused(tmp_path):
    done = Workplace(tmp_path).split(check=False, rows={"scripted": True})
    assert done.returncode == 1 and "makes ang of ang" in done.stderr and "rows of each: exc 0" not in done.stderr
    assert "rows of each: hap 12, neu 6" in done.stderr


# Several corpora ----------------------------------------------------------------------------------------------


def two() -> dict[str, list]:
    """Two corpora with the same names of speakers, sessions, dialogues and files."""
    other = [replace(row, utterance=f"o{row.utterance}") for row in rows(4)]
    return {"toy": rows(), "other": other}


def test_folds_of_several_corpora_cover_all_rows(tmp_path):
    place = Workplace(tmp_path, two())
    tables = place.split(folds=7)  # the sessions of both
    assert {line["corpus"] for lines in tables for line in lines} == {"toy", "other"}
    for lines in tables:
        assert len(lines) == 36 + 48 and len({line["speaker"] for line in lines}) == 6 + 8
        assert len({line["speaker"] for line in lines if line["split"] == "test"}) == 2
        for line in lines:
            row = next(r for r in place.corpora[line["corpus"]] if r.utterance == line["utterance"])
            mine = place.corpora[line["corpus"]]
            assert mine[int(line["row"])] is row and line["speaker"] == f"{line['corpus']}/{row.speaker}"
    assert place.audit()["leaks"] == {}
    result = place.evaluate()
    assert result["meta"]["n"] == 84 and result["meta"]["clusters"] == 14 and len(result["folds"]) == 7


def test_training_on_one_corpus_and_testing_on_another(tmp_path):
    place = Workplace(tmp_path, two())
    (found,) = place.split(outs=1, train=["toy"])
    by = {side: {(line["corpus"], line["speaker"]) for line in found if line["split"] == side} for side in SIDES}
    assert {corpus for corpus, _ in by["train"] | by["dev"]} == {"toy"} and len(by["dev"]) == 2
    assert len(by["train"]) == 4 and len(by["test"]) == 8 and {corpus for corpus, _ in by["test"]} == {"other"}
    assert not any(line["label"] for line in found if line["split"] == "test")
    assert place.audit()["leaks"] == {} and read_json(tmp_path / "p.json")["covers"] is False
    assert place.evaluate()["meta"]["n"] == 48


def test_a_final_model_of_a_corpus_has_no_test_rows(tmp_path):
    (found,) = Workplace(tmp_path).split(outs=1, train=["toy"], sides=["train", "dev"])
    assert [sum(line["split"] == side for line in found) for side in SIDES] == [24, 12, 0]


def test_an_utterance_id_in_two_corpora_is_refused(tmp_path):
    corpora = two()
    corpora["other"][5] = replace(corpora["other"][5], utterance="S0impro_F000")
    done = Workplace(tmp_path, corpora).split(check=False, folds=7)
    assert done.returncode == 1 and "other.csv: the utterance 'S0impro_F000' is in toy too" in done.stderr


def test_a_recording_in_both_corpora_is_a_leak(tmp_path):
    place = Workplace(tmp_path, two())
    place.split(outs=1, train=["toy"])
    path = tmp_path / "data/manifest/other/0.audio.sha256"
    path.write_text(
        path.read_text().replace("digest of other ", "digest of toy ")
    )  # by content, independent of the name
    done = place.audit(check=False)
    assert done.returncode == 1 and "recording" in done.stderr


def test_each_corpus_has_its_own_map_and_needs_every_class(tmp_path):
    corpora = two()
    corpora["other"] = [replace(row, label=row.label.upper()) for row in corpora["other"]]
    place = Workplace(tmp_path, corpora)
    upper = {"name": "upper", "map": {code.upper(): name for code, name in LABELS["map"].items()}}
    tables = place.split(folds=7, labels={"toy": LABELS, "other": upper})
    assert {line["label"] for lines in tables for line in lines} == {*CLASSES, ""}
    done = place.split(check=False, folds=7, labels={"toy": LABELS, "other": LABELS})
    assert done.returncode == 1 and "other.csv: the map 'three' makes ang, hap, neu" in done.stderr


def test_fold_tables_name_the_corpus_of_each_row(tmp_path):
    place = Workplace(tmp_path)
    place.split()
    path = tmp_path / "p/fold0.csv"
    assert list(records.read(path)[0])[:6] == ["utterance", "parent", "corpus", "part", "row", "speaker"]


# In process ---------------------------------------------------------------------------------------------------


def test_the_table_split_follows_its_lines(tmp_path):
    lines = [
        {"utterance": "a", "side": "train", "fold": "0", "copy": "2"},
        {"utterance": "a", "side": "test", "fold": "0", "copy": ""},
        {"utterance": "b", "side": "dev", "fold": "", "copy": "1"},
        {"utterance": "b", "side": "train", "fold": "1", "copy": "1"},
        {"utterance": "left out", "side": "train", "fold": "1", "copy": "1"},
    ]
    file, split = table(tmp_path / "s.csv", lines), plugin.find("splits", "table").split
    three = [utterance(name) for name in "abc"]
    found = split(three, 2, known={"a", "b", "c", "left out"}, file=file)
    assert found == [[["train", "train", "test"], ["dev"], ()], [(), ["train"], ()]]
    with pytest.raises(InputError, match="line 6: the corpus has no utterance 'left out'"):
        split(three, 2, known={"a", "b", "c"}, file=file)
    with pytest.raises(InputError, match="it has 2 folds, the protocol 3"):
        split(three, 3, known={"a", "b", "c", "left out"}, file=file)
    (tmp_path / "s.csv").write_text("utterance,side\na,train,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2: it has more or fewer cells than the header"):
        split(three, 1, known={"a"}, file=file)
    (tmp_path / "s.csv").write_text("utterance,side\n", encoding="utf-8")
    with pytest.raises(InputError, match="it has no lines"):
        split(three, 1, known={"a"}, file=file)


def test_chosen_rows_have_classes_by_corpus_and_filter():
    found = protocol_rows.chosen(
        {"x": [utterance("a", label="01"), utterance("b", label="99")], "y": [utterance("c", label="01", gender="M")]},
        {"x": {"map": {"01": "calm"}}, "y": {"map": {"01": "angry"}}},
        {"gender": "F"},
    )
    assert {row.utterance: row.label for rows in found.values() for row in rows} == {"a": "calm", "b": "", "c": ""}


def test_an_excluded_row_is_counted_once_by_filter_or_code():
    corpora = {"x": [utterance("a", label="99", gender="M"), utterance("b", label="99")], "y": [utterance("c")]}
    maps = {"x": {"map": {"neu": "neu"}}, "y": {"map": {"neu": "neu"}}}
    found = protocol_rows.left_out(corpora, maps, {"x": {"99": "odd"}, "y": {}}, {"gender": ["F"]})
    assert found == {
        "rows: gender": {"name": "gender is not F", "rows": 1},
        "x: 99": {"name": "x: odd", "rows": 1},
    }
    alone = protocol_rows.left_out({"x": corpora["x"]}, maps, {"x": {}}, {})
    assert alone == {"99": {"name": "99", "rows": 2}}
