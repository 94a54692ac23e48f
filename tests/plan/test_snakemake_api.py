"""Private names of Snakemake that we use: all in one module, and all there in the Snakemake that is installed.

Where a test here fails after an upgrade, Snakemake renamed or removed what the function of the same subject in
emospace/plan/snakemake_api.py uses: look for its successor in Snakemake's source, mend that function, and nothing else.
"""

import inspect
import logging
import re
import subprocess
import sys

import pytest
import snakemake.api  # first: the other modules import each other in circles
import snakemake.logging
from conftest import ROOT

from emospace.plan import snakemake_api

MEND = "Snakemake no longer has {}: mend emospace/plan/snakemake_api.py ({}) for the version that is installed"
# What we use of objects that only a run makes: class -> (names, the functions here that use them).
USED = {
    "snakemake.workflow.Workflow": (
        "deployment_settings config_settings resource_settings output_settings global_resources register_resource"
        " resource_scopes touch dag is_main_process rules scheduler",
        "the workflow, as the Snakefile sees it",
    ),
    "snakemake.dag.DAG": ("needrun_jobs needrun finished jobs toposorted", "outcome, Graph"),
    "snakemake.jobs.Job": ("rule wildcards output input params resources log benchmark", "outcome, Graph"),
    "snakemake.persistence.file.FilePersistence": ("metadata cleanup_metadata", "Records"),
    "snakemake.api.DAGApi": ("execute_workflow cleanup_metadata", "planned, Graph.forget"),
    "snakemake.io._IOFile": ("is_ancient", "Graph.needs"),
    "snakemake_interface_logger_plugins.common.LogEvent": (
        "WORKFLOW_STARTED RESOURCES_INFO JOB_STARTED PROGRESS GROUP_INFO JOB_INFO RUN_INFO JOB_FINISHED",
        "terminal_handlers; emospace/plan/terminal.py",
    ),
}


@pytest.mark.parametrize("place", USED)
def test_the_private_names_that_we_use_are_there(place):
    module, name = place.rsplit(".", 1)
    thing = getattr(pytest.importorskip(module), name, None)
    assert thing is not None, MEND.format(place, USED[place][1])
    bases = thing.__mro__ if inspect.isclass(thing) else ()
    text = "".join(inspect.getsource(inspect.getmodule(base)) for base in bases if base.__module__ != "builtins")
    for used in USED[place][0].split():
        # Not every field of a dataclass, or attribute that __init__ sets, is there before there is an object.
        there = hasattr(thing, used) or re.search(rf"\b(self\.)?{used}\b *[:=]", text)
        assert there, MEND.format(f"{place}.{used}", USED[place][1])


def test_the_terminal_handler_has_the_name_that_we_look_for():
    assert snakemake_api.HANDLER in inspect.getsource(snakemake.logging), MEND.format("that handler", "HANDLER")


def test_records_are_read_and_forgotten(tmp_path, monkeypatch):
    """Of a job that the installed Snakemake really ran."""
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


def test_no_other_file_imports_snakemake_beyond_its_documented_names():
    documented = {"from snakemake.utils import min_version"}
    found = {}
    for path in [
        ROOT / "Snakefile",
        *(p for f in ("rules", "emospace", "workflow_scripts") for p in (ROOT / f).rglob("*")),
    ]:
        if path.suffix in (".py", ".smk", "") and path.is_file() and path.name != "snakemake_api.py":
            lines = path.read_text(encoding="utf-8").splitlines()
            found[path.name] = {
                s for s in map(str.strip, lines) if re.match(r"(from|import) snakemake", s)
            } - documented
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_handlers_of_other_names_are_left_alone():
    logger = logging.Logger("of a test")
    logger.addHandler(logging.NullHandler())
    assert snakemake_api.terminal_handlers(logger) == []
