"""dvc.yaml and the Snakefile agree: same phases, one stage for each artifact, and every config block tracked."""

import contextlib
import copy
import re
from pathlib import PurePosixPath

import pytest
import yaml
from _augmented import NAMES, augmented
from conftest import ROOT, Project, shipped

from emospace.plan.plan import Plan

LOCAL = {"source": "local", "path": "somewhere", "files": {"model.safetensors": None}}
CODE = {"Snakefile", "rules", "emospace", "workflow_scripts"}
PAIRS = {"configs/pairs"}  # sentence pairs for training toy translators
SHARED = {"configs/shared"}  # weights that any config may name
TABLES = {"configs/splits"}  # tables of sides for protocols with the split `table`


def stages() -> dict:
    """The stages as DVC resolves them for config.yaml."""
    name = shipped("config.yaml")["name"]
    return yaml.safe_load((ROOT / "dvc.yaml").read_text().replace("${name}", name))["stages"]


def paths(stage: dict) -> list[str]:
    entries = stage.get("outs", []) + stage.get("metrics", [])
    return [next(iter(e)) if isinstance(e, dict) else e for e in entries]


def lies_under(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


@pytest.fixture(scope="module")
def produced(tmp_path_factory) -> set[str]:
    """Every file that the DAG would make, by Snakemake's summary of a fresh copy with augmented views."""
    project = Project(tmp_path_factory.mktemp("dag"))
    config = augmented(shipped("config.yaml"), dict.fromkeys(NAMES, LOCAL))
    project.configure(config)
    output = project.run("snakemake", "report", "augment", "--cores", "1", "--summary").stdout
    rows = [line.split("\t") for line in output.splitlines() if "\t" in line]
    return {row[0] for row in rows if row[0] != "output_file"}


def test_every_stage_calls_a_phase_of_the_snakefile():
    rules = " ".join(p.read_text() for p in (ROOT / "rules").glob("*.smk"))
    for name, stage in stages().items():
        phase = re.fullmatch(r"snakemake --cores all (\w+)", stage["cmd"]).group(1)
        assert re.search(rf"^rule {phase}:", rules, re.M), f"stage {name} calls {phase}, which is no rule"


def test_every_artifact_is_an_output_of_exactly_one_stage(produced):
    # Large enough numbers to show that neither half of the DAG is missing.
    copies = {file for file in produced if "augmented" in PurePosixPath(file).parts}
    assert len(copies) > 50 and len(produced - copies) > 50
    outputs = [out for stage in stages().values() for out in paths(stage)]
    for file in produced:
        owners = [out for out in outputs if lies_under(file, out)]
        assert len(owners) == 1, f"{file} is under {owners or 'no output of dvc.yaml'}"


def test_every_output_of_a_stage_is_made(produced):
    for out in (out for stage in stages().values() for out in paths(stage)):
        assert any(lies_under(file, out) for file in produced), f"nothing makes {out}"


def test_no_output_of_a_stage_lies_in_another_or_belongs_to_two_configs():
    outputs = [out for stage in stages().values() for out in paths(stage)]
    assert not [(a, b) for a in outputs for b in outputs if a is not b and lies_under(a, b)]
    shared = {"data/raw", "data/manifest", "data/views", "data/features", "data/augmented", "weights"}
    assert {out for out in outputs if "demo" not in PurePosixPath(out).parts} == shared


def test_the_phases_before_augment_make_all_that_it_reads(tmp_path):
    """Otherwise the augment stage would write into outputs of other stages, and DVC would report those as changed."""
    project = Project(tmp_path)
    config = augmented(shipped("config.yaml"), dict.fromkeys(NAMES, LOCAL))
    features = config["features"] | {"text_bt.clip": config["features"]["text.clip"]}
    selection = config["features"]["frames.top"]
    features["frames_aug.top"] = selection | {"select": "frames_aug.clip"}
    runs = {"probe_audio": config["runs"]["probe_audio"], "probe_random": config["runs"]["probe_random"]}
    runs["probe_random"]["inputs"] = ["audio.mfcc"]  # no run reads the features to which augmented ones are compared
    project.configure(config | {"features": features, "runs": runs})
    phases = [re.fullmatch(r".* (\w+)", stage["cmd"]).group(1) for stage in stages().values()]
    before = phases[: phases.index("augment")]
    made, all_made = project.planned(*before), project.planned(*before, "augment")
    new = {name for name, jobs in all_made.items() if jobs != made.get(name)}
    own = r"augment(_\w+)?|embed_(text_bt|frames_aug)_\w+|select_frames_aug_top|check_augmented"
    own += r"|score_\w+|gate_fold|(make|audit|count)_children|make_sheet"
    assert {"augment_text_bt", "select_frames_aug_top", "score_text_bt", "make_sheet"} < new
    assert {name for name in new if not re.fullmatch(own, name)} == set()


def blocks(stage: str) -> set[str]:
    """Config blocks that are parameters of a stage."""
    return {key for entry in stages()[stage].get("params", []) for key in entry["config.yaml"]}


@pytest.mark.parametrize(
    "preset", ["config.yaml", *sorted(f"configs/{p.name}" for p in (ROOT / "configs").glob("*.yaml"))]
)
def test_every_config_block_is_a_parameter_of_a_stage_and_in_every_preset(preset):
    """DVC fails if a parameter is missing, and any preset may be copied to config.yaml."""
    tracked = set().union(*map(blocks, stages()))
    assert tracked | {"private_remote"} == set(shipped(preset))  # private_remote only selects where artifacts go
    schema = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text())
    assert tracked | {"private_remote"} == set(schema["properties"])


# Stage -> scripts that it runs. Exports are not versioned.
SCRIPTS = {
    "corpora": "make_demo index_part merge_manifest make_protocol audit_protocol",
    "views": "extract_view check_quality",
    "weights": "fetch_weights",
    "features": "embed select_frames",
    "augment": "augment_view score_view gate_fold make_children audit_children count_children make_sheet",
    "train": "train apply_train",
    "evaluate": "evaluate",
    "analyse": "analyse",
    "report": "summarize make_report",
}
STAGE = {script: stage for stage, scripts in SCRIPTS.items() for script in scripts.split()}
# Edits of every block: a changed option, another plug-in or reference, and an added or removed entry.
EDITS = [
    ("name", "other"),
    ("seed", 2),
    ("on_problem", "stop"),
    ("examples", 2),
    ("corpora.demo.parts", 4),
    ("corpora.demo.options.expect_counts", True),
    ("corpora.demo.generate.dialogues", 1),
    ("labels.mine.sad", "low"),
    ("views.frames.size", 64),
    ("views.text_bt.num_beams", 3),
    ("views.text_bt.chain", NAMES[:1]),
    ("weights.clip.revision", "0" * 40),
    ("weights.clip.seen", ["demo"]),
    ("features.audio.mfcc.coefficients", 13),
    ("features.text.clip.weights", "other"),
    ("features.frames.top.k", 2),
    ("gate.text_bt.min_similarity", 0.5),
    ("protocols.session.folds", 3),
    ("protocols.session.split", "speaker"),
    ("protocols.random.labels", "iemocap6"),
    ("protocols.random", None),
    ("runs.probe.max_iter", 1500),
    ("runs.probe.seeds", 2),
    ("runs.unified.versus", "probe_audio"),
    ("runs.probe_audio.inputs", ["frames.top"]),
    ("runs.probe_bt.augment", []),
    ("runs.probe_text", None),
    ("analyses.subsets", {"runs": ["unified"]}),
    ("analyses.reliability", {"bins": 5}),
    ("sections", ["results"]),
]


def changed(config: dict, where: str, value) -> dict:
    """Return the config with one key set, or removed if the value is None. Feature names contain a dot themselves."""
    config = copy.deepcopy(config)
    *above, last = re.sub(r"^(features\.\w+)\.", r"\1|", where).split(".")
    block = config
    for key in above:
        block = block[key.replace("|", ".")]
    if value is None:
        del block[last]
        config["runs"] = {
            n: r
            for n, r in config["runs"].items()
            if last != r["protocol"] and f"run:{last}" not in r.get("inputs", [])
        }
    else:
        block[last.replace("|", ".")] = value
    return config


def asked(config: dict) -> dict[str, set]:
    """Map each stage to what it must make and how, leaving out the outputs of earlier stages."""
    plan = Plan(config)
    found = {stage: set() for stage in SCRIPTS}
    for (rule, key), path in plan.recipes.items():
        if rule != "export_arrays":
            view = "augment" if rule == "embed" and key.partition(".")[0] in plan.augmented() else STAGE[rule]
            found[view].add((rule, key, path.read_text()))
    found["weights"].update(plan.fetched())
    found["features"].update(plan.used_features("demo"))
    found["views"].update(plan.read_views("demo"))
    return found


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> tuple[dict, dict[str, set]]:
    """A config with an entry in every block, and what it asks of each stage."""
    config = augmented(shipped("config.yaml"), dict.fromkeys(NAMES, LOCAL))
    config["labels"] = {"mine": {"ang": "high", "hap": "high", "neu": "low", "sad": "sad"}}
    config["protocols"]["session"]["labels"] = "mine"
    config["weights"]["other"] = LOCAL
    with contextlib.chdir(tmp_path_factory.mktemp("labelled")):
        return config, asked(config)


@pytest.mark.parametrize(("where", "value"), EDITS)
def test_a_stage_has_for_parameters_what_its_jobs_are_asked(where, value, labelled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, before = labelled
    after = asked(changed(config, where, value))
    touched = {stage for stage in before if before[stage] != after[stage]}
    assert "report" in touched
    assert not [stage for stage in touched if where.partition(".")[0] not in blocks(stage)]


def test_dependencies_are_code_or_outputs_of_earlier_stages():
    earlier: set[str] = set()
    for name, stage in stages().items():
        assert set(stage["deps"]) >= CODE, name
        assert set(stage["deps"]) - CODE - PAIRS - TABLES - SHARED <= earlier, name
        read = {"weights": PAIRS, "corpora": TABLES, "train": {"data/views"}, "analyse": {"data/views", "weights"}}
        assert set(stage["deps"]) >= read.get(name, set()), name
        assert ("weights" in blocks(name)) == (set(stage["deps"]) >= SHARED), name
        earlier |= set(paths(stage))
        kept = [e for e in stage.get("outs", []) + stage.get("metrics", []) if not next(iter(e.values()))["persist"]]
        assert not kept, f"{name}: without persist DVC deletes {kept} before each run"
