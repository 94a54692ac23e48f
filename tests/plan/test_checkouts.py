"""Artifacts that git or DVC replaced without Snakemake lose its record, so that it builds them again; others keep it.

tests/plan/test_snakemake_api.py tests the records themselves; here a table stands for them.
"""

from pathlib import Path

import pytest

from emospace.core.provenance import canonical, sha256, write_json, write_once
from emospace.plan import checkouts

RECIPES = Path(".emospace/recipes")


class Records:
    """Stands for Snakemake's records: output -> inputs from which it was last built."""

    def __init__(self):
        self.made: dict[Path, list[Path]] = {}
        self.forgotten: list[str] = []

    def inputs(self, output: Path) -> list[Path]:
        return self.made.get(output, [])

    def input_below(self, output: Path, folder: Path) -> Path | None:
        return next((path for path in self.inputs(output) if path.is_relative_to(folder)), None)

    def forget(self, output: Path) -> None:
        self.forgotten.append(str(output))

    def build(self, sidecar: str, options: dict) -> None:
        """Imitate a job: write the sidecar of its output, and record its inputs."""
        recipe = {"options": options}
        planned = write_once(RECIPES, "embed", canonical(recipe))
        inputs = [Path("source.csv"), Path("unchanged.csv")]
        digests = {str(path): sha256(path) for path in inputs}
        write_json(Path(sidecar), {"recipe": recipe, "inputs": digests, "outputs": {}})
        self.made[Path(sidecar)] = [*inputs, planned]


@pytest.fixture
def records(tmp_path, monkeypatch) -> Records:
    monkeypatch.chdir(tmp_path)
    records = Records()
    monkeypatch.setattr(checkouts, "Records", lambda: records)
    for name in ("source.csv", "unchanged.csv"):
        Path(name).write_text("a")
    return records


def forgotten(records: Records, name: str = "mine", corpora: tuple[str, ...] = ("demo",)) -> list[str]:
    records.forgotten.clear()
    checkouts.forget_exchanged(name, corpora, RECIPES)
    return records.forgotten


STORE = "data/features/demo/audio.mfcc/0.json"


def test_an_artifact_as_it_was_built_keeps_its_record(records):
    records.build(STORE, {"coefficients": 13})
    assert forgotten(records) == []


def test_an_artifact_of_another_recipe_is_built_again(records):
    records.build(STORE, {"coefficients": 13})
    write_json(Path(STORE), {"recipe": {"options": {}}, "inputs": {}, "outputs": {}})
    assert forgotten(records) == [STORE]


def test_an_artifact_of_other_inputs_is_built_again_and_an_absent_input_is_no_evidence(records):
    records.build(STORE, {})
    Path("source.csv").write_text("b")
    assert forgotten(records) == [STORE]
    Path("source.csv").unlink()
    assert forgotten(records) == []


def test_an_artifact_without_a_record_is_left_to_snakemake(records):
    records.build(STORE, {})
    records.made.clear()
    Path("source.csv").write_text("b")
    assert forgotten(records) == []


def test_only_artifacts_of_this_config_and_of_its_corpora_are_compared(records):
    sidecars = [STORE, "data/manifest/demo.json", "results/mine/runs/probe/fold0-1/run.json"]
    for sidecar in sidecars:
        records.build(sidecar, {})
    Path("source.csv").write_text("b")
    assert sorted(forgotten(records)) == sorted(sidecars)
    assert forgotten(records, name="other") == ["data/manifest/demo.json", STORE]
    assert forgotten(records, corpora=("ravdess",)) == ["results/mine/runs/probe/fold0-1/run.json"]
