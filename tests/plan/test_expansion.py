"""A run that lists several protocols becomes one plain run per protocol, before anything else looks at the config."""

import copy
import json

import pytest
from conftest import shipped

from emospace.core.errors import InputError
from emospace.plan.expansion import expanded
from emospace.plan.plan import Plan
from emospace.plan.snapshot import freeze, thaw

PROTOCOLS = {
    "published": {"corpus": "demo", "split": "random", "labels": "iemocap4", "leaky": True, "title": "as published"},
    "clean": {"corpus": "demo", "split": "session", "labels": "iemocap4"},
}
RUNS = {
    "probe": {"model": "linear_probe", "protocol": ["published", "clean"], "inputs": ["text.sbert"]},
    "first": {
        "model": "linear_probe",
        "protocol": {"clean": None, "published": {"candidates": [2.0], "seeds": 2}},
        "inputs": ["audio.mfcc"],
        "seeds": 1,
    },
    "late": {"model": "late_fusion", "protocol": ["clean"], "inputs": ["run:probe", "run:first"], "versus": "first"},
    "plain": {"model": "late_fusion", "protocol": "published", "inputs": ["run:probe", "run:first_published"]},
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The demo's config with these runs."""
    monkeypatch.chdir(tmp_path)
    return shipped("config.yaml") | {"protocols": copy.deepcopy(PROTOCOLS), "runs": copy.deepcopy(RUNS), "analyses": {}}


def test_each_protocol_gets_a_run_that_reads_and_is_compared_with_runs_of_its_protocol(config):
    runs = Plan(config).config["runs"]
    assert list(runs) == [
        "probe_published",
        "probe_clean",
        "first_clean",
        "first_published",
        "late_clean",
        "plain",
    ]
    assert runs["probe_clean"] == RUNS["probe"] | {"protocol": "clean"}
    assert runs["first_clean"] == RUNS["first"] | {"protocol": "clean"}
    assert runs["first_published"] == RUNS["first"] | {"protocol": "published", "candidates": [2.0], "seeds": 2}
    assert runs["late_clean"]["inputs"] == ["run:probe_clean", "run:first_clean"]
    assert runs["late_clean"]["versus"] == "first_clean"
    assert runs["plain"] == RUNS["plain"] | {"inputs": ["run:probe_published", "run:first_published"]}


def test_outputs_of_runs_keep_their_names_and_other_inputs_stay(config):
    config["runs"]["late"]["inputs"] = ["run:first.embeddings", "audio.mfcc", "run:plain.hidden"]
    inputs = expanded(config)["runs"]["late_clean"]["inputs"]
    assert inputs == ["run:first_clean.embeddings", "audio.mfcc", "run:plain.hidden"]


def test_a_config_of_plain_runs_is_unchanged_and_a_job_takes_over_the_expanded_one(config, tmp_path):
    plain = shipped("configs/cross_corpus.yaml")
    assert expanded(plain) == plain
    plan = Plan(config)
    there = thaw(json.loads(freeze(plan, tmp_path / "plans").read_text(encoding="utf-8")))
    assert there.config == plan.config and list(there.config["runs"]) == list(plan.config["runs"])


def test_analyses_name_a_listed_run_and_columns_have_the_titles_of_the_protocols(config):
    config["analyses"] = {
        "table": {"analysis": "members", "runs": ["first", "plain"], "table": "T"},
        "own": {
            "analysis": "members",
            "runs": ["plain", "first"],
            "table": "T",
            "columns": {"plain": "x", "first": "y"},
        },
        "reliability": {"runs": ["probe", "probe_clean"]},
    }
    analyses = Plan(config).config["analyses"]
    assert analyses["table"]["runs"] == ["first_clean", "first_published", "plain"]
    assert analyses["table"]["columns"] == {
        "first_clean": "clean",
        "first_published": "as published",
        "plain": "as published",
    }
    assert analyses["own"]["columns"] == {
        "plain": "x",
        "first_clean": "y, clean",
        "first_published": "y, as published",
    }
    assert analyses["reliability"] == {"analysis": "reliability", "runs": ["probe_published", "probe_clean"]}


def test_a_title_changes_no_recipe_of_a_protocol_or_a_run(config):
    before = Plan(copy.deepcopy(config)).recipes
    config["protocols"]["published"]["title"] = "other"
    after = Plan(config).recipes
    assert {key for key in before if before[key] != after[key]} == {("make_report", "all")}


def change(runs: dict, name: str, **keys):
    runs[name] |= keys


FAULTS = {
    "a protocol that does not exist": (
        lambda runs: change(runs, "first", protocol=["clean", "publishd"]),
        "config: runs: first: protocol: there is no 'publishd' in protocols. did you mean 'published'?",
    ),
    "a run of the same name": (
        lambda runs: runs.update(probe_clean=RUNS["plain"]),
        "config: runs: probe: protocol: its run on 'clean' is called 'probe_clean', like another run. rename one",
    ),
    "two listed runs that give one name": (
        lambda runs: runs.update(probe_x={"model": "linear_probe", "protocol": ["y"]}, probe=PROBE_ON_X_Y),
        "config: runs: probe_x: protocol: its run on 'y' is called 'probe_x_y', like another run",
    ),
    "an input without this protocol": (
        lambda runs: change(runs, "late", protocol=["clean", "published"], inputs=["run:only"]),
        "config: runs: late: the run 'only' does not list the protocol 'published'. add it there, or name one of"
        " only_clean.",
    ),
    "a versus without this protocol": (
        lambda runs: change(runs, "plain", versus="only"),
        "config: runs: plain: versus: the run 'only' does not list the protocol 'published'",
    ),
    "a protocol among the options of one": (
        lambda runs: change(runs, "first", protocol={"clean": {"protocol": "published"}}),
        "config: runs: first: protocol: clean: it names another protocol. leave `protocol` out",
    ),
    "no protocol": (lambda runs: change(runs, "first", protocol=[]), "config: runs: first: protocol: "),
    "a protocol twice": (lambda runs: change(runs, "first", protocol=["clean", "clean"]), "config: runs: first"),
    "a misspelt option": (
        lambda runs: change(runs, "first", protocol={"clean": {"candidate": [1.0]}, "published": {}}),
        "config: runs: first (protocol clean): linear_probe.train() got an unexpected option 'candidate'",
    ),
    "an option of the wrong type": (
        lambda runs: change(runs, "first", candidates="x"),
        "config: runs: first (protocol clean): candidates",
    ),
}
PROBE_ON_X_Y = {"model": "linear_probe", "protocol": ["x_y"]}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_names_the_entry_as_written(fault, config):
    spoil, message = FAULTS[fault]
    config["protocols"] |= {"y": PROTOCOLS["clean"], "x_y": PROTOCOLS["clean"]}
    config["runs"]["only"] = {"model": "linear_probe", "protocol": ["clean"], "inputs": ["audio.mfcc"]}
    spoil(config["runs"])
    with pytest.raises(InputError) as error:
        Plan(config)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"runs": ["frst"]}, "there is no run 'frst'. did you mean 'first'?"),
        ({"runs": ["first"], "columns": {"probe": "x"}}, "columns: 'probe' is not one of its runs"),
        ({"runs": ["first"], "columns": ["x"]}, "columns"),
    ],
)
def test_an_analysis_is_refused_that_names_other_runs(keys, message, config):
    config["analyses"] = {"table": {"analysis": "members", "table": "T", **keys}}
    with pytest.raises(InputError, match="config: analyses: table") as error:
        Plan(config)
    assert message in str(error.value)
