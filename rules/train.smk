"""Training: one job per run, fold and seed. It sees labels of train and dev rows only, and no audit, no training.

Inputs:  results/<name>/{protocols,audit}/..., data/features/..., for runs with `augment` results/<name>/augmented/...
Outputs: results/<name>/runs/<run>/<fold>-<seed>/
"""


rule train:
    input:
        recipe=recipe("train", "run"),
        fold=of_run(FOLDS),
        protocol=of_run(PROTOCOL),
        audit=of_run(AUDIT),
        children=of_run(CHILDREN),
        child_audits=of_run(CHILD_AUDIT),
        quality=lambda w: ancient(of_corpora(QUALITY)(w)),  # must be there; training does not read it
        data=lambda w: ancient(input_files(w)),
        sidecars=lambda w: input_files(w, "{part}.json"),
        parents=lambda w: each(parent_folders(w).values(), "run.json"),
    output:
        model=f"{RUN}/model.safetensors",
        history=f"{RUN}/history.csv",
        probabilities=f"{RUN}/probabilities.csv",
        embeddings=f"{RUN}/embeddings.npy",
        sidecar=f"{RUN}/run.json",
    log:
        f"logs/train/{NAME}/{{run}}/{{fold}}-{{seed}}.log",
    benchmark:
        f"logs/train/{NAME}/{{run}}/{{fold}}-{{seed}}.tsv"
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
