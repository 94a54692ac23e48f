"""Training: one job per run, fold and seed. It sees labels of train and dev rows only, and no audit, no training.

Inputs:  data/protocols/..., data/audit/..., data/features/..., and for runs with `augment` data/augmented/...
Outputs: results/runs/<corpus>/<run>/<fold>-<seed>/
"""


rule train:
    input:
        recipe=recipe("train", "run"),
        fold=of_run(FOLDS),
        protocol=of_run(PROTOCOL),
        audit=of_run(AUDIT),
        children=of_run(CHILDREN),
        child_audits=of_run(CHILD_AUDIT),
        quality=ancient("data/quality/{corpus}.csv"),  # must be there; training does not read it
        data=lambda w: ancient(input_files(w)),
        sidecars=lambda w: input_files(w, "{part}.json"),
        parents=lambda w: each(parent_folders(w).values(), "run.json"),
    output:
        model="results/runs/{corpus}/{run}/{fold}-{seed}/model.safetensors",
        history="results/runs/{corpus}/{run}/{fold}-{seed}/history.csv",
        probabilities="results/runs/{corpus}/{run}/{fold}-{seed}/probabilities.csv",
        embeddings="results/runs/{corpus}/{run}/{fold}-{seed}/embeddings.npy",
        sidecar="results/runs/{corpus}/{run}/{fold}-{seed}/run.json",
    log:
        "logs/train/{corpus}/{run}/{fold}-{seed}.log",
    benchmark:
        "logs/train/{corpus}/{run}/{fold}-{seed}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        gpu=lambda w: int(GPU and PLAN.uses_gpu(w.run)),
    params:
        inputs=input_arguments,
        folder=lambda w, output: os.path.dirname(output.sidecar),
    shell:
        "python -m workflow_scripts.train --recipe {input.recipe:q} --log {log:q} --threads {threads}"
        " --fold {input.fold:q} --protocol {input.protocol:q} --audit {input.audit:q} {params.inputs}"
        " --children {input.children:q} --child-audits {input.child_audits:q}"
        " --input-sidecars {input.sidecars:q} --seed {wildcards.seed} --out {params.folder:q}"


rule train_all:
    input:
        all_runs("run.json"),
