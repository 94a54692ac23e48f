"""Configs of the published systems plan without error; the columns of a table differ only in protocol and scope."""

import numpy as np
import pytest
from conftest import ROOT, shipped

from emospace.core import records
from emospace.plan.expansion import expanded
from emospace.plan.plan import Plan

CONFIGS = sorted(f"configs/systems/{path.name}" for path in (ROOT / "configs/systems").glob("*.yaml"))
SCOPE = ("protocol", "fit_on", "copies")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A working directory with the prepared tables and the sentence pairs that the configs name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    line = {"wav_file": "a", "label": "0", "transcription": "b"}
    for config in map(shipped, CONFIGS):
        files = [
            protocol.get(name) for protocol in config["protocols"].values() for name in ("train_table", "test_table")
        ]
        files += [block.get(name) for block in config["features"].values() for name in ("train_table", "test_table")]
        for file in filter(None, files):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            records.write(tmp_path / file, list(line), [line])
        for file in filter(None, (block.get("file") for block in config["features"].values())):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            np.savez(tmp_path / file, label=np.array(["ang", "neu"]))  # all that planning reads


@pytest.mark.parametrize("path", CONFIGS)
def test_a_config_plans_and_shows_every_run_but_the_probes_in_a_table(path, tables):
    plan = Plan(shipped(path))
    shown = [
        run for spec in plan.config["analyses"].values() if spec.get("analysis") == "members" for run in spec["runs"]
    ]
    if "price" not in path:
        assert sorted(shown) == sorted(run for run in plan.config["runs"] if not run.startswith("probe"))


def test_the_price_of_a_protocol_has_three_columns_for_every_system(tables):
    for path, systems in {"configs/systems/demo.yaml": 11, "configs/systems/price_ravdess.yaml": 8}.items():
        plan = Plan(shipped(path))
        spec, columns = plan.config["analyses"]["price"], {}
        for run in spec["runs"]:
            columns.setdefault(spec["systems"][run], []).append(spec["columns"][run])
        assert len(columns) == systems
        assert all(titles == ["as published", "clean", "chosen on test"] for titles in columns.values())


def read(config: dict, name: str) -> str:
    """Describe an input; replace a run by its model and inputs, because each column has runs of its own."""
    if not name.startswith("run:"):
        return name
    run, _, output = name.removeprefix("run:").partition(".")
    inputs = [read(config, one) for one in config["runs"][run]["inputs"]]
    return f"{config['runs'][run]['model']} of {', '.join(inputs)}: {output}"


@pytest.mark.parametrize("path", CONFIGS)
def test_the_columns_of_a_table_differ_only_in_protocol_and_scope(path):
    config = expanded(shipped(path))
    for name, spec in config["analyses"].items():
        by_model = {}
        for run in spec["runs"] if spec.get("analysis") == "members" else ():
            options = {key: value for key, value in config["runs"][run].items() if key not in SCOPE}
            options["inputs"] = [read(config, name) for name in options["inputs"]]
            by_model.setdefault(options["model"], []).append(options)
        for model, options in by_model.items():
            assert all(one == options[0] for one in options), (path, name, model)


@pytest.mark.parametrize("path", CONFIGS)
def test_only_the_clean_column_does_not_leak(path):
    config = expanded(shipped(path))
    tables = [spec for spec in config["analyses"].values() if spec.get("analysis") == "members"]
    assert all(len(spec["columns"]) == len(spec["runs"]) for spec in tables)
    for spec in tables:
        for run, column in spec["columns"].items():
            protocol = config["protocols"][config["runs"][run]["protocol"]]
            assert protocol.get("leaky", False) == (column != "clean"), (path, run)
