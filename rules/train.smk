"""Training: one job per run, fold and seed. It sees labels of train and dev rows only, and no audit, no training.

Inputs:  data/protocols/..., data/audit/..., data/features/...
Outputs: results/runs/<corpus>/<run>/<fold>-<seed>/
"""

RUN_FOLDER = "results/runs/{corpus}/{run}/{fold}-{seed}"


def _input_files(wildcards, suffix=None):
    """Files of all parts of every input of the run: stores (or view tables), or with a suffix what lies beside them."""
    paths = []
    for name in PLAN.run(wildcards.run)["inputs"]:
        pattern = view_files(name, suffix) if name in VIEW_FILE else STORE + (suffix or ".npy")
        paths += expand(pattern, corpus=wildcards.corpus, feature=name, part=PLAN.parts(wildcards.corpus))
    return paths


def _protocol_file(pattern):
    return lambda w: expand(pattern, corpus=w.corpus, protocol=PLAN.run(w.run)["protocol"], fold=w.fold)


def _parent_folders(wildcards):
    folder = "results/runs/{w.corpus}/{parent}/{w.fold}-{w.seed}"
    return {p: folder.format(w=wildcards, parent=p) for p in PLAN.run(wildcards.run)["parents"]}


def _input_arguments(wildcards):
    """--input NAME FILE... per input; names and paths hold no character that a shell would read."""
    count, files = len(PLAN.parts(wildcards.corpus)), _input_files(wildcards)
    names = PLAN.run(wildcards.run)["inputs"]
    groups = [f"--input {n} {' '.join(files[i * count:(i + 1) * count])}" for i, n in enumerate(names)]
    parents = [f"{name}={folder}" for name, folder in _parent_folders(wildcards).items()]
    return " ".join(groups + (["--parents", *parents] if parents else []))


rule train:
    input:
        recipe=recipe("train", "run"),
        fold=_protocol_file(FOLDS),
        protocol=_protocol_file("data/protocols/{corpus}/{protocol}.json"),
        audit=_protocol_file("data/audit/{corpus}/{protocol}.json"),
        quality="data/quality/{corpus}.csv",
        data=lambda w: ancient(_input_files(w)),
        sidecars=lambda w: _input_files(w, ".json"),
        parents=lambda w: [f"{folder}/run.json" for folder in _parent_folders(w).values()],
    output:
        model=RUN_FOLDER + "/model.safetensors",
        history=RUN_FOLDER + "/history.csv",
        probabilities=RUN_FOLDER + "/probabilities.csv",
        embeddings=RUN_FOLDER + "/embeddings.npy",
        sidecar=RUN_FOLDER + "/run.json",
    log:
        "logs/train/{corpus}/{run}/{fold}-{seed}.log",
    benchmark:
        "logs/train/{corpus}/{run}/{fold}-{seed}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        gpu=lambda w: int(PLAN.uses_gpu(w.run)),
    params:
        inputs=_input_arguments,
        folder=lambda w, output: os.path.dirname(output.sidecar),
    shell:
        "python -m workflow_scripts.train --recipe {input.recipe:q} --log {log:q} --threads {threads}"
        " --fold {input.fold:q} --protocol {input.protocol:q} --audit {input.audit:q} {params.inputs}"
        " --input-sidecars {input.sidecars:q} --seed {wildcards.seed} --out {params.folder:q}"


rule train_all:
    input:
        [f"{folder}/run.json" for run in PLAN.config["runs"] for folder in runs_of(run)],
