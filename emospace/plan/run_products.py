"""The outputs that a config requests from trained runs: analyses and report sections."""

import re

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.core.steps import named
from emospace.plan.view_checks import known_view
from emospace.plan.views import ANALYSIS_KEYS
from emospace.report import templates

SIDECAR = "analysis.json"
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SEE = "see Analysis in docs/contracts.md"


def sections(plan) -> list[str]:
    """Return the report sections that a config names, or else all; raise InputError for an unknown one."""
    names = plan.config.get("sections") or templates.ordered()
    for name in names:
        templates.check(name)
    return list(names)


def analyses(plan) -> dict[str, dict]:
    """Return the analyses of a config with module and runs: those that it names, then those that run by default.

    Raises InputError for unknown names, and for an analysis that does not suit a run.
    """
    requested = plan.config.get("analyses", {})
    modules = {spec.get("analysis", name) for name, spec in requested.items()}
    others = [name for name in plugin.names("analyses") if name not in {*requested, *modules}]
    default = {name: {} for name in others if plugin.find("analyses", name).DEFAULT}
    return {name: _analysis(plan, name, spec) for name, spec in (requested | default).items()}


def _analysis(plan, name: str, spec: dict) -> dict:
    where, plug_in = f"config: analyses: {name}", spec.get("analysis", name)
    free = sorted(ANALYSIS_KEYS - spec.keys())
    plugin.check_options("analyses", plug_in, "analyse", options(spec), where, free)
    _outputs(plug_in)
    for view in _named(plug_in, spec, "views"):
        known_view(plan, where, view)
    others = _others(plan, where, plug_in, spec)
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
        _check_others(plan, where, plug_in, run, others)
    return {**spec, "analysis": plug_in, "runs": list(runs)}


def _named(plug_in: str, spec: dict, block: str) -> list[str]:
    """Return the entries of a block of the config that the options of an analysis name."""
    entries = named(plugin.find("analyses", plug_in).analyse, options(spec), block)
    return [name for names in entries.values() for name in names]


def _others(plan, where: str, plug_in: str, spec: dict) -> list[str]:
    """Return the other runs that options name; raise InputError for one that does not exist, or with JOINT."""
    others = _named(plug_in, spec, "runs")
    for run in others:
        if run not in plan.config["runs"]:
            raise InputError(where, f"there is no run {run!r}", suggest(run, plan.config["runs"]))
    if others and plugin.find("analyses", plug_in).JOINT:
        reason = "it names other runs in its options, and analyses its runs together (JOINT)"
        raise InputError(plugin.place("analyses", plug_in), reason, f"take them from its runs; {SEE}")
    return others


def _check_others(plan, where: str, plug_in: str, run: str, others: list[str]) -> None:
    """Raise InputError if an analysis cannot read these other runs beside a run."""
    if not others:
        return
    file, check = plugin.place("analyses", plug_in), plugin.find("analyses", plug_in).check_others
    try:
        with plugin.blamed(file, "check_others()", SEE):
            check(_described(plan, run), [_described(plan, other) for other in others])
    except InputError as error:
        if error.file == file:
            raise
        raise InputError(f"{where}: {error.file}", error.reason, error.remedy) from error


def _described(plan, run: str) -> dict:
    spec = plan.run(run)
    return {"name": run, **{key: spec[key] for key in ("model", "protocol", "inputs")}, "seeds": plan.seeds(run)}


def _outputs(name: str) -> None:
    """Raise InputError unless the outputs of an analysis are distinct file names."""
    declared, file = plugin.find("analyses", name).OUTPUTS, plugin.place("analyses", name)
    wrong = [output for output in declared if not FILE.fullmatch(output) or output == SIDECAR]
    if wrong or not declared or isinstance(declared, str) or len({*declared}) < len(declared):
        reason = f"OUTPUTS is {declared!r}; it must list distinct file names"
        reason += f", not {wrong[0]!r}" if wrong else ""
        raise InputError(file, reason, SEE)


def _suits(plan, name: str, run: str) -> bool:
    spec, file = plan.run(run), plugin.place("analyses", name)
    with plugin.blamed(file, "suits()", SEE):
        return bool(plugin.find("analyses", name).suits(plugin.find("models", spec["model"]), spec["inputs"]))


def options(spec: dict) -> dict:
    """Return the options of an analysis."""
    return {key: value for key, value in spec.items() if key not in ANALYSIS_KEYS}


def joint(spec: dict) -> bool:
    """Does one job make an analysis of all its runs?"""
    return plugin.find("analyses", spec["analysis"]).JOINT


def outputs(spec: dict) -> list[str]:
    """Return the names of the files that an analysis writes, without its sidecar."""
    return list(plugin.find("analyses", spec["analysis"]).OUTPUTS)
