"""Refuse misspelt, out-of-range or inconsistent settings of views and of the gate."""

import inspect

from emospace.core import plugin
from emospace.core.contracts import Environment
from emospace.core.errors import InputError
from emospace.core.plugin import near, suggest
from emospace.features.embedding import rate_of
from emospace.gate import tables
from emospace.gate.thresholds import thresholds
from emospace.plan.views import VIEW_KEYS

SEE = "see AugmentedView in docs/contracts.md"
TAKEN = ("quality", "offsets")  # <part>.<name>.csv or .npy next to a view


def known(plan, where: str, name: str, block: str) -> None:
    """Raise InputError unless a block of the config has an entry of this name. where: place in the config."""
    entries = plan.config.get(block, {})
    if name not in entries:
        raise InputError(where, f"there is no {name!r} in {block}", suggest(name, entries))


def known_view(plan, where: str, view: str) -> None:
    """Raise InputError unless there is a view of this name. where: place in the config."""
    if view not in plan.views.names():
        raise InputError(where, f"there is no view {view!r}", suggest(view, plan.views.names()))
    if not plan.views.known(view):
        known(plan, where, view, "views")


def check_view_names(plan) -> None:
    """Raise InputError for the first feature whose view does not exist."""
    views = plan.views.names()
    for name in plan.config["features"]:
        if (view := name.partition(".")[0]) not in views:
            raise InputError("config: features", f"{name!r} is a feature of an unknown view", suggest(view, views))


def check_view(plan, where: str, view: str) -> None:
    """Raise InputError for faults of a view; probable mistakes are added to `plan.warnings`."""
    views, name = plan.views, plan.views.module_name(view)
    if name not in plugin.names("views"):
        raise InputError(
            where, f"unknown key {view!r}, or no module {name!r} of views", suggest(name, plugin.names("views"))
        )
    if views.is_augmented(view):
        _copies(plan, view)
    known_view(plan, where, views.parent(view))
    _blocks(plan, where, view)
    _gate_options(plan, where, view)
    for step in views.steps(view):
        _step(plan, where, view, step)
    for name in views.weights(view):
        entry = plan.config["weights"][name]
        if "random" in (entry.get("source"), entry.get("if_unreachable")):
            reason = f"the weights {name!r} may be random, and random weights cannot translate or recognise anything"
            raise InputError(where, reason, "give them a source, and no `if_unreachable: random`")
    for source in views.sources(view):
        _source(plan, where, view, source)
    if views.is_augmented(view) and not plan.gate_features(view):
        reason = "it has no feature, but the gate judges its rows by one"
        raise InputError(
            where, reason, f"add {view}.<encoder> to features, like that of its parent {views.parent(view)}"
        )


def _copies(plan, view: str) -> None:
    """Raise InputError for faulty attributes of an augmented view: its parent, steps and columns."""
    views, module = plan.views, plan.views.module(view)
    file, parent, plain = plugin.file_of(module), module.PARENT, [v for v in views.names() if not views.is_augmented(v)]
    if parent not in plain:
        raise InputError(file, f"PARENT is {parent!r}, which is not a view", f"{suggest(parent, plain)}; {SEE}")
    columns = list(module.COLUMNS)
    if odd := [c for c in columns if c in tables.TAKEN or columns.count(c) > 1]:
        raise InputError(file, f"COLUMNS is {columns}, where {odd[0]!r} is already taken", SEE)
    for name, step in module.STEPS.items():
        if not _takes_three(step.make):
            raise InputError(file, f"make of the step {name!r} does not take (rows, source, out)", SEE)
        if wrong := plugin.fault(step.environment, Environment):
            raise InputError(file, f"environment of the step {name!r} is {step.environment!r}", f"{wrong}; {SEE}")


def _takes_three(make) -> bool:
    """Can a function be called with exactly three positional arguments?"""
    arguments = [p for p in inspect.signature(make).parameters.values() if p.kind in (0, 1)] if callable(make) else []
    return len(arguments) >= 3 and all(p.default is not p.empty for p in arguments[3:])


def _blocks(plan, where: str, view: str) -> None:
    """Check the steps' names, sources and option blocks; if every step has a block, any other key is misspelt."""
    views, steps = plan.views, plan.views.steps(view)
    file = plugin.place("views", views.module_name(view))
    for name, step in steps.items():
        if name in TAKEN:
            raise InputError(file, f"a step is called {name!r}, like another file of a view", f"rename it; {SEE}")
        if step.reads not in (sources := sorted({"parent", "child", *steps} - {"", name})):
            raise InputError(file, f"the step {name!r} reads {step.reads!r}", f"{suggest(step.reads, sources)}; {SEE}")
        if wrong := plugin.fault(views.options(view, name), dict):
            raise InputError(f"{where}: {step.block}", f"it is {views.options(view, name)!r}", wrong)
    allowed = VIEW_KEYS | views.blocks(view)
    unknown = sorted(views.spec(view).keys() - allowed)
    if unknown and all(step.block for step in steps.values()):
        raise InputError(where, f"unknown key {unknown[0]!r}", suggest(unknown[0], sorted(allowed)))


def _gate_options(plan, where: str, view: str) -> None:
    """Raise InputError for options of `score` in the block of the view: the gate has a block of its own."""
    views, module = plan.views, plan.views.module(view)
    if not views.is_augmented(view):
        return
    of_steps = {option for step in views.steps(view) for option in plugin.options_of(views.step(view, step).make)}
    of_gate = {"gate", *plugin.options_of(module.score, module.STEPS)} - of_steps - VIEW_KEYS - views.blocks(view)
    for key in sorted(views.spec(view).keys() & of_gate):
        raise InputError(where, f"{key!r} belongs to its gate", f"write gate: {{{view}: {{<options of score>}}}}")


def _step(plan, where: str, view: str, name: str) -> None:
    """Check the options of one step."""
    views, step = plan.views, plan.views.step(view, name)
    place, options = f"{where}: {step.block}" if step.block else where, views.options(view, name)
    types = {o: type_ for o, type_ in plugin.options_of(step.make).items() if o in options}
    named = {option: type_ for option, type_ in types.items() if plugin.names_entries(type_)}
    plugin.check_values(named, {o: options[o] for o in named}, place)
    for names in views.named(view, name, "weights").values():
        for weights in names:
            known(plan, place, weights, "weights")
    module = views.module(view)
    function = f"check_{name or ('augment' if views.is_augmented(view) else 'extract')}"
    taker = f"{views.module_name(view)}.{name or step.make.__name__}()"
    beside = views.blocks(view) | VIEW_KEYS if not step.block else ()
    check = getattr(module, function, None)
    more = {"entries": plan.config.get("weights", {}), "warnings": plan.warnings}
    plugin.check_call(step.make, options, place, taker, check, sorted(beside), views.steps(view), **more)


def _source(plan, where: str, view: str, source: str) -> None:
    """Check a source of a view: its parent, or a view that an option names."""
    known_view(plan, where, source)
    check = plan.views.module(view).check_source
    options = plugin.offered(check, **plan.views.completed(source))
    try:
        with plugin.blamed(plugin.file_of(plan.views.module(view)), "check_source()", SEE):
            check(plan.views.kind(source), **options)
    except InputError as error:
        if error.file == plugin.file_of(plan.views.module(view)):
            raise
        place = f"config: views: {source}" + (f": {error.file}" if str(error.file) else "")
        raise InputError(place, error.reason, error.remedy) from error


def check_rate(plan, feature: str) -> None:
    """Raise InputError if the view of a feature has another sample rate than its encoder accepts."""
    spec = plan.feature(feature)
    rate, accepted = plan.views.rate(spec["view"]), rate_of(plugin.find("encoders", spec["encoder"]))
    if rate and accepted not in (None, rate):
        view = plan.views.parent(spec["view"])
        reason = f"it is {rate} Hz, but {feature} takes {accepted}"
        remedy = f"use a view with that rate: views: <name>: {{view: audio, sample_rate: {accepted}}}"
        raise InputError(f"config: views: {view}: sample_rate", reason, remedy)


def check_thresholds(plan, where: str, view: str) -> None:
    """Raise InputError for thresholds that the gate of a view does not have, or of a view that is not augmented."""
    augmented = plan.augmented()
    if view not in augmented:
        if (other := near(view, augmented)) and view not in plan.views.names():
            raise InputError("config: gate", f"unknown key {view!r}", f"did you mean {other!r}?")
        raise InputError(where, f"there is no augmented view {view!r} in views", suggest(view, augmented))
    thresholds(plan.views.module_name(view), plan.config["gate"][view], where)
