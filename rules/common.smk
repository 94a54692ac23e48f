"""Plan the workflow: check config and raw files, and define paths. All rule files use PLAN; this file has no rules."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.runs.run_files import LEARNT, SAID, TRAIN
from emospace.core.disk import as_input_error
from emospace.plan import snakemake_api
from emospace.plan.checkouts import forget_exchanged
from emospace.plan.snapshot import freeze, thaw
from emospace.plan.plan import STATE, Plan, gpu_here, prefer_this_python
from emospace.plan.run_products import outputs as outputs_of
from emospace.plan.dvc_deps import check_seen
from emospace.plan.sharing import check_sharing

# Snakemake would report only that a command was not found.
if snakemake_api.uses_conda(workflow):
    if subprocess.run(["bash", "-c", "type conda"], capture_output=True, check=False).returncode:
        raise snakemake_api.WorkflowError(
            "--use-conda needs the command `conda` (24.7.1 or later) on PATH: install Miniforge"
            " (https://conda-forge.org/download/) and open a new shell, or leave out --use-conda to run in this Python"
        )

prefer_this_python()
try:
    if workflow.is_main_process:
        PLAN = Plan(config)
        PLAN.refresh_raw(snakemake_api.Records().input_below)
        for warning in PLAN.warnings:
            logger.warning(warning)
        if "DVC_STAGE" in os.environ:  # started by `dvc repro`, which will record all outputs on disk
            check_sharing()
            check_seen(PLAN)
            forget_exchanged(PLAN.name, PLAN.config["corpora"], STATE / "recipes")
            # DVC requires every output folder, even if the corpus is elsewhere or the config has no augmentation,
            # weights or analyses.
            for folder in ("data/raw", "data/views", "data/augmented", "weights", f"results/{PLAN.name}/analyses"):
                Path(folder).mkdir(parents=True, exist_ok=True)
        PLAN.touch_recipes()
        # Cluster jobs read the Snakefile again. Pass this plan to them, because config.yaml may change in the meantime.
        snakemake_api.hand_on(workflow, freeze(PLAN, STATE / "plans"))
    else:
        PLAN = thaw(config)
except InputError as error:
    raise snakemake_api.WorkflowError(str(error))
except OSError as error:
    raise snakemake_api.WorkflowError(str(as_input_error(error)))

# A profile gives `gpu` the scope "local" if jobs run on other machines that have GPUs.
GPU = gpu_here() or snakemake_api.counts_gpus_elsewhere(workflow)
snakemake_api.one_gpu_job_at_a_time(workflow)


onstart:
    if not snakemake_api.touches(workflow):
        try:
            PLAN.refuse_absent(w.corpus for w in snakemake_api.wildcards_of_jobs(workflow, "index_part"))
        except InputError as error:
            raise snakemake_api.WorkflowError(str(error))


wildcard_constraints:
    corpus="[a-z][a-z0-9_]*",
    part="[0-9]+",
    view="|".join(PLAN.augmented() or ["none"]),
    protocol="[a-z][a-z0-9_]*",
    run="[a-z][a-z0-9_]*",
    fold="fold[0-9]+",
    seed="[0-9]+",


# Configs share manifests, weights, views and features. Everything else, including logs, is stored under the name of the
# config, because runs, protocols or corpora of two configs may have the same name. A protocol may have several corpora.
NAME = PLAN.name
RESULTS = f"results/{NAME}"
QUALITY = f"data/quality/{NAME}/{{corpus}}.csv"
WORDS = "data/manifest/{corpus}/{part}.words.csv"
DIGESTS = ["data/manifest/{corpus}/{part}.audio.sha256", "data/manifest/{corpus}/{part}.video.sha256"]
FOLDS = f"{RESULTS}/protocols/{{protocol}}/{{fold}}.csv"
PROTOCOL = f"{RESULTS}/protocols/{{protocol}}.json"
AUDIT = f"{RESULTS}/audit/{{protocol}}.json"
CHILDREN = f"{RESULTS}/augmented/children/{{protocol}}/{{fold}}.{{view}}.csv"
CHILD_AUDIT = f"{RESULTS}/augmented/audit/{{protocol}}.{{view}}.json"
RUN = f"{RESULTS}/runs/{{run}}/{{fold}}-{{seed}}"
EVALUATION = f"{RESULTS}/evaluation/{{run}}"
ANALYSES = f"{RESULTS}/analyses/{{run}}"
STORED = [*LEARNT, *SAID]  # files of a training besides run.json


def recipe(rule, key):
    """Input function: the recipe of a job, by the value of the wildcard `key`."""
    return lambda wildcards: PLAN.recipe(rule, getattr(wildcards, key))


def of_parts(pattern):
    """Input function: the pattern expanded over the parts of the corpus."""
    return lambda wildcards: expand(pattern, **(dict(wildcards) | {"part": PLAN.parts(wildcards.corpus)}))


def protocol_of(wildcards):
    """Return the protocol in the wildcards, or that of the run in the wildcards."""
    return wildcards.get("protocol") or PLAN.run(wildcards.run)["protocol"]


def of_folds(wildcards):
    """Input function: the fold tables of the protocol."""
    return expand(FOLDS, protocol=protocol_of(wildcards), fold=PLAN.folds(protocol_of(wildcards)))


def of_corpora(pattern):
    """Input function: the pattern expanded over the corpora of the protocol and, if it contains {part}, their parts."""
    return lambda w: [
        path
        for corpus in PLAN.protocol_corpora(protocol_of(w))
        for path in expand(pattern, **(dict(w) | {"corpus": corpus, "part": PLAN.parts(corpus)}))
    ]


def of_run(pattern):
    """Input function: the pattern filled with the run's protocol, and with its fold and augmented views if present."""
    return lambda w: expand(
        pattern,
        protocol=protocol_of(w),
        fold=getattr(w, "fold", ""),
        view=PLAN.run(w.run)["augment"],
    )


def data_folder(name):
    """Return the top folder of a view or feature: augmented data are kept apart from everything else."""
    return "data/augmented" if PLAN.views.is_augmented(name) else "data"


def view_file(view, file=""):
    """Return the path pattern of a view's main file for one part, or of another `file` in its folder."""
    main = f"{{part}}{PLAN.views.suffix(view)}"
    return f"{data_folder(view)}/views/{{corpus}}/{view}/{file or main}"


def step_file(view, step):
    """Return the path pattern of the main file of a step of an augmented view; the step "" is the view itself."""
    return view_file(view, f"{{part}}.{step}{PLAN.views.step(view, step).suffix}") if step else view_file(view)


def source_file(view, step):
    """Return the path pattern of the source of a step of an augmented view."""
    reads = PLAN.views.step(view, step).reads
    return (
        view_file(PLAN.views.parent(view)) if reads == "parent" else step_file(view, "" if reads == "child" else reads)
    )


def beside(file, ending=".json"):
    """Return the path pattern of a file's sidecar, or of the file with another ending next to it."""
    return os.path.splitext(file)[0] + ending


def offsets(files):
    """Return the second file of each store among these paths (see emospace/core/store.py)."""
    return [beside(file, ".offsets.npy") for file in files if file.endswith(".npy")]


def view_files(view, step=""):
    """Return the output files of a job of a view, by name."""
    main = step_file(view, step)
    stores = {"offsets": beside(main, ".offsets.npy")} if main.endswith(".npy") else {}
    return {"main": main, **stores, "quality": beside(main, ".quality.csv"), "sidecar": beside(main)}


def weight_records(names):
    """Return the records of pretrained weights."""
    return [f"weights/{name}/weights.json" for name in names]


def step_arguments(view, steps):
    """Return a function for `--read STEP=FILE ...`; the values contain no characters that are special to a shell."""
    return lambda w: " ".join(["--read", *(f"{step}={step_file(view, step).format(**w)}" for step in steps)])


def read_arguments(view, step=""):
    """Like `step_arguments`, for all files that a job of a view takes by name."""
    make, named = PLAN.views.step(view, step).make, PLAN.views.named(view, step, "views")
    files = {option: view_file(names[0]) for option, names in named.items() if names}
    files |= {name: step_file(view, name) for name in PLAN.views.reads(make, view)}
    files |= {"words": WORDS} if PLAN.views.takes(make, "words") else {}
    return lambda w: " ".join(["--read", *(f"{name}={file.format(**w)}" for name, file in files.items())])


def cache_argument(view, step):
    """Return a function for `--cache FOLDER`, from which a killed job of a view resumes, if the job takes a cache."""
    folder = f".emospace/views/{{corpus}}/{view}{step and '.'}{step}/{{part}}"
    takes = PLAN.views.takes(PLAN.views.step(view, step).make, "cache")
    return lambda w: f"--cache {folder.format(**w)}" if takes else ""


def feature_file(feature, file="{part}.npy"):
    """Return the path pattern of a feature's store for one part, or of another `file` in its folder."""
    return f"{data_folder(feature)}/features/{{corpus}}/{feature}/{file}"


def part_files(name, corpus, file=""):
    """Return the main files of a view or feature for all parts, or another `file` for each part."""
    pattern = feature_file(name, file or "{part}.npy") if "." in name else view_file(name, file)
    return expand(pattern, corpus=corpus, part=PLAN.parts(corpus))


def protocol_files(wildcards, name, file=""):
    """Return the files of `part_files` for all corpora of the protocol."""
    return [path for corpus in PLAN.protocol_corpora(protocol_of(wildcards)) for path in part_files(name, corpus, file)]


def run_sources(wildcards):
    """Return every view or feature that a run reads: its inputs, then their replacements for augmented rows."""
    return [*PLAN.sources(wildcards.run), *(instead for _, _, instead in PLAN.exchanges(wildcards.run))]


def input_files(wildcards, file=""):
    """Return the files of `protocol_files` for all sources of a run."""
    return [path for name in run_sources(wildcards) for path in protocol_files(wildcards, name, file)]


def stores(wildcards):
    """Return all data files of a run's sources; they are large and need only exist."""
    files = input_files(wildcards)
    return ancient([*files, *offsets(files)])


def read_manifests(wildcards):
    """Return the manifests of all parts if the run reads a view, because reading its items requires the rows."""
    views = [name for name in PLAN.sources(wildcards.run) if "." not in name]
    return of_corpora("data/manifest/{corpus}/{part}.csv")(wildcards) if views else []


def parent_folders(wildcards):
    """Return parent run -> its folder for the same fold and the matching seed."""
    seeds = {run: PLAN.parent_seed(run, int(wildcards.seed)) for run in PLAN.parents(wildcards.run)}
    return {run: RUN.format(run=run, fold=wildcards.fold, seed=seed) for run, seed in seeds.items()}


def parent_files(wildcards):
    """Return the sidecars of a run's parents, and of their outputs for train rows where needed."""
    folders = parent_folders(wildcards)
    on_train = [folders[run] for run in PLAN.parents_on_train(wildcards.run)]
    return [*each(folders.values(), "run.json"), *each(on_train, "train/apply.json")]


def parent_outputs(wildcards):
    """Return the outputs of its parents that a run reads, for dev and test rows and where needed for train rows."""
    folders = parent_folders(wildcards)
    homes = {run: [folder] for run, folder in folders.items()}
    for run in PLAN.parents_on_train(wildcards.run):
        homes[run].append(f"{folders[run]}/{TRAIN}")
    return ancient([f"{home}/{file}" for run, file in PLAN.outputs_read(wildcards.run) for home in homes[run]])


def model_weights(wildcards):
    """Return the record of a run's pretrained weights, if it has any."""
    spec = PLAN.run(wildcards.run)
    return [f"weights/{spec['weights']}/weights.json"] if "weights" in spec else []


def trainings(rule, on_train=False):
    """Group runs by the name of their rule. A run that stores additional files has its own.

    on_train: only runs that are applied to their train rows.
    """
    rules = {}
    for run in PLAN.config["runs"]:
        if PLAN.applied_to_train(run) or not on_train:
            rules.setdefault(f"{rule}_{run}" if PLAN.run_files(run) else rule, []).append(run)
    return rules


def input_arguments(wildcards):
    """Return `--input NAME FILE... --exchange INPUT INSTEAD FILE... --runs ...`, without special shell characters."""
    inputs = PLAN.sources(wildcards.run)
    words = [f"--input {name} {' '.join(protocol_files(wildcards, name))}" for name in inputs]
    for name, _, instead in PLAN.exchanges(wildcards.run):
        words.append(f"--exchange {name} {instead} {' '.join(protocol_files(wildcards, instead))}")
    runs = [f"{name}={folder}" for name, folder in parent_folders(wildcards).items()]
    return " ".join([*words, "--runs", *runs, "--asked", *PLAN.parents_on_train(wildcards.run)])


def run_folders(run):
    """Return the folders of all folds and seeds of a run."""
    folds = PLAN.folds(PLAN.run(run)["protocol"])
    return expand(RUN, run=run, fold=folds, seed=PLAN.seeds(run))


def baseline_folders(run):
    """Return the folders of a run's baseline, or none if the run is its own baseline."""
    return [] if PLAN.baseline(run) == run else run_folders(PLAN.baseline(run))


def of_other(pattern):
    """Input function: the pattern expanded over the protocol of a run's baseline, if it differs from the run's."""

    def paths(wildcards):
        if not (other := PLAN.other_protocol(wildcards.run)):
            return []
        expanded = expand(pattern, protocol=other, corpus=PLAN.protocol_corpora(other), fold=PLAN.folds(other))
        return list(dict.fromkeys(expanded))

    return paths


def each(folders, file):
    """Return this file in each folder."""
    return [f"{folder}/{file}" for folder in folders]


def all_runs(file):
    """Return this file of every run, fold and seed."""
    return [path for run in PLAN.config["runs"] for path in each(run_folders(run), file)]


def evaluations(file):
    """Return this file of every run's evaluation, in the order of the config."""
    return [f"{EVALUATION.format(run=r)}/{file}" for r in PLAN.config["runs"]]


def audits():
    """Return the audit of every protocol."""
    return expand(AUDIT, protocol=PLAN.config["protocols"])


def used_features():
    """Return the sidecars of all parts of all features that runs read, except augmented ones."""
    used = [(corpus, name) for corpus in PLAN.config["corpora"] for name in PLAN.used_features(corpus)]
    return [path for corpus, name in used for path in part_files(name, corpus, "{part}.json")]


def exported(wildcards, file="{part}.npy"):
    """Return the stores of all parts of the exported features, or another `file` for each part."""
    return [path for name in PLAN.exported() for path in part_files(name, wildcards.corpus, file)]


def analysis_recipe(analysis):
    """Input function: the recipe of an analysis of the run."""
    return lambda wildcards: PLAN.recipe("analyse", f"{analysis}.{wildcards.run}")


def analysed(wildcards, *files):
    """Return these files of all trainings of a run and its parents."""
    folders = [folder for run in [wildcards.run, *PLAN.parents(wildcards.run)] for folder in run_folders(run)]
    return [f"{folder}/{file}" for folder in folders for file in files]


def analysed_outputs(wildcards):
    """Return the models, predictions and other stored outputs that an analysis of a run may read."""
    of_parents = [f"{folder}/{file}" for run, file in PLAN.outputs_read(wildcards.run) for folder in run_folders(run)]
    return ancient(list(dict.fromkeys([*analysed(wildcards, *STORED), *of_parents])))


def analysed_arguments(wildcards):
    """Return `--input NAME FILE... --parents RUN=FOLDER...`, without special shell characters."""
    inputs = PLAN.sources(wildcards.run)
    words = [f"--input {name} {' '.join(protocol_files(wildcards, name))}" for name in inputs]
    parents = [f"{name}={folder}" for name in PLAN.parents(wildcards.run) for folder in run_folders(name)]
    return " ".join(words + (["--parents", *parents] if parents else []))


def analyses(file=""):
    """Return this file of every analysis of every run, or all their outputs."""
    pairs = [
        (run, name)
        for run in PLAN.config["runs"]
        for name, spec in PLAN.config["analyses"].items()
        if run in spec["runs"]
    ]
    return [
        f"{ANALYSES.format(run=run)}/{name}/{output}"
        for run, name in pairs
        for output in ([file] if file else outputs_of(PLAN.config["analyses"][name]))
    ]
