"""dvc.yaml and the Snakefile agree: same phases, every artifact under exactly one stage, every config block tracked."""

import re
from pathlib import PurePosixPath

import pytest
import yaml
from _augmented import NAMES, augmented
from conftest import ROOT, Project

LOCAL = {"source": "local", "path": "somewhere", "files": {"model.safetensors": None}}
CODE = {"Snakefile", "rules", "emospace", "workflow_scripts"}


def stages() -> dict:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def paths(stage: dict) -> list[str]:
    entries = stage.get("outs", []) + stage.get("metrics", [])
    return [next(iter(e)) if isinstance(e, dict) else e for e in entries]


def lies_under(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


@pytest.fixture(scope="module")
def produced(tmp_path_factory) -> set[str]:
    """Every file that the DAG would make, from Snakemake's own summary of a fresh copy with augmented views."""
    project = Project(tmp_path_factory.mktemp("dag"))
    config = augmented(yaml.safe_load((ROOT / "config.yaml").read_text()), dict.fromkeys(NAMES, LOCAL))
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
    assert len(produced) > 100
    assert sum(lies_under(file, "data/augmented") for file in produced) > 100
    outputs = [out for stage in stages().values() for out in paths(stage)]
    for file in produced:
        owners = [out for out in outputs if lies_under(file, out)]
        assert len(owners) == 1, f"{file} is under {owners or 'no output of dvc.yaml'}"


def test_every_output_of_a_stage_is_made(produced):
    for out in (out for stage in stages().values() for out in paths(stage)):
        assert any(lies_under(file, out) for file in produced), f"nothing makes {out}"


def test_the_phases_before_augment_make_all_that_it_reads(tmp_path):
    """Else its stage would write into the outputs of theirs, and DVC would find those changed."""
    project = Project(tmp_path)
    config = augmented(yaml.safe_load((ROOT / "config.yaml").read_text()), dict.fromkeys(NAMES, LOCAL))
    features = config["features"] | {"text_bt.clip": config["features"]["text.clip"]}
    selection = config["features"]["frames.top"]
    features["frames_aug.top"] = selection | {"select": "frames_aug.clip"}
    runs = {"probe_audio": config["runs"]["probe_audio"], "probe_random": config["runs"]["probe_random"]}
    runs["probe_random"]["inputs"] = ["audio.mfcc"]  # no run reads what the augmented features are compared with
    project.configure(config | {"features": features, "runs": runs})
    phases = [re.fullmatch(r".* (\w+)", stage["cmd"]).group(1) for stage in stages().values()]
    before = phases[: phases.index("augment")]
    made, all_made = project.planned(*before), project.planned(*before, "augment")
    new = {name for name, jobs in all_made.items() if jobs != made.get(name)}
    own = r"augment(_frames)?|translate_\w+|embed_(text_bt|frames_aug)_\w+|select_frames_aug_top|check_augmented"
    own += r"|score_\w+|gate_fold|(make|audit|count)_children|make_sheet"
    assert {"translate_text_bt", "select_frames_aug_top", "audit_children"} < new
    assert {name for name in new if not re.fullmatch(own, name)} == set()


def test_every_config_block_is_a_parameter_of_a_stage():
    tracked = {key for stage in stages().values() for entry in stage.get("params", []) for key in entry["config.yaml"]}
    schema = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert tracked >= set(config) - {"private_remote"}  # where artifacts go, not what they are
    assert set(schema["properties"]) - tracked - {"private_remote"} <= {"labels"} - set(config)


def test_dependencies_are_code_or_outputs_of_earlier_stages():
    earlier: set[str] = set()
    for name, stage in stages().items():
        assert set(stage["deps"]) >= CODE, name
        assert set(stage["deps"]) - CODE <= earlier, name
        earlier |= set(paths(stage))
        kept = [e for e in stage.get("outs", []) + stage.get("metrics", []) if not next(iter(e.values()))["persist"]]
        assert not kept, f"{name}: without persist DVC deletes {kept} before each run"
