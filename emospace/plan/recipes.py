"""Write the recipes of a config: everything that each job depends on besides data.

The name of a recipe contains a digest of its content, so another recipe is another input and Snakemake reruns the jobs.
Recipes are never removed, because a job waiting in a queue may still need one. They are a few kB each; if they are
deleted, the next plan writes those of the current config again.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from emospace.core import plugin
from emospace.core.own_code import closure
from emospace.core.provenance import PACKAGE_ROOT, canonical, code_digests, sha256, write_once
from emospace.core.steps import parameters
from emospace.evaluation import measures
from emospace.gate.thresholds import thresholds
from emospace.plan import run_products
from emospace.plan.outside_files import digests
from emospace.protocols import drawing
from emospace.weights.toy_translator import pinned

Recipe = tuple[str, str, tuple[str, ...], dict]
# A view's own module defines or imports the functions that write it; each counts, with its imports, for its own job.
VIEW_SCRIPTS = ("extract_view", "augment_view", "score_view")


def write_recipes(plan, folder: Path) -> dict[tuple[str, str], Path]:
    """Write each recipe to `<folder>/<rule>/<key>-<digest>.json` unless it exists; return (rule, key) -> path."""
    paths = {}
    for rule, key, plugins, content in _all(plan):
        modules = [f"workflow_scripts.{rule}", *plugins]
        views = [PACKAGE_ROOT / plugin.place("views", content["plugin"])] if rule in VIEW_SCRIPTS else []
        recipe = {"rule": rule, "code": code_digests({*closure(*modules), *views}), **content}
        paths[rule, key] = write_once(folder / rule, key, canonical(recipe))
    return paths


def _recipe(rule: str, key: str = "all", /, *plugins: str, **content) -> Recipe:
    """plugins: modules that the rule's script looks up by name, so that no import statement refers to them."""
    return rule, key, plugins, content


def _all(plan) -> Iterator[Recipe]:
    for corpus in plan.config["corpora"]:
        yield from _corpus(plan, corpus)
    for view in plan.extractable():
        yield _step("extract_view", view, plan, view)
    for view in plan.augmented():
        yield from _augmented(plan, view)
    for name, spec in plan.config.get("weights", {}).items():
        # `licence` and `seen` do not affect the bytes of the weights.
        yield _recipe("fetch_weights", name, name=name, options=_without(_without(pinned(spec), "licence"), "seen"))
    for name in plan.config["features"]:
        yield _feature(plan, name)
    for name in plan.config["protocols"]:
        yield from _protocol(plan, name)
    for name in plan.config["runs"]:
        yield from _run(plan, name)
    yield _recipe("check_quality", "augmented.all", options={"on_problem": "warn"})  # a missing copy stops nothing
    yield _recipe("make_children", options={})
    yield _recipe("count_children", options={})
    yield _recipe("summarize", "all", *_metrics(plan), options={})
    for name, spec in plan.config["analyses"].items():
        if run_products.joint(spec) and spec["runs"]:
            yield _joint_analysis(plan, name, spec)
            continue
        for run in spec["runs"]:
            yield _analysis(plan, name, spec, run)
    used = {name: plan.config["weights"][name] for name in plan.used_weights()}
    printed = _without(plan.config, "private_remote") | {"weights": used}
    content = {"sections": plan.config["sections"], "config": printed}
    modules = [plugin.module_name("sections", name) for name in plan.config["sections"]]
    yield _recipe("make_report", "all", *modules, *_metrics(plan), options={}, seed=plan.config["seed"], **content)


def _corpus(plan, corpus: str) -> Iterator[Recipe]:
    spec, module = plan.corpus(corpus), plugin.module_name("corpora", plan.reader(corpus))
    reader = {"corpus": corpus, "plugin": plan.reader(corpus), "options": plan.reader_options(corpus)}
    if plan.generated(corpus):
        options = {"seed": plan.config["seed"]} | spec["generate"]
        yield _recipe("make_demo", corpus, module, corpus=corpus, plugin=plan.reader(corpus), options=options)
    yield _recipe("index_part", corpus, module, parts=spec["parts"], **reader)
    replaced = {"about": values} if (values := plan.about(corpus)) else {}
    yield _recipe("merge_manifest", corpus, module, **replaced, **reader)
    mapping = plan.labels(plan.protocols(corpus)[0])[corpus] if plan.protocols(corpus) else {"map": {}}
    yield _recipe("export_arrays", corpus, corpus=corpus, labels=mapping, options={})
    yield _recipe("check_quality", corpus, options={"on_problem": plan.config.get("on_problem", "warn")})


def _augmented(plan, view: str) -> Iterator[Recipe]:
    """Yield one recipe per step, so that another voice for synthesis does not rerun the recognition, for example."""
    for step in plan.views.steps(view):
        yield _step("augment_view", f"{view}.{step}".rstrip("."), plan, view, step=step, reader=plan.views.reader(view))
    name, options = plan.views.module_name(view), plan.views.gate(view)
    scoring, judging = thresholds(name, options)
    score = _homes(plan.views.module(view).score, name)
    yield _recipe("score_view", view, *score, view=view, plugin=name, options=scoring)
    sides = list(plan.views.module(view).SIDES)
    yield _recipe("make_sheet", view, view=view, sides=sides, options=_only(plan.config, "examples"))
    yield _recipe("gate_fold", view, view=view, options=judging)


def _step(rule: str, key: str, plan, view: str, step: str = "", **content) -> Recipe:
    """Return the recipe of a view, or of one of its steps."""
    make, options = plan.views.step(view, step).make, plan.views.options(view, step)
    name, reader = plan.views.module_name(view), plan.views.reader(view)
    if "seed" in parameters(make):
        content["seed"] = plan.config["seed"]
    named = plan.views.named(view, step, "weights")
    values = {option: options.get(option, parameters(make)[option].default) for option in named}
    weights = {option: value for option, value in values.items() if named[option] or isinstance(value, list)}
    if named:
        content["weights"] = weights
    if views := plan.views.named(view, step, "views"):
        content["views"] = views
    rest = {k: v for k, v in options.items() if k not in {*weights, *views}}
    code = [*_homes(make, name), *_homes(plugin.find("views", reader).read, reader)]
    return _recipe(rule, key, *code, view=view, plugin=name, step=step, options=rest, **content)


def _homes(function: Callable, view: str) -> list[str]:
    """Return the modules with the code of a function that the module of a view defines or re-exports.

    The other imports of the view's module do not count, so that a change of the gate, say, reruns no augmentation.
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
    content = {"feature": name, "plugin": encoder, "reader": reader, "options": options}
    if files := digests(plan.feature_files(name)):
        content["files"] = files
    return _recipe(
        "embed",
        name,
        plugin.module_name("encoders", encoder),
        *_homes(plugin.find("views", reader).read, reader),
        **content,
    )


def _corpora(plan, protocol: str) -> dict:
    """Return the corpora of a protocol: their joint name in tables, and the reader of each."""
    spec, corpora = plan.config["protocols"][protocol], plan.protocol_corpora(protocol)
    sides = [spec["train"], *filter(None, [spec.get("test")])] if "train" in spec else [corpora]
    joint = " -> ".join(" + ".join(side) for side in sides)
    return {"corpus": joint, "corpora": {corpus: plan.reader(corpus) for corpus in corpora}}


def _protocol(plan, name: str) -> Iterator[Recipe]:
    spec = plan.protocol(name)
    common = {"protocol": name, "split": spec["split"], "leaky": spec["leaky"], **_corpora(plan, name)}
    options, module = plan.protocol_options(name), plugin.module_name("splits", spec["split"])
    file_options = [option for option in plugin.find("splits", spec["split"]).FILES if option in options]
    files = {option: sha256(Path(options[option])) for option in file_options}
    details = {"labels": plan.labels(name), "rows": spec["rows"], "folds": spec["folds"], "sides": plan.sides(name)}
    details |= {"options": options, "files": files, "seed": plan.config["seed"], **_only(spec, "train")}
    if draw := drawing.of_protocol(spec):
        details |= {"train_rows": draw.rows, "draw": draw.number}
    yield _recipe("make_protocol", name, module, **details, **common)
    seen = plan.seen_corpora_in(name)
    yield _recipe("audit_protocol", name, **common, **({"seen": seen} if seen else {}))
    for view in plan.augmented():
        yield _recipe("audit_children", f"{name}.{view}", view=view, **common)


def _run(plan, name: str) -> Iterator[Recipe]:
    spec, protocol = plan.run(name), plan.protocol(plan.run(name)["protocol"])
    common = {"run": name, "model": spec["model"], "protocol": spec["protocol"], **_corpora(plan, spec["protocol"])}
    options, reads = plan.run_options(name), {"inputs": spec["inputs"], **_only(spec, "weights")}
    if spec["augment"]:  # recipes of runs without augmentation have no such key
        reads["augment"] = spec["augment"]
    job = {"plugin": spec["model"], "options": options, **reads, **common}
    job |= _readers(plan, name)
    if files := digests(plan.outside_files(name)):
        job["files"] = files
    code = [plugin.module_name("models", spec["model"]), *_reader_code(plan, name)]
    yield _recipe("train", name, *code, **job)
    if plan.applied_to_train(name):
        yield _recipe("apply_train", name, *code, crossfit=spec.get("crossfit", 0), **job)
    details = {"labels": plan.labels(spec["protocol"]), "rows": protocol["rows"], "leaks": plan.leaks(name)}
    details |= {"baseline": plan.baseline(name), "seeds": plan.seeds(name)}
    details["stochastic"] = [plan.stochastic(name), plan.stochastic(plan.baseline(name))]
    details |= {"metrics": plan.metrics(), "compare_by": plan.compare_by(), "other": _other(plan, name)}
    modules, details["leaky"] = _metrics(plan), protocol["leaky"]
    yield _recipe("evaluate", name, *modules, options={}, seed=plan.config["seed"], **details, **common)


def _readers(plan, run: str, views: Iterable[str] = ()) -> dict:
    """Return {"readers": view -> its reader} for the views among the inputs of a run and others; {} if there are none.

    views: those that an analysis reads besides.
    """
    readers = {name: plan.views.reader(name) for name in [*plan.sources(run), *views] if "." not in name}
    return {"readers": readers} if readers else {}


def _reader_code(plan, run: str, views: Iterable[str] = ()) -> list[str]:
    """Return the modules with the `read` functions of these readers."""
    readers = _readers(plan, run, views).get("readers", {}).values()
    return [home for view in readers for home in _homes(plugin.find("views", view).read, view)]


def _other(plan, run: str) -> dict | None:
    """Return what determines the test rows of a run's baseline, if the baseline is on another protocol."""
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
    """Return the recipe of an analysis of one run. It applies the run's models, so their code counts."""
    models = {plan.run(name)["model"] for name in [run, *plan.parents(run)]}
    modules = [*_of_analyses(spec), *(plugin.module_name("models", model) for model in sorted(models))]
    content = {"analysis": name, "plugin": spec["analysis"], "outputs": run_products.outputs(spec), "run": run}
    content |= _analysed(plan, run) | {"seed": plan.config["seed"]} | _readers(plan, run, plan.analysed_views(name))
    if others := plan.other_runs(name):  # recipes of other analyses have no such key
        content["others"] = [{"run": other} | _analysed(plan, other) for other in others]
    modules += _reader_code(plan, run, plan.analysed_views(name))
    return _recipe("analyse", f"{name}.{run}", *modules, options=run_products.options(spec), **content)


def _joint_analysis(plan, name: str, spec: dict) -> Recipe:
    """Return the recipe of an analysis of several runs. It reads their stored predictions only."""
    content = {"analysis": name, "plugin": spec["analysis"], "outputs": run_products.outputs(spec)}
    # A list, because recipes do not keep the order of keys
    runs = [{"run": run, "leaks": plan.leaks(run)} | _analysed(plan, run) for run in spec["runs"]]
    content |= {"runs": runs, "seed": plan.config["seed"]}
    return _recipe("analyse", name, *_of_analyses(spec), options=run_products.options(spec), **content)


def _of_analyses(spec: dict) -> list[str]:
    """Return the module of an analysis and those of the metrics, any of which it may use."""
    metrics = [plugin.module_name("metrics", metric) for metric in plugin.names("metrics")]
    return [plugin.module_name("analyses", spec["analysis"]), *metrics]


def _analysed(plan, run: str) -> dict:
    """Return what an analysis must know of a run and its protocol."""
    spec, protocol = plan.run(run), plan.protocol(plan.run(run)["protocol"])
    content = {key: spec[key] for key in ("model", "protocol", "inputs")}
    content |= {"labels": plan.labels(spec["protocol"]), "rows": protocol["rows"], "leaky": protocol["leaky"]}
    return content | _corpora(plan, spec["protocol"])
