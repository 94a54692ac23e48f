"""All recipes that the config asks for: what each job depends on besides data.

A recipe is named by its content, so another recipe is another input, for which Snakemake runs its jobs again. None is
ever removed: a job that waits in a queue may still need it. They are a few kB each, and whatever today's config asks
for is written again if somebody deletes them.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

from emospace.core import plugin
from emospace.core.own_code import closure
from emospace.core.provenance import PACKAGE_ROOT, canonical, code_digests, sha256, write_once
from emospace.core.steps import parameters
from emospace.evaluation import measures
from emospace.gate.thresholds import thresholds
from emospace.plan import run_products
from emospace.plan.outside_files import digests
from emospace.weights.toy_translator import pinned

Recipe = tuple[str, str, tuple[str, ...], dict]
# A view's own file says which functions make it; these count with all that they import, each for its own job alone.
VIEW_SCRIPTS = ("extract_view", "augment_view", "score_view")


def write_recipes(plan, folder: Path) -> dict[tuple[str, str], Path]:
    """Write each recipe to `<folder>/<rule>/<key>-<digest>.json` unless it is there; (rule, key) -> its path."""
    paths = {}
    for rule, key, plugins, content in _all(plan):
        modules = [f"workflow_scripts.{rule}", *plugins]
        views = [PACKAGE_ROOT / plugin.place("views", content["plugin"])] if rule in VIEW_SCRIPTS else []
        recipe = {"rule": rule, "code": code_digests({*closure(*modules), *views}), **content}
        paths[rule, key] = write_once(folder / rule, key, canonical(recipe))
    return paths


def _recipe(rule: str, key: str = "all", /, *plugins: str, **content) -> Recipe:
    """plugins: modules that the rule's script finds by name, so that no import statement tells of them."""
    return rule, key, plugins, content


def _all(plan) -> Iterator[Recipe]:
    for corpus in plan.config["corpora"]:
        yield from _corpus(plan, corpus)
    for view in plan.extractable():
        yield _step("extract_view", view, plan, view)
    for view in plan.augmented():
        yield from _augmented(plan, view)
    for name, spec in plan.config.get("weights", {}).items():
        # What the licence says of weights changes none of their bytes, and what they have seen does not either.
        yield _recipe("fetch_weights", name, name=name, options=_without(_without(pinned(spec), "licence"), "seen"))
    for name in plan.config["features"]:
        yield _feature(plan, name)
    for name in plan.config["protocols"]:
        yield from _protocol(plan, name)
    for name in plan.config["runs"]:
        yield from _run(plan, name)
    yield _recipe("check_quality", "augmented.all", options={"on_problem": "warn"})  # training does without such a copy
    yield _recipe("make_children", options={})
    yield _recipe("count_children", options={})
    yield _recipe("summarize", "all", *_metrics(plan), options={})
    for name, spec in plan.config["analyses"].items():
        for run in spec["runs"]:
            yield _analysis(plan, name, spec, run)
    used = {name: plan.config["weights"][name] for name in plan.used_weights()}
    printed = _without(plan.config, "private_remote") | {"weights": used}
    asked = {"sections": plan.config["sections"], "config": printed}
    modules = [plugin.module_name("sections", name) for name in plan.config["sections"]]
    yield _recipe("make_report", "all", *modules, *_metrics(plan), options={}, seed=plan.config["seed"], **asked)


def _corpus(plan, corpus: str) -> Iterator[Recipe]:
    spec, module = plan.corpus(corpus), plugin.module_name("corpora", plan.reader(corpus))
    about = {"corpus": corpus, "plugin": plan.reader(corpus), "options": plan.reader_options(corpus)}
    if plan.generated(corpus):
        options = {"seed": plan.config["seed"]} | spec["generate"]
        yield _recipe("make_demo", corpus, module, corpus=corpus, plugin=plan.reader(corpus), options=options)
    yield _recipe("index_part", corpus, module, parts=spec["parts"], **about)
    told = {"about": found} if (found := plan.told(corpus)) else {}
    yield _recipe("merge_manifest", corpus, module, **told, **about)
    mapping = plan.labels(plan.protocols(corpus)[0])[corpus] if plan.protocols(corpus) else {"map": {}}
    yield _recipe("export_arrays", corpus, corpus=corpus, labels=mapping, options={})
    yield _recipe("check_quality", corpus, options={"on_problem": plan.config.get("on_problem", "warn")})


def _augmented(plan, view: str) -> Iterator[Recipe]:
    """One recipe per step, so that another voice does not recognise anything anew."""
    for step in plan.views.steps(view):
        yield _step("augment_view", f"{view}.{step}".rstrip("."), plan, view, step=step, reader=plan.views.reader(view))
    name, options = plan.views.module_name(view), plan.config.get("gate", {}).get(view, {})
    scoring, judging = thresholds(name, options)
    score = _homes(plan.views.module(view).score, name)
    yield _recipe("score_view", view, *score, view=view, plugin=name, options=scoring)
    sides = list(plan.views.module(view).SIDES)
    yield _recipe("make_sheet", view, view=view, sides=sides, options=_only(plan.config, "examples"))
    yield _recipe("gate_fold", view, view=view, options=judging)


def _step(rule: str, key: str, plan, view: str, step: str = "", **about) -> Recipe:
    """The recipe of a view, or of one step of it."""
    make, options = plan.views.step(view, step).make, plan.views.options(view, step)
    name, reader = plan.views.module_name(view), plan.views.reader(view)
    if "seed" in parameters(make):
        about["seed"] = plan.config["seed"]
    named = plan.views.named(view, step, "weights")
    told = {option: options.get(option, parameters(make)[option].default) for option in named}
    weights = {option: value for option, value in told.items() if named[option] or isinstance(value, list)}
    if named:
        about["weights"] = weights
    if views := plan.views.named(view, step, "views"):
        about["views"] = views
    rest = {k: v for k, v in options.items() if k not in {*weights, *views}}
    code = [*_homes(make, name), *_homes(plugin.find("views", reader).read, reader)]
    return _recipe(rule, key, *code, view=view, plugin=name, step=step, options=rest, **about)


def _homes(function: Callable, view: str) -> list[str]:
    """Modules with the code of a function that the module of a view defines, or imports and hands on.

    Such a function does not stand for all that the view's module imports, so that another gate augments nothing anew.
    """
    home = getattr(function, "__module__", "")
    plain = inspect.isfunction(function) and not hasattr(function, "__wrapped__") and home.startswith("emospace.")
    return [home if plain else plugin.module_name("views", view)]


def _only(options: dict, key: str) -> dict:
    return {k: v for k, v in options.items() if k == key}


def _without(options: dict, key: str) -> dict:
    return {k: v for k, v in options.items() if k != key}


def _feature(plan, name: str) -> Recipe:
    spec, options = plan.feature(name), plan.feature_options(name)
    if "select" in spec:
        return _recipe("select_frames", name, feature=name, select=spec["select"], by=spec["by"], options=options)
    encoder, view = spec["encoder"], spec["view"]
    reader = plan.views.reader(view)
    about = {"feature": name, "plugin": encoder, "reader": reader, "options": options}
    if files := digests(plan.feature_files(name)):
        about["files"] = files
    return _recipe(
        "embed",
        name,
        plugin.module_name("encoders", encoder),
        *_homes(plugin.find("views", reader).read, reader),
        **about,
    )


def _corpora(plan, protocol: str) -> dict:
    """The corpora of a protocol: what tables call them, and each with its reader."""
    spec, corpora = plan.config["protocols"][protocol], plan.protocol_corpora(protocol)
    sides = [spec["train"], *filter(None, [spec.get("test")])] if "train" in spec else [corpora]
    called = " -> ".join(" + ".join(side) for side in sides)
    return {"corpus": called, "corpora": {corpus: plan.reader(corpus) for corpus in corpora}}


def _protocol(plan, name: str) -> Iterator[Recipe]:
    spec = plan.protocol(name)
    about = {"protocol": name, "split": spec["split"], "leaky": spec["leaky"], **_corpora(plan, name)}
    options, module = plan.protocol_options(name), plugin.module_name("splits", spec["split"])
    wanted = [option for option in plugin.find("splits", spec["split"]).FILES if option in options]
    files = {option: sha256(Path(options[option])) for option in wanted}
    details = {"labels": plan.labels(name), "rows": spec["rows"], "folds": spec["folds"], "sides": plan.sides(name)}
    details |= {"options": options, "files": files, "seed": plan.config["seed"], **_only(spec, "train")}
    yield _recipe("make_protocol", name, module, **details, **about)
    seen = plan.seen_in(name)
    yield _recipe("audit_protocol", name, **about, **({"seen": seen} if seen else {}))
    for view in plan.augmented():
        yield _recipe("audit_children", f"{name}.{view}", view=view, **about)


def _run(plan, name: str) -> Iterator[Recipe]:
    spec, protocol = plan.run(name), plan.protocol(plan.run(name)["protocol"])
    about = {"run": name, "model": spec["model"], "protocol": spec["protocol"], **_corpora(plan, spec["protocol"])}
    options, reads = plan.run_options(name), {"inputs": spec["inputs"], **_only(spec, "weights")}
    if spec["augment"]:  # no such key elsewhere: a run without augmentation knows nothing of it
        reads["augment"] = spec["augment"]
    job = {"plugin": spec["model"], "options": options, **reads, **about}
    job |= _readers(plan, name)
    code = [plugin.module_name("models", spec["model"]), *_reading(plan, name)]
    yield _recipe("train", name, *code, **job)
    if plan.asked(name):
        yield _recipe("apply_train", name, *code, crossfit=spec.get("crossfit", 0), **job)
    details = {"labels": plan.labels(spec["protocol"]), "rows": protocol["rows"], "leaks": plan.leaks(name)}
    details |= {"baseline": plan.baseline(name), "seeds": plan.seeds(name)}
    details["stochastic"] = [plan.stochastic(name), plan.stochastic(plan.baseline(name))]
    details |= {"metrics": plan.metrics(), "compare_by": plan.compare_by(), "other": _other(plan, name)}
    modules, details["leaky"] = _metrics(plan), protocol["leaky"]
    yield _recipe("evaluate", name, *modules, options={}, seed=plan.config["seed"], **details, **about)


def _readers(plan, run: str) -> dict:
    """The modules that read the views among the inputs of a run; no such key where it reads none."""
    found = {name: plan.views.reader(name) for name in plan.sources(run) if "." not in name}
    return {"readers": found} if found else {}


def _reading(plan, run: str) -> list[str]:
    """The code of these modules that reads."""
    views = _readers(plan, run).get("readers", {}).values()
    return [home for view in views for home in _homes(plugin.find("views", view).read, view)]


def _other(plan, run: str) -> dict | None:
    """What tells the tested rows of the run that this one is compared with, if it is of another protocol."""
    if not (name := plan.other_protocol(run)):
        return None
    spec = plan.protocol(name)
    return {"protocol": name, "labels": plan.labels(name), "rows": spec["rows"], "leaky": spec["leaky"]}


def _metrics(plan) -> list[str]:
    return [
        plugin.module_name("metrics", name)
        for name in dict.fromkeys([*plan.metrics(), measures.COUNTED, *measures.CONCORDANCE.values()])
    ]


def _analysis(plan, name: str, spec: dict, run: str) -> Recipe:
    """Of one run. Its models are applied, so their code counts."""
    about, protocol = plan.run(run), plan.protocol(plan.run(run)["protocol"])
    models = {about["model"], *(plan.run(parent)["model"] for parent in plan.parents(run))}
    modules = [plugin.module_name("analyses", spec["analysis"])]
    modules += [plugin.module_name("models", model) for model in sorted(models)]
    modules += [plugin.module_name("metrics", metric) for metric in plugin.names("metrics")]  # it may ask for any
    content = {"analysis": name, "plugin": spec["analysis"], "outputs": run_products.outputs(spec), "run": run}
    content |= {key: about[key] for key in ("model", "protocol", "inputs")}
    content |= {"labels": plan.labels(about["protocol"]), "rows": protocol["rows"], "leaky": protocol["leaky"]}
    content |= {"seed": plan.config["seed"]} | _readers(plan, run)
    modules += _reading(plan, run)
    content |= _corpora(plan, about["protocol"])
    return _recipe("analyse", f"{name}.{run}", *modules, options=run_products.options(spec), **content)
