"""Private names of Snakemake: one module uses them all, and the installed Snakemake has them all.

If a test fails after an upgrade, Snakemake has renamed or removed a name that the corresponding function in
emospace/plan/snakemake_api.py uses. Find its successor in Snakemake's source and change that function only.
"""

import inspect
import json
import logging
import re
import subprocess
import sys

import pytest
import snakemake.api  # first: the other modules have circular imports
import snakemake.logging
from conftest import ROOT

from emospace.plan import snakemake_api

FIX = "Snakemake no longer has {}: adapt emospace/plan/snakemake_api.py ({}) to the installed version"
# Attributes of objects that exist only during a run: class -> (names, the functions that use them).
USED = {
    "snakemake.workflow.Workflow": (
        "deployment_settings config_settings resource_settings output_settings global_resources register_resource"
        " resource_scopes touch dag is_main_process rules scheduler local_exec",
        "the workflow object of the Snakefile",
    ),
    "snakemake.scheduling.job_scheduler.JobScheduler": ("job_rate_limiter failed", "wait_for_jobs_only, outcome"),
    "snakemake.dag.DAG": ("needrun_jobs needrun finished jobs toposorted", "outcome, Graph"),
    "snakemake.jobs.Job": ("rule wildcards output input params resources log benchmark", "outcome, Graph"),
    "snakemake.persistence.file.FilePersistence": ("metadata cleanup_metadata", "Records"),
    "snakemake.api.DAGApi": ("execute_workflow cleanup_metadata", "planned, Graph.forget"),
    "snakemake.io._IOFile": ("is_ancient is_checksum_eligible", "Graph.needs, hash_no_ancient_input"),
    "snakemake_interface_logger_plugins.common.LogEvent": (
        "WORKFLOW_STARTED RESOURCES_INFO JOB_STARTED PROGRESS GROUP_INFO JOB_INFO RUN_INFO JOB_FINISHED",
        "terminal_handlers; emospace/plan/terminal.py",
    ),
}


@pytest.mark.parametrize("place", USED)
def test_the_private_names_exist(place):
    module, name = place.rsplit(".", 1)
    thing = getattr(pytest.importorskip(module), name, None)
    assert thing is not None, FIX.format(place, USED[place][1])
    bases = thing.__mro__ if inspect.isclass(thing) else ()
    text = "".join(inspect.getsource(inspect.getmodule(base)) for base in bases if base.__module__ != "builtins")
    for used in USED[place][0].split():
        # Some fields of dataclasses and attributes set by __init__ exist only on instances.
        there = hasattr(thing, used) or re.search(rf"\b(self\.)?{used}\b *[:=]", text)
        assert there, FIX.format(f"{place}.{used}", USED[place][1])


def test_the_terminal_handler_has_the_expected_name():
    assert snakemake_api.HANDLER in inspect.getsource(snakemake.logging), FIX.format("that handler", "HANDLER")


def test_records_can_be_read_and_deleted(tmp_path, monkeypatch):
    """The record comes from a job that the installed Snakemake ran."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(
        'rule a:\n    input: "in/x"\n    output: "y"\n    shell: "cp {input} {output}"\n'
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").write_text("x")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--", "y"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    records, output = snakemake_api.Records(), tmp_path.joinpath("y").relative_to(tmp_path)
    assert [str(path) for path in records.inputs(output)] == ["in/x"]
    assert str(records.input_below(output, output.with_name("in"))) == "in/x"
    assert records.input_below(output, output.with_name("other")) is None
    records.forget(output)
    assert snakemake_api.Records().inputs(output) == []


QUEUE = """
import sys, threading
sys.path.insert(0, {root!r})
from emospace.plan import snakemake_api
onstart:
    {call}
onsuccess:
    print("timers", sum(isinstance(thread, threading.Timer) for thread in threading.enumerate()))
rule all:
    input: expand("out/{{n}}", n=range(8))
rule one:
    output: "out/{{n}}"
    shell: "touch {{output}}"
"""


@pytest.mark.parametrize(("call", "timers"), [("snakemake_api.wait_for_jobs_only(workflow)", False), ("pass", True)])
def test_no_timer_evaluates_the_queue(call, timers, tmp_path):
    """The second case fails once Snakemake no longer needs the function, which can go then."""
    (tmp_path / "Snakefile").write_text(QUEUE.format(root=str(ROOT), call=call))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout.split("timers")[1].split()[0]) > 2) is timers


HASHED = """
import sys
sys.path.insert(0, {root!r})
from emospace.plan import snakemake_api
onstart:
    {call}
rule all:
    input: "out"
rule one:
    input: "new", ancient("old")
    output: "out"
    shell: "cat {{input}} > {{output}}"
"""


@pytest.mark.parametrize(
    ("call", "hashed"), [("snakemake_api.hash_no_ancient_input()", ["new"]), ("pass", ["new", "old"])]
)
def test_ancient_inputs_are_not_hashed(call, hashed, tmp_path):
    """The second case fails once Snakemake no longer needs the function, which can go then."""
    (tmp_path / "Snakefile").write_text(HASHED.format(root=str(ROOT), call=call))
    for name in ("new", "old"):
        (tmp_path / name).write_text(name)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [record] = (file for file in (tmp_path / ".snakemake/metadata").rglob("*") if file.is_file())
    assert sorted(json.loads(record.read_text())["input_checksums"]) == hashed


def test_no_other_file_imports_undocumented_names_of_snakemake():
    documented = {"from snakemake.utils import min_version"}
    imports = {}
    for path in [
        ROOT / "Snakefile",
        *(p for f in ("rules", "emospace", "workflow_scripts") for p in (ROOT / f).rglob("*")),
    ]:
        if path.suffix in (".py", ".smk", "") and path.is_file() and path.name != "snakemake_api.py":
            lines = path.read_text(encoding="utf-8").splitlines()
            imports[path.name] = {
                s for s in map(str.strip, lines) if re.match(r"(from|import) snakemake", s)
            } - documented
    assert {name: lines for name, lines in imports.items() if lines} == {}


def test_handlers_with_other_names_are_unchanged():
    logger = logging.Logger("of a test")
    logger.addHandler(logging.NullHandler())
    assert snakemake_api.terminal_handlers(logger) == []
