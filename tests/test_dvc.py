"""dvc.yaml and the Snakefile agree: same phases, every artifact under exactly one stage, every config block tracked."""

import re
from pathlib import PurePosixPath

import pytest
import yaml
from conftest import ROOT

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
    """Every file that the DAG would make, from Snakemake's own summary of a fresh copy."""
    from conftest import Project

    folder = tmp_path_factory.mktemp("dag")
    output = Project(folder).run("snakemake", "--cores", "1", "--summary").stdout
    rows = [line.split("\t") for line in output.splitlines() if "\t" in line]
    return {row[0] for row in rows if row[0] != "output_file"}


def test_every_stage_calls_a_phase_of_the_snakefile():
    rules = " ".join(p.read_text() for p in (ROOT / "rules").glob("*.smk"))
    for name, stage in stages().items():
        phase = re.fullmatch(r"snakemake --cores all (\w+)", stage["cmd"]).group(1)
        assert re.search(rf"^rule {phase}:", rules, re.M), f"stage {name} calls {phase}, which is no rule"


def test_every_artifact_is_an_output_of_exactly_one_stage(produced):
    assert len(produced) > 100
    outputs = [out for stage in stages().values() for out in paths(stage)]
    for file in produced:
        owners = [out for out in outputs if lies_under(file, out)]
        assert len(owners) == 1, f"{file} is under {owners or 'no output of dvc.yaml'}"


def test_every_output_of_a_stage_is_made(produced):
    for out in (out for stage in stages().values() for out in paths(stage)):
        assert any(lies_under(file, out) for file in produced), f"nothing makes {out}"


def test_every_config_block_is_a_parameter_of_a_stage():
    tracked = {key for stage in stages().values() for entry in stage.get("params", []) for key in entry["config.yaml"]}
    schema = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert tracked >= set(config)
    assert set(schema["properties"]) - tracked <= {"labels"} - set(config)


def test_dependencies_are_code_or_outputs_of_earlier_stages():
    earlier: set[str] = set()
    for name, stage in stages().items():
        assert set(stage["deps"]) >= CODE, name
        assert set(stage["deps"]) - CODE <= earlier, name
        earlier |= set(paths(stage))
        kept = [e for e in stage.get("outs", []) + stage.get("metrics", []) if not next(iter(e.values()))["persist"]]
        assert not kept, f"{name}: without persist DVC deletes {kept} before each run"
