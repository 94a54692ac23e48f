"""Refuse misspelt names and inconsistent settings in the config, with the name, the place and a suggestion."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import jsonschema
import yaml

from emospace.core import extras, plugin
from emospace.core.errors import InputError
from emospace.core.plugin import near, suggest
from emospace.core.provenance import PACKAGE_ROOT
from emospace.features.selection import best_frames
from emospace.plan.dvc_remotes import has_remote
from emospace.plan.view_checks import check_rate, check_thresholds, check_view, check_view_names, known
from emospace.plan.views import FEATURE_KEYS, PROTOCOL_KEYS, RUN_KEYS
from emospace.protocols import drawing, protocol_rows
from emospace.protocols.labels import classes
from emospace.runs.model_checks import check_declared
from emospace.runs.run_inputs import WEIGHTS, is_weights, output_of, run_of
from emospace.weights.fetch import check_entry, check_pinned

TYPO = 0.8  # similarity from which an unknown corpus name counts as a typing error


def validate(config: dict) -> None:
    """Raise InputError for the most useful violation of the schema, if there is any."""
    first = min(jsonschema.Draft202012Validator(_schema()).iter_errors(config), key=_priority, default=None)
    if first:
        raise _explain(first)


@cache
def _schema() -> dict:
    return yaml.safe_load((PACKAGE_ROOT / "schemas/config.schema.yaml").read_text(encoding="utf-8"))


def _priority(error: jsonschema.ValidationError) -> tuple:
    """Sort outer errors first, and a misspelt key before the missing key that it was meant to be."""
    return len(error.absolute_path), error.validator != "additionalProperties", str(error.message)


def _explain(error: jsonschema.ValidationError) -> InputError:
    where = "config: " + ": ".join(map(str, error.absolute_path)) if error.absolute_path else "config"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        wrong = next(k for k in error.instance if k not in known)
        return InputError(where, f"unknown key {wrong!r}", suggest(wrong, known))
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = next(key for key in error.validator_value if key not in error.instance)
        free = [key for key in error.instance if key not in error.schema.get("properties", {})]
        if wrong := near(missing, free):  # an open block: its other keys are options of a plug-in
            return InputError(where, f"unknown key {wrong!r}", f"did you mean {missing!r}?")
        hint = error.schema.get("properties", {}).get(missing, {}).get("description", "see schemas/config.schema.yaml")
        return InputError(where, f"there is no {missing!r}", hint.rstrip("."))
    if error.validator == "anyOf":
        keys = [key for choice in error.validator_value for key in choice["required"]]
        known = error.schema["properties"]
        free = [key for key in error.instance if key not in known]
        if wrong := next(filter(None, (near(key, free) for key in keys)), ""):
            return InputError(where, f"unknown key {wrong!r}", f"did you mean {near(wrong, keys)!r}?")
        hint = " ".join(f"{key}: {known[key]['description']}" for key in keys).rstrip(".")
        return InputError(where, f"it has neither {' nor '.join(map(repr, keys))}", hint)
    hint = error.parent.schema.get("description", "") if error.parent else error.schema.get("description", "")
    return InputError(where, error.message, hint or "see schemas/config.schema.yaml")


def check_names(plan, place_of_run: Callable[[str], str]) -> None:
    """Raise InputError for the first unknown name or option in a plan whose config has passed `validate`.

    place_of_run: where the config, as written, defines a run.
    """
    check_view_names(plan)
    blocks = {"corpora": _corpus, "weights": _weights, "views": _view, "gate": check_thresholds}
    blocks |= {"features": _feature, "protocols": _protocol, "runs": _run}
    for block, check in blocks.items():
        for name in plan.config.get(block, {}):
            check(plan, place_of_run(name) if block == "runs" else f"config: {block}: {name}", name)
    _metrics(plan)
    for name in plan.used_weights():
        check_pinned(plan.config["weights"][name], f"config: weights: {name}")
    for name, spec in plan.config["runs"].items():  # only after cycles among runs are ruled out
        if "crossfit" in spec and not plan.applied_to_train(name):
            reason = "no run that learns from train rows reads it, so it has nothing to cross-fit"
            raise InputError(f"{place_of_run(name)}: crossfit", reason, "leave it out")
        if started := [item for item in spec.get("inputs", []) if is_weights(item)] if "crossfit" in spec else []:
            reason = f"it starts from {started[0]}, whose model has learnt from the rows to leave out"
            raise InputError(f"{place_of_run(name)}: crossfit", reason, "leave it out")


def _corpus(plan, where: str, name: str) -> None:
    plugin.check_options("corpora", plan.reader(name), "index", plan.reader_options(name), f"{where}: options")
    # Without a remote nothing can be pushed. Once DVC is in use, check_sharing requires `private_remote` in any case.
    corpus = plan.attributes(name)
    if not (corpus["public"] or plan.config.get("private_remote")) and has_remote():
        remedy = "set `private_remote` to a DVC remote that only licensees can read; data goes to no other remote"
        raise InputError(where, f"it must not be shared ({corpus['licence']})", remedy)
    if plan.generated(name):
        plugin.check_options(
            "corpora", plan.reader(name), "generate", plan.corpus(name)["generate"], f"{where}: generate"
        )


def _weights(plan, where: str, name: str) -> None:
    check_entry(plan.config["weights"][name], where)
    if plan.config["weights"][name].get("source") == "pairs" and not name.startswith("toy_"):
        raise InputError(where, "it is trained on a few pairs, but its name does not say so", f"call it toy_{name}")
    corpora = {*plan.config["corpora"], *map(plan.reader, plan.config["corpora"]), *plugin.names("corpora")}
    for seen in plan.config["weights"][name].get("seen", []):
        # Other unknown names are allowed: weights may have seen corpora that the project does not use.
        if seen not in corpora and (meant := plugin.near(seen, corpora, TYPO)):
            reason = f"there is no corpus {seen!r}, so no result is marked for it"
            plan.warnings.append(str(InputError(f"{where}: seen", reason, f"did you mean {meant!r}?")))


def _free(keys: set[str], block: dict) -> list[str]:
    """Return the unused keys of a block other than options, as suggestions for a misspelt option."""
    return sorted(keys - block.keys())


def _view(plan, where: str, name: str) -> None:
    """Raise InputError for a view that `check_view` refuses, or that leaks without being declared leaky."""
    check_view(plan, where, name)
    spec = plan.config["views"][name]
    if not plan.views.is_augmented(name) and plan.views.leaky(name) and not spec.get("leaky"):
        raise InputError(where, "its items are derived from the labels of its rows", DECLARE)


OWN = ("view", "replaces")  # keys in which a feature of copies differs from those that it replaces


# Features ------------------------------------------------------------------------------------------------------


def _feature(plan, where: str, name: str) -> None:
    spec = plan.feature(name)
    free = _free(FEATURE_KEYS, plan.config["features"][name])
    selected = "select" in spec or "by" in spec
    # Options first: a misspelt key also appears as a missing one.
    if selected:
        plugin.check_call(best_frames, plan.feature_options(name), where, "the selection", beside=free)
    else:
        plugin.check_keys("encoders", spec["encoder"], "load", FEATURE_KEYS)
        _refuse_rate(plan, where, name)
        plugin.check_options("encoders", spec["encoder"], "load", plan.feature_options(name), where, free)
    if plan.views.is_augmented(name):
        known(plan, where, spec["view"], "views")
        _same_as_parent(plan, where, name)
    _replaces(plan, where, name)
    if selected:
        for key in ("select", "by"):
            known(plan, where, spec.get(key, ""), "features")
        return
    if "weights" in spec:
        known(plan, where, spec["weights"], "weights")
    module = plugin.find("encoders", spec["encoder"])
    if (kind := plan.views.kind(spec["view"])) not in module.VIEWS:
        its_kind = "" if kind == spec["view"] else f", which is of the kind {kind!r}"
        reason = f"the encoder {spec['encoder']!r} does not take the view {spec['view']!r}{its_kind}"
        raise InputError(where, reason, f"it takes: {', '.join(module.VIEWS)}")
    check_rate(plan, name)
    _extras(plan, where, module)
    if ("weights" in spec) != module.WEIGHTS:
        reason = "needs pretrained weights" if module.WEIGHTS else "takes no weights"
        raise InputError(where, f"the encoder {spec['encoder']!r} {reason}", "see `weights` in the config")


def _extras(plan, where: str, encoder: ModuleType) -> None:
    """Raise InputError if a package that the encoder needs is not installed; warn of a restrictive licence."""
    for package, restrictions in encoder.EXTRAS.items():
        extras.require(package, where)
        if restrictions:
            plan.warnings.append(f"{where}: licence of {package}: {restrictions}")


def _refuse_rate(plan, where: str, name: str) -> None:
    """Raise InputError for a sample rate among the options of a feature: resampling is the business of its view."""
    rate = plan.feature_options(name).get("sample_rate")
    if rate is not None and "sample_rate" not in plugin.options_of(plan.encoder(name).load):
        view = plan.feature(name)["view"]
        remedy = f"add views: {view}_hz: {{view: {plan.views.module_name(view)}, sample_rate: {rate}}}"
        remedy += f", and read {view}_hz.{name.partition('.')[2]}"
        raise InputError(f"{where}: sample_rate", "a feature has the sample rate of its view", remedy)


def _same_as_parent(plan, where: str, name: str) -> None:
    """Raise InputError unless an augmented feature, which replaces its parent in training, has the same settings."""
    parent = plan.views.in_parent(name)
    if parent not in plan.config["features"]:
        raise InputError(where, f"it has no parent {parent!r} in features", f"add {parent} with the same options")
    _same_settings(plan, where, name, parent)


def _replaces(plan, where: str, name: str) -> None:
    """Raise InputError unless a feature may replace those that it names: another view of that kind, same settings."""
    for other in plan.feature(name).get("replaces", ()):
        if not plan.views.is_augmented(name):
            remedy = "give `replaces` to the feature of an augmented view"
            raise InputError(where, "it is no feature of copies, so it replaces nothing in training", remedy)
        known(plan, f"{where}: replaces", other, "features")
        kinds = [plan.views.kind(plan.feature(feature)["view"]) for feature in (name, other)]
        if plan.views.is_augmented(other) or kinds[0] != kinds[1]:
            reason = f"{other!r} is {'augmented' if plan.views.is_augmented(other) else f'of the kind {kinds[1]!r}'}"
            raise InputError(f"{where}: replaces", reason, f"name features of recorded views of the kind {kinds[0]!r}")
        _same_settings(plan, where, name, other)


def _same_settings(plan, where: str, name: str, parent: str) -> None:
    """Raise InputError unless a feature of copies has encoder, options and weights of one that it replaces."""
    mine, others = ({k: v for k, v in plan.feature(n).items() if k not in OWN} for n in (name, parent))
    if "select" in mine:
        mine["select"] = plan.views.in_parent(mine["select"])
    for key in sorted(mine.keys() | others.keys()):
        if mine.get(key) != others.get(key):
            reason = f"{key} is {mine.get(key)!r}, but {others.get(key)!r} in {parent}, which it replaces in training"
            raise InputError(where, reason, "give both the same encoder, options and weights")


# Experiments ---------------------------------------------------------------------------------------------------


CONTRACTS = "docs/contracts.md"
DECLARE = "declare it with `leaky: true`; its numbers are then marked in every table"


def _protocol(plan, where: str, name: str) -> None:
    spec, free = plan.protocol(name), _free(PROTOCOL_KEYS, plan.config["protocols"][name])
    plugin.check_options("splits", spec["split"], "split", plan.protocol_options(name), where, free)
    _corpora(plan, where, name)
    for corpus, label_map in _maps(plan, where, name).items():
        _label_map(plan, where, corpus, label_map)
    _rows(where, spec["rows"])
    split = plugin.find("splits", spec["split"])
    if split.LEAKY and not spec["leaky"]:
        raise InputError(where, f"the split {spec['split']!r} puts speakers on both sides", DECLARE)
    _split(plan, where, name, split)
    _draw(plan, where, name)


def _draw(plan, where: str, name: str) -> None:
    """Raise InputError for a draw without train rows, from a leaky protocol, or too small for one row per class."""
    spec = plan.protocol(name)
    if "draw" in spec and "train_rows" not in spec:
        raise InputError(f"{where}: draw", "it has `draw` without `train_rows`", "give the number of rows to draw")
    if not (draw := drawing.of_protocol(spec)):
        return
    where = f"{where}: train_rows"
    if spec["leaky"]:
        reason = "the protocol is declared leaky, so no audit can tell that only train rows are left out"
        raise InputError(where, reason, "draw from a protocol that does not leak")
    count = len(classes(next(iter(plan.labels(name).values()))["map"]))
    if draw.rows < count:
        raise InputError(where, f"{draw.rows} rows cannot contain all {count} classes", f"set it to {count} or more")


def _corpora(plan, where: str, name: str) -> None:
    spec = plan.config["protocols"][name]
    if "corpus" in spec and "train" in spec:
        raise InputError(where, "it has both `corpus` and `train`", "use one of them")
    if "test" in spec and "train" not in spec:
        raise InputError(where, "it has `test` without `train`", "list the corpora to train on under `train`")
    corpora = plan.protocol_corpora(name)
    for corpus in corpora:
        known(plan, where, corpus, "corpora")
    if twice := [corpus for corpus in corpora if corpora.count(corpus) > 1]:
        raise InputError(where, f"{twice[0]!r} is used for both training and testing", "use `corpus`, which splits it")


def _maps(plan, where: str, name: str) -> dict[str, dict]:
    """Return the label maps of a protocol's corpora; raise InputError unless all have the same classes."""
    setting, corpora = plan.protocol(name)["labels"], plan.protocol_corpora(name)
    if isinstance(setting, dict) and (odd := setting.keys() ^ set(corpora)):
        fault = "for a corpus that it does not use" if min(odd) in setting else "missing"
        raise InputError(f"{where}: labels", f"the label map of {min(odd)!r} is {fault}", "give one for each corpus")
    maps = plan.labels(name)
    first = next(iter(maps.values()))
    for corpus, label_map in maps.items():
        if odd := set(classes(label_map["map"])) ^ set(classes(first["map"])):
            reason = f"the classes of {first['name']} and {label_map['name']}, of {corpus}, differ in {min(odd)!r}"
            raise InputError(
                f"{where}: labels", reason, "use maps with the same classes; leave out what one corpus lacks"
            )
    return maps


def _label_map(plan, where: str, corpus: str, label_map: dict) -> None:
    """Raise InputError for a code that the corpus does not have, which would silently drop the intended rows."""
    codes = plan.codes(corpus)
    code_of = {name: code for code, name in codes.items()}
    for code in label_map["map"] if codes else ():
        if code not in codes:
            reason = f"its label map {label_map['name']!r} has {code!r}, which is not a code of {corpus}"
            raise InputError(where, reason, suggest(code_of.get(code, code), codes))


def _rows(where: str, filters: dict) -> None:
    """Raise InputError for a filter by a column that the manifest lacks, or by a value of the wrong type."""
    for column, value in filters.items():
        place = f"{where}: rows: {column}"
        if column not in protocol_rows.FILTERED:
            raise InputError(place, "the manifest has no such column", suggest(column, protocol_rows.FILTERED))
        for one in value if isinstance(value, list) else [value]:
            if wrong := protocol_rows.fault(column, one):
                raise InputError(place, f"it is {one!r}", wrong)


def _split(plan, where: str, name: str, split) -> None:
    """Raise InputError for faults of a split that its options alone reveal."""
    spec, options = plan.protocol(name), plan.protocol_options(name)
    for option in split.FILES:
        if option in options and not Path(options[option]).is_file():
            raise InputError(f"{where}: {option}", f"there is no file {options[option]!r}", "correct the path")
    sides = [side for side in plan.sides(name) if side != "test" or "train" not in spec]
    if odd := [option for option in split.FILES if option not in plugin.options_of(split.split)]:
        remedy = f"{suggest(odd[0], plugin.options_of(split.split))}; see Split in {CONTRACTS}"
        raise InputError(plugin.file_of(split), f"FILES has {odd[0]!r}, which is not an option of split()", remedy)
    try:
        with plugin.blamed(plugin.file_of(split), "check()", f"fix it; see Split in {CONTRACTS}"):
            split.check(spec["folds"], sides, **options)
    except InputError as error:
        raise InputError(where if error.file == "folds" else error.file, error.reason, error.remedy) from error


def _run(plan, where: str, name: str) -> None:
    spec = plan.run(name)
    if "parents" in spec:
        instead = ", ".join([*spec["inputs"], *(f"run:{parent}" for parent in spec["parents"])])
        raise InputError(where, "`parents` is obsolete: runs are listed under `inputs`", f"write inputs: [{instead}]")
    free = _free(RUN_KEYS, plan.config["runs"][name])
    plugin.check_keys("models", spec["model"], "train", RUN_KEYS)
    plugin.check_options("models", spec["model"], "train", plan.run_options(name), where, free)
    known(plan, where, spec["protocol"], "protocols")
    if plan.model(name).FITS_ON_TEST and not spec.get("leaky"):
        raise InputError(where, f"the model {spec['model']!r} sees the inputs of test rows while it learns", DECLARE)
    _outputs(plan, where, name)
    _inputs(plan, where, name)
    for item in plan.sources(name):
        if not plan.views.known(item):
            known(plan, where, item, "features")
        if plan.views.is_augmented(item):
            reason = f"{item!r} is augmented, and its rows must never be dev or test rows"
            raise InputError(where, reason, f"read {plan.views.in_parent(item)} and list the view under `augment`")
    if "versus" in spec:
        known(plan, where, spec["versus"], "runs")
        _versus(plan, where, name)
    for view in spec["augment"]:
        _augment(plan, where, name, view)
    if not plan.baselines(spec["protocol"]):
        reason = f"no run with model linear_probe (and without `augment`) on the protocol {spec['protocol']!r}"
        raise InputError(where, reason, "add one: every table shows it as the baseline")


def _versus(plan, where: str, name: str) -> None:
    """Raise InputError if a run cannot be compared with its `versus` utterance by utterance."""
    own, other = plan.run(name)["protocol"], plan.run(plan.run(name)["versus"])["protocol"]
    if plan.run(name)["versus"] == name:
        raise InputError(where, "it would be compared with itself", "name another run, or leave `versus` out")
    known(plan, where, other, "protocols")
    maps = [{c: label_map["map"] for c, label_map in plan.labels(protocol).items()} for protocol in (own, other)]
    both = maps[0].keys() & maps[1].keys()
    reason = f"it cannot be compared with {plan.run(name)['versus']!r} of the protocol {other!r}"
    if not both:
        raise InputError(where, f"{reason}, which has no corpus of {own!r}", "compare runs on the same corpus")
    if odd := [corpus for corpus in sorted(both) if maps[0][corpus] != maps[1][corpus]]:
        raise InputError(where, f"{reason}, whose label map of {odd[0]} differs", "compare runs with the same labels")


def _metrics(plan) -> None:
    """Raise InputError for a metric that does not exist or breaks its contract."""
    for name in plan.metrics():
        plugin.find("metrics", name)
    if (metric := plan.compare_by()) not in plan.metrics():
        reason = f"it is {metric!r}, which is not among the metrics"
        raise InputError("config: compare_by", reason, suggest(metric, plan.metrics()))


def _outputs(plan, where: str, name: str) -> None:
    """Raise InputError if a run lacks its model's weights, or its model declares outputs that cannot be file names."""
    spec, module = plan.run(name), plan.model(name)
    if ("weights" in spec) != module.WEIGHTS:
        reason = "needs pretrained weights" if module.WEIGHTS else "takes no weights"
        raise InputError(where, f"the model {spec['model']!r} {reason}", "see `weights` in the config")
    if "weights" in spec:
        known(plan, where, spec["weights"], "weights")
    check_declared("extras", plan.extras(name), module, ("embeddings", "probabilities", WEIGHTS))
    check_declared("checkpoints", plugin.declared(module, "checkpoints", plan.run_options(name)), module)


def _inputs(plan, where: str, name: str) -> None:
    """Raise InputError for an input that the model does not read, or a run that cannot be read."""
    spec, module = plan.run(name), plan.model(name)
    if not spec["inputs"]:
        raise InputError(where, "it reads nothing", f"list its `inputs`: {', '.join(module.INPUTS)}")
    for item in spec["inputs"]:
        if (input_type := _input_type(item)) not in module.INPUTS:
            reason = f"the model {spec['model']!r} does not read {item!r}, a {input_type}"
            raise InputError(where, reason, f"it reads: {', '.join(module.INPUTS)}")
        if run_of(item):
            _parent(plan, where, name, item)


def _input_type(item: str) -> str:
    if run_of(item):
        return WEIGHTS if is_weights(item) else "run"
    return "feature" if "." in item else "view"


def _parent(plan, where: str, name: str, item: str) -> None:
    """Raise InputError unless a run can read another: same protocol, no cycle, enough seeds, an existing output."""
    parent, spec = run_of(item), plan.run(name)
    known(plan, where, parent, "runs")
    other = plan.run(parent)
    if other["protocol"] != spec["protocol"]:
        raise InputError(
            where, f"its parent {parent!r} has another protocol, {other['protocol']}", "give both the same protocol"
        )
    if _reaches(plan, parent, name):
        raise InputError(where, f"it reads {item!r}, which reads it in turn", "break the cycle")
    if other["seeds"] < spec["seeds"] and plan.stochastic(parent):
        raise InputError(where, f"its parent {parent!r} has fewer seeds", f"give the parent `seeds: {spec['seeds']}`")
    module = plan.model(parent)
    outputs = ["embeddings"] * module.EMBEDDINGS + plan.extras(parent)
    if "." in item and (output := output_of(item)) not in (*outputs, WEIGHTS):
        declared = f"{plugin.file_of(module)} declares {', '.join(outputs) or 'none'}"
        reason = f"{parent!r} has no output {output!r}: {declared}"
        raise InputError(where, reason, f"read `run:{parent}` or a declared output; see Model in {CONTRACTS}")


def _reaches(plan, run: str, target: str) -> bool:
    """Is a run the target, or does it read the target, directly or through other runs?"""
    reached = [run]
    for name in reached:
        known_runs = [parent for parent in plan.parents(name) if parent in plan.config["runs"]]
        reached += [parent for parent in known_runs if parent not in reached]
    return target in reached


def _augment(plan, where: str, run: str, view: str) -> None:
    augmented = plan.augmented()
    if view not in augmented:
        remedy = suggest(view, augmented) if augmented else "add one to views"
        raise InputError(where, f"there is no augmented view {view!r} in views", remedy)
    replacements = [child for _, of_view, child in plan.exchanges(run) if of_view == view]
    if not replacements:
        reason = f"the view {view!r} replaces none of its inputs ({', '.join(plan.run(run)['inputs']) or 'none'})"
        raise InputError(where, reason, f"leave {view} out, or read a feature of {plan.views.parent(view)}")
    for child in replacements:
        if child not in augmented:
            known(plan, where, child, "features")
