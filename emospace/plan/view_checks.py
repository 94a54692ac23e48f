"""Refuse what the config says of views and the gate, where it is misspelt, out of range, or does not fit together."""

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
TAKEN = ("quality", "offsets")  # <part>.<name>.csv or .npy beside a view


def known(plan, where: str, name: str, block: str) -> None:
    """Raise InputError, naming the place `where`, for a name that a block of the config does not have."""
    there = plan.config.get(block, {})
    if name not in there:
        raise InputError(where, f"there is no {name!r} in {block}", suggest(name, there))


def known_view(plan, where: str, view: str) -> None:
    """Raise InputError, naming the place `where`, for a view that there is not."""
    if view not in plan.views.names():
        raise InputError(where, f"there is no view {view!r}", suggest(view, plan.views.names()))
    if not plan.views.known(view):
        known(plan, where, view, "views")


def check_view_names(plan) -> None:
    """Raise InputError for the first feature of a view that there is not."""
    there = plan.views.names()
    for name in plan.config["features"]:
        if (view := name.partition(".")[0]) not in there:
            raise InputError("config: features", f"{name!r} is a feature of no view", suggest(view, there))


def check_view(plan, where: str, view: str) -> None:
    """Raise InputError for what cannot be made of a view; what can, and seldom is meant, goes to `plan.warnings`."""
    views, name = plan.views, plan.views.module_name(view)
    if name not in plugin.names("views"):
        raise InputError(
            where, f"unknown key {view!r}, or no module {name!r} of views", suggest(name, plugin.names("views"))
        )
    if views.is_augmented(view):
        _copies(plan, view)
    known_view(plan, where, views.parent(view))
    _blocks(plan, where, view)
    _gate_apart(plan, where, view)
    for step in views.steps(view):
        _step(plan, where, view, step)
    for name in views.weights(view):
        entry = plan.config["weights"][name]
        if "random" in (entry.get("source"), entry.get("if_unreachable")):
            reason = f"the weights {name!r} may be random, and nothing can be translated or recognised with such"
            raise InputError(where, reason, "give them a source, and no `if_unreachable: random`")
    for source in views.sources(view):
        _source(plan, where, view, source)
    if views.is_augmented(view) and not plan.gate_features(view):
        reason = "it has no feature, and by one its rows are judged"
        raise InputError(where, reason, f"add {view}.<encoder> to features, as its parent {views.parent(view)} has it")


def _copies(plan, view: str) -> None:
    """Raise InputError for attributes of an augmented view that lead nowhere: its parent, steps and columns."""
    views, module = plan.views, plan.views.module(view)
    file, parent, there = plugin.file_of(module), module.PARENT, [v for v in views.names() if not views.is_augmented(v)]
    if parent not in there:
        raise InputError(file, f"PARENT is {parent!r}, which is no view", f"{suggest(parent, there)}; {SEE}")
    columns = list(module.COLUMNS)
    if odd := [c for c in columns if c in tables.TAKEN or columns.count(c) > 1]:
        raise InputError(file, f"COLUMNS is {columns}, where {odd[0]!r} is taken", SEE)
    for name, step in module.STEPS.items():
        if not _of_three(step.make):
            raise InputError(file, f"make of the step {name!r} does not take (rows, source, out)", SEE)
        if wrong := plugin.fault(step.environment, Environment):
            raise InputError(file, f"environment of the step {name!r} is {step.environment!r}", f"{wrong}; {SEE}")


def _of_three(make) -> bool:
    """Does a function take three positional arguments, and needs no more?"""
    taken = [p for p in inspect.signature(make).parameters.values() if p.kind in (0, 1)] if callable(make) else []
    return len(taken) >= 3 and all(p.default is not p.empty for p in taken[3:])


def _blocks(plan, where: str, view: str) -> None:
    """What a view's steps read, and the blocks of their options; where each has one, other keys are misspelt."""
    views, steps = plan.views, plan.views.steps(view)
    file = plugin.place("views", views.module_name(view))
    for name, step in steps.items():
        if name in TAKEN:
            raise InputError(file, f"a step is called {name!r}, as another file of a view", f"rename it; {SEE}")
        if step.reads not in (there := sorted({"parent", "child", *steps} - {"", name})):
            raise InputError(file, f"the step {name!r} reads {step.reads!r}", f"{suggest(step.reads, there)}; {SEE}")
        if wrong := plugin.fault(views.options(view, name), dict):
            raise InputError(f"{where}: {step.block}", f"it is {views.options(view, name)!r}", wrong)
    allowed = VIEW_KEYS | views.blocks(view)
    strange = sorted(views.spec(view).keys() - allowed)
    if strange and all(step.block for step in steps.values()):
        raise InputError(where, f"unknown key {strange[0]!r}", suggest(strange[0], sorted(allowed)))


def _gate_apart(plan, where: str, view: str) -> None:
    """Raise InputError for options of `score` in the block of the view: the gate has a block of its own."""
    views, module = plan.views, plan.views.module(view)
    if not views.is_augmented(view):
        return
    made = {option for step in views.steps(view) for option in plugin.options_of(views.step(view, step).make)}
    scoring = {"gate", *plugin.options_of(module.score, module.STEPS)} - made - VIEW_KEYS - views.blocks(view)
    for key in sorted(views.spec(view).keys() & scoring):
        raise InputError(where, f"{key!r} belongs to its gate", f"write gate: {{{view}: {{<options of score>}}}}")


def _step(plan, where: str, view: str, step: str) -> None:
    """Options of one step."""
    made, views = plan.views.step(view, step), plan.views
    place, options = f"{where}: {made.block}" if made.block else where, views.options(view, step)
    named = {o: kind for o, kind in plugin.options_of(made.make).items() if o in options and plugin.names_entries(kind)}
    plugin.check_values(named, {o: options[o] for o in named}, place)
    for names in views.named(view, step, "weights").values():
        for name in names:
            known(plan, place, name, "weights")
    module = views.module(view)
    function = f"check_{step or ('augment' if views.is_augmented(view) else 'extract')}"
    taker = f"{views.module_name(view)}.{step or made.make.__name__}()"
    beside = views.blocks(view) | VIEW_KEYS if not made.block else ()
    check = getattr(module, function, None)
    more = {"entries": plan.config.get("weights", {}), "warnings": plan.warnings}
    plugin.check_call(made.make, options, place, taker, check, sorted(beside), views.steps(view), **more)


def _source(plan, where: str, view: str, source: str) -> None:
    """A view that another is made from: its parent, or one that an option names."""
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
    """Raise InputError where a view of sound has another rate than the encoder of this feature takes."""
    spec = plan.feature(feature)
    rate, takes = plan.views.rate(spec["view"]), rate_of(plugin.find("encoders", spec["encoder"]))
    if rate and takes not in (None, rate):
        view = plan.views.parent(spec["view"])
        reason = f"it is {rate} Hz, and {feature} takes {takes}"
        remedy = f"make a feature of a view of that rate: views: <name>: {{view: audio, sample_rate: {takes}}}"
        raise InputError(f"config: views: {view}: sample_rate", reason, remedy)


def check_thresholds(plan, where: str, view: str) -> None:
    """Raise InputError for thresholds of a view that is not made, or that its gate does not have."""
    there = plan.augmented()
    if view not in there:
        if (other := near(view, there)) and view not in plan.views.names():
            raise InputError("config: gate", f"unknown key {view!r}", f"did you mean {other!r}?")
        raise InputError(where, f"there is no {view!r} in views that is augmented", suggest(view, there))
    thresholds(plan.views.module_name(view), plan.config["gate"][view], where)
