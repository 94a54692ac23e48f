"""What a config asks to be made of trained runs: analyses, and the sections of the report."""

import re

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.report import templates

ANALYSIS_KEYS = {"analysis", "runs"}
SIDECAR = "analysis.json"
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SEE = "see Analysis in docs/contracts.md"


def sections(plan) -> list[str]:
    """The sections of the report that a config names, or all there are; InputError for one that is none."""
    for name in (found := plan.config.get("sections") or templates.ordered()):
        templates.check(name)
    return list(found)


def analyses(plan) -> dict[str, dict]:
    """The analyses of a config with module and runs: those that it names, then those that are made by default.

    Raises InputError for what leads nowhere, or does not suit a run.
    """
    asked = plan.config.get("analyses", {})
    modules = {spec.get("analysis", name) for name, spec in asked.items()}
    others = [name for name in plugin.names("analyses") if name not in {*asked, *modules}]
    default = {name: {} for name in others if plugin.find("analyses", name).DEFAULT}
    return {name: _analysis(plan, name, spec) for name, spec in (asked | default).items()}


def _analysis(plan, name: str, spec: dict) -> dict:
    where, plug_in = f"config: analyses: {name}", spec.get("analysis", name)
    free = sorted(ANALYSIS_KEYS - spec.keys())
    plugin.check_options("analyses", plug_in, "analyse", options(spec), where, free)
    _outputs(plug_in)
    suited = [run for run in plan.config["runs"] if _suits(plan, plug_in, run)]
    runs = spec.get("runs", suited)
    for run in runs:
        if run not in plan.config["runs"]:
            raise InputError(where, f"there is no run {run!r}", suggest(run, plan.config["runs"]))
        if run not in suited:
            reason = f"the analysis {plug_in!r} does not suit the run {run!r}"
            raise InputError(
                where, reason, f"it suits {', '.join(suited) or 'none'}; see emospace/analyses/{plug_in}.py"
            )
    return {**spec, "analysis": plug_in, "runs": list(runs)}


def _outputs(name: str) -> None:
    """Raise InputError unless the outputs of an analysis are names of different files."""
    found, file = plugin.find("analyses", name).OUTPUTS, plugin.place("analyses", name)
    wrong = [output for output in found if not FILE.fullmatch(output) or output == SIDECAR]
    if wrong or not found or isinstance(found, str) or len({*found}) < len(found):
        reason = f"OUTPUTS is {found!r}, which must be different names of files"
        reason += f", not {wrong[0]!r}" if wrong else ""
        raise InputError(file, reason, SEE)


def _suits(plan, name: str, run: str) -> bool:
    spec, file = plan.run(run), plugin.place("analyses", name)
    with plugin.blamed(file, "suits()", SEE):
        return bool(plugin.find("analyses", name).suits(plugin.find("models", spec["model"]), spec["inputs"]))


def options(spec: dict) -> dict:
    """Options of an analysis."""
    return {key: value for key, value in spec.items() if key not in ANALYSIS_KEYS}


def outputs(spec: dict) -> list[str]:
    """Names of the files that an analysis makes, without its sidecar."""
    return list(plugin.find("analyses", spec["analysis"]).OUTPUTS)
