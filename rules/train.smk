"""Training: one job per run, fold and seed, after the audit, with labels of train and dev rows only.

Inputs:  results/<name>/{protocols,audit}/..., data/features/..., for runs with `augment` results/<name>/augmented/...
Outputs: results/<name>/runs/<run>/<fold>-<seed>/; for a second stage, outputs for the train rows in train/
"""

from emospace.plan.reserved import training_rules

# A run whose model declares additional outputs has its own rule, because their names depend on the run.
for _rule, _runs in training_rules(PLAN, "train").items():

    rule:
        name:
            _rule
        input:
            recipe=recipe("train", "run"),
            fold=of_run(PATHS.folds),
            protocol=of_run(PATHS.protocol),
            audit=of_run(PATHS.audit),
            children=of_run(PATHS.children),
            child_audits=of_run(PATHS.child_audit),
            quality=ancient_of_corpora(PATHS.quality),  # must exist; training does not read it
            data=lambda w: ancient(PATHS.input_data(w.run)),
            manifests=lambda w: ancient(PATHS.manifests_read(w.run)),
            sidecars=lambda w: PATHS.input_sidecars(w.run),
            weights=lambda w: PATHS.model_weights(w.run),
            parents=lambda w: PATHS.parent_sidecars(**w),
            parent_outputs=lambda w: ancient(PATHS.parent_outputs(**w)),
        output:
            model=f"{PATHS.run}/model.safetensors",
            history=f"{PATHS.run}/history.csv",
            probabilities=f"{PATHS.run}/probabilities.csv",
            embeddings=f"{PATHS.run}/embeddings.npy",
            more=[f"{PATHS.run}/{file}" for file in PLAN.run_files(_runs[0])],
            sidecar=f"{PATHS.run}/run.json",
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
            inputs=lambda w: job_arguments.of_training(PATHS, **w),
            folder=lambda w, output: os.path.dirname(output.sidecar),
        shell:
            "python -m workflow_scripts.train --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --fold {input.fold:q} --protocol {input.protocol:q} --audit {input.audit:q} {params.inputs}"
            " --children {input.children:q} --child-audits {input.child_audits:q} --weights {input.weights:q}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q}"
            " --seed {wildcards.seed} --out {params.folder:q}"


for _rule, _runs in training_rules(PLAN, "apply_train").items():

    rule:
        name:
            _rule
        input:
            recipe=recipe("apply_train", "run"),
            run=f"{PATHS.run}/run.json",
            stored=ancient(f"{PATHS.run}/model.safetensors"),
            fold=of_run(PATHS.folds),
            protocol=of_run(PATHS.protocol),
            audit=of_run(PATHS.audit),
            children=of_run(PATHS.children),
            child_audits=of_run(PATHS.child_audit),
            data=lambda w: ancient(PATHS.input_data(w.run)),
            manifests=lambda w: ancient(PATHS.manifests_read(w.run)),
            sidecars=lambda w: PATHS.input_sidecars(w.run),
            weights=lambda w: PATHS.model_weights(w.run),
            parents=lambda w: PATHS.parent_sidecars(**w),
            parent_outputs=lambda w: ancient(PATHS.parent_outputs(**w)),
        output:
            probabilities=f"{PATHS.run}/train/probabilities.csv",
            embeddings=f"{PATHS.run}/train/embeddings.npy",
            more=[f"{PATHS.run}/train/{file}" for file in PLAN.run_files(_runs[0]) if file.startswith("extras.")],
            sidecar=f"{PATHS.run}/train/apply.json",
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
            inputs=lambda w: job_arguments.of_training(PATHS, **w),
            folder=lambda w, output: os.path.dirname(output.sidecar),
        shell:
            "python -m workflow_scripts.apply_train --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --fold {input.fold:q} --protocol {input.protocol:q} --audit {input.audit:q} {params.inputs}"
            " --children {input.children:q} --child-audits {input.child_audits:q} --weights {input.weights:q}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q}"
            " --seed {wildcards.seed} --out {params.folder:q}"


rule train_all:
    input:
        PATHS.all_trainings("run.json"),
