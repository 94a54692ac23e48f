"""Training: one job per run, fold and seed, after the audit, with labels of train and dev rows only.

Inputs:  results/<name>/{protocols,audit}/..., data/features/..., for runs with `augment` results/<name>/augmented/...
Outputs: results/<name>/runs/<run>/<fold>-<seed>/; for a second stage, outputs for the train rows in train/
"""

# A run whose model declares additional outputs has its own rule, because their names depend on the run.
for _rule, _runs in trainings("train").items():

    rule:
        name:
            _rule
        input:
            recipe=recipe("train", "run"),
            fold=of_run(FOLDS),
            protocol=of_run(PROTOCOL),
            audit=of_run(AUDIT),
            children=of_run(CHILDREN),
            child_audits=of_run(CHILD_AUDIT),
            quality=lambda w: ancient(of_corpora(QUALITY)(w)),  # must exist; training does not read it
            data=stores,
            manifests=lambda w: ancient(read_manifests(w)),
            sidecars=lambda w: input_files(w, "{part}.json"),
            weights=model_weights,
            parents=parent_files,
            parent_outputs=parent_outputs,
        output:
            model=f"{RUN}/model.safetensors",
            history=f"{RUN}/history.csv",
            probabilities=f"{RUN}/probabilities.csv",
            embeddings=f"{RUN}/embeddings.npy",
            more=[f"{RUN}/{file}" for file in PLAN.run_files(_runs[0])],
            sidecar=f"{RUN}/run.json",
        log:
            f"logs/train/{NAME}/{{run}}/{{fold}}-{{seed}}.log",
        benchmark:
            f"logs/train/{NAME}/{{run}}/{{fold}}-{{seed}}.tsv"
        wildcard_constraints:
            run="|".join(_runs),
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
            " --children {input.children:q} --child-audits {input.child_audits:q} --weights {input.weights:q}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q}"
            " --seed {wildcards.seed} --out {params.folder:q}"


for _rule, _runs in trainings("apply_train", on_train=True).items():

    rule:
        name:
            _rule
        input:
            recipe=recipe("apply_train", "run"),
            run=f"{RUN}/run.json",
            stored=ancient(f"{RUN}/model.safetensors"),
            fold=of_run(FOLDS),
            protocol=of_run(PROTOCOL),
            audit=of_run(AUDIT),
            children=of_run(CHILDREN),
            child_audits=of_run(CHILD_AUDIT),
            data=stores,
            manifests=lambda w: ancient(read_manifests(w)),
            sidecars=lambda w: input_files(w, "{part}.json"),
            weights=model_weights,
            parents=parent_files,
            parent_outputs=parent_outputs,
        output:
            probabilities=f"{RUN}/train/probabilities.csv",
            embeddings=f"{RUN}/train/embeddings.npy",
            more=[f"{RUN}/train/{file}" for file in PLAN.run_files(_runs[0]) if file.startswith("extras.")],
            sidecar=f"{RUN}/train/apply.json",
        log:
            f"logs/apply_train/{NAME}/{{run}}/{{fold}}-{{seed}}.log",
        benchmark:
            f"logs/apply_train/{NAME}/{{run}}/{{fold}}-{{seed}}.tsv"
        wildcard_constraints:
            run="|".join(_runs),
        conda:
            "../envs/train.yaml"
        resources:
            gpu=lambda w: int(GPU and PLAN.uses_gpu(w.run)),
        params:
            inputs=input_arguments,
            folder=lambda w, output: os.path.dirname(output.sidecar),
        shell:
            "python -m workflow_scripts.apply_train --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --fold {input.fold:q} --protocol {input.protocol:q} --audit {input.audit:q} {params.inputs}"
            " --children {input.children:q} --child-audits {input.child_audits:q} --weights {input.weights:q}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q}"
            " --seed {wildcards.seed} --out {params.folder:q}"


rule train_all:
    input:
        all_runs("run.json"),
