"""No choice of names in a config gives two rules, recipes or columns the same name."""

import json

import pytest
from _planted import offer
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.plan.plan import Plan
from emospace.plan.reserved import COLUMNS, fixed_rules, generated_rules
from emospace.runs.run_files import ROW_COLUMNS

MODEL = """
def train(fold, *, seed, checkpoint): ...
def apply(trained, rows): ...
def extras(): return ["gates"]
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "plug-ins").mkdir()
    offer(monkeypatch, tmp_path / "plug-ins", "models", "gated", MODEL)
    return shipped("config.yaml")


def with_run(config, name: str) -> dict:
    run = {"model": "gated", "protocol": "session", "inputs": ["audio.mfcc"]}
    return config | {"runs": config["runs"] | {name: run}}


def with_corpus(config, name: str) -> dict:
    corpus = config["corpora"]["demo"] | {"reader": "demo"}
    return config | {"corpora": config["corpora"] | {name: corpus}}


def with_features(config, view: str, *names: str) -> dict:
    options = {"encoder": "mfcc"}
    features = config["features"] | dict.fromkeys(names, options)
    views = config["views"] | {view: {"view": "audio"}, f"{view}_low": {"view": "audio"}}
    return config | {"views": views, "features": features}


def with_class(config, name: str) -> dict:
    protocols = config["protocols"] | {"mine": config["protocols"]["session"] | {"labels": "mine"}}
    runs = config["runs"] | {"mine": config["runs"]["probe"] | {"protocol": "mine"}}
    return config | {"labels": {"mine": {"ang": name, "neu": "neu"}}, "protocols": protocols, "runs": runs}


@pytest.mark.parametrize(
    ("change", "names", "message"),
    [
        (with_run, ["all"], "config: runs: all: its rule would be called train_all, like the rule .* of rules/train"),
        (with_corpus, ["report"], "config: corpora: report: its rule would be called make_report"),
        (with_corpus, ["children"], "config: corpora: children: .*rules/children.smk. give it another name"),
        (with_corpus, ["protocol_session"], "protocols: session: .*make_protocol_session, like that of config: corp"),
        (
            with_features,
            ["sound", "sound.low_mel", "sound_low.mel"],
            "features: sound_low.mel: .*embed_sound_low_mel, like that of config: features: sound.low_mel",
        ),
        (with_class, ["valence"], "config: labels: mine: a class is called 'valence', like a column"),
    ],
)
def test_a_name_that_is_already_taken_is_refused_at_planning_time(config, change, names, message):
    with pytest.raises(InputError, match=message):
        Plan(change(config, *names))


def test_a_run_without_a_rule_of_its_own_may_have_any_name(config):
    """A corpus with the name of a recipe keeps a recipe of its own, too."""
    config["runs"]["all"] = config["runs"]["probe"]
    plan = Plan(with_corpus(config | {"on_problem": "stop"}, "augmented"))
    with open(plan.recipe("check_quality", "augmented"), encoding="utf-8") as handle:
        assert json.load(handle)["options"] == {"on_problem": "stop"}


def test_the_reserved_columns_include_those_of_the_tables():
    assert {*ROW_COLUMNS} < COLUMNS


@pytest.mark.workflow
def test_all_rules_are_known(project, config):
    """Snakemake has exactly the rules that the check lists, plus two without a literal or configured name."""
    project.configure(config)
    listed = {line for line in project.snakemake("--list-rules").splitlines() if line.isidentifier()}
    known = {name for _, name in fixed_rules()} | {name for name, _ in generated_rules(Plan(config))}
    assert listed - known == {"all", "train"} and not known - listed
