"""Expand each run that lists several protocols into one run per protocol, named <run>_<protocol>.

The config is expanded once, when it is read; everything after this sees plain runs.
"""

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.runs.run_inputs import output_of, run_of

Listed = dict[str, dict[str, str]]  # run that lists several protocols -> protocol -> name of the plain run


def expanded(config: dict) -> dict:
    """Return a valid config with plain runs only, and with headings of the columns for analyses that take `columns`.

    A plain run inherits all keys of the listed run, and the options that the list gives for its protocol. Inputs
    `run:<name>` and `versus` that name a listed run mean its run on the same protocol. Raises InputError.
    """
    listed = _listed(config)
    runs = {}
    for name, spec in config["runs"].items():
        plain = listed[name] if name in listed else {spec["protocol"]: name}
        for protocol, run in plain.items():
            runs[run] = _plain(listed, name, spec, protocol)
    changed = {"runs": runs}
    if "analyses" in config:
        analyses = config["analyses"].items()
        changed["analyses"] = {name: _analysis(config | changed, listed, name, spec) for name, spec in analyses}
    return config | changed


def place(config: dict, run: str) -> str:
    """Return where the config, as written, defines a plain run."""
    listed = _listed(config)
    origins = {plain: f"{name} (protocol {p})" for name, runs in listed.items() for p, plain in runs.items()}
    return f"config: runs: {origins.get(run, run)}"


def _listed(config: dict) -> Listed:
    runs, protocols, listed = config["runs"], config["protocols"], {}
    for name, spec in runs.items():
        if isinstance(spec["protocol"], str):
            continue
        where, listed[name] = f"config: runs: {name}: protocol", {}
        for protocol in spec["protocol"]:
            if protocol not in protocols:
                raise InputError(where, f"there is no {protocol!r} in protocols", suggest(protocol, protocols))
            run = f"{name}_{protocol}"
            if run in runs or any(run in others.values() for others in listed.values()):
                raise InputError(where, f"its run on {protocol!r} is called {run!r}, like another run", "rename one")
            listed[name][protocol] = run
    return listed


def _plain(listed: Listed, name: str, spec: dict, protocol: str) -> dict:
    where, own = f"config: runs: {name}", spec["protocol"] if isinstance(spec["protocol"], dict) else {}
    if "protocol" in (options := own.get(protocol) or {}):
        raise InputError(f"{where}: protocol: {protocol}", "it names another protocol", "leave `protocol` out")
    plain = spec | options | {"protocol": protocol}
    if "inputs" in plain:
        plain["inputs"] = [_input(listed, where, item, protocol) for item in plain["inputs"]]
    if "versus" in plain:
        plain["versus"] = _on(listed, f"{where}: versus", plain["versus"], protocol)
    return plain


def _input(listed: Listed, where: str, item: str, protocol: str) -> str:
    run, output = run_of(item), output_of(item)
    return f"run:{_on(listed, where, run, protocol)}" + (f".{output}" if output else "") if run in listed else item


def _on(listed: Listed, where: str, run: str, protocol: str) -> str:
    """Return the run on a protocol that the name of a run means."""
    if run not in listed:
        return run
    if protocol not in listed[run]:
        reason = f"the run {run!r} does not list the protocol {protocol!r}"
        raise InputError(where, reason, f"add it there, or name one of {', '.join(listed[run].values())}")
    return listed[run][protocol]


def _analysis(config: dict, listed: Listed, name: str, spec: dict) -> dict:
    """Return an analysis that names plain runs, with a heading for each if its plug-in takes `columns`."""
    if "runs" not in spec:
        return spec
    where, runs = f"config: analyses: {name}", [run for item in spec["runs"] for run in _plain_runs(listed, item)]
    for run in runs:
        if run not in config["runs"]:
            raise InputError(where, f"there is no run {run!r}", suggest(run, [*listed, *config["runs"]]))
    runs = list(dict.fromkeys(runs))
    origins = {run: entry for entry, plains in listed.items() for run in plains.values()}
    titles, options = {run: _title(config, run) for run in runs}, _options(name, spec)
    if "columns" in options and isinstance(spec.get("columns", {}), dict):  # options are checked later
        given = _headings(listed, f"{where}: columns", titles, spec.get("columns", {}))
        spec = spec | {"columns": titles | given}
    if "systems" in options and isinstance(spec.get("systems", {}), dict):
        given = {run: name for entry, name in spec.get("systems", {}).items() for run in _plain_runs(listed, entry)}
        spec = spec | {"systems": {run: origins.get(run, run) for run in runs} | given}
    return spec | {"runs": runs}


def _options(name: str, spec: dict) -> dict:
    return plugin.options_of(plugin.find("analyses", spec.get("analysis", name)).analyse)


def _plain_runs(listed: Listed, name: str) -> list[str]:
    return list(listed[name].values()) if name in listed else [name]


def _title(config: dict, run: str) -> str:
    protocol = config["runs"][run]["protocol"]
    return config["protocols"].get(protocol, {}).get("title", protocol)


def _headings(listed: Listed, where: str, titles: dict[str, str], columns: dict[str, str]) -> dict[str, str]:
    """Return plain run -> heading; that of a listed run is put before the title of each of its protocols."""
    headings = {}
    for name, heading in columns.items():
        for run in _plain_runs(listed, name):
            if run not in titles:
                raise InputError(where, f"{name!r} is not one of its runs", suggest(name, [*listed, *titles]))
            headings[run] = f"{heading}, {titles[run]}" if name in listed else heading
    return headings
