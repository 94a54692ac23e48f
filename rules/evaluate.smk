"""Evaluation: the only stage that compares predictions with test labels.

Inputs:  results/<name>/runs/<run>/*, the manifest
Outputs: results/<name>/evaluation/<run>/{metrics.json,predictions.csv,confusion.csv}
"""


rule evaluate:
    input:
        recipe=recipe("evaluate", "run"),
        manifest=ancient_of_corpora(PATHS.manifest),
        sidecar=of_corpora(PATHS.manifest_sidecar),
        protocol=of_run(PATHS.protocol),
        folds=fold_tables,
        runs=lambda w: PATHS.trainings(w.run, "probabilities.csv"),
        sidecars=lambda w: PATHS.trainings(w.run, "run.json"),
        baseline=lambda w: PATHS.baseline_trainings(w.run, "probabilities.csv"),
        baseline_sidecars=lambda w: PATHS.baseline_trainings(w.run, "run.json"),
        other_manifest=lambda w: ancient(PATHS.of_other(PATHS.manifest, w.run)),
        other_protocol=lambda w: PATHS.of_other(PATHS.protocol, w.run),
        other_folds=lambda w: PATHS.of_other(PATHS.folds, w.run),
    output:
        metrics=f"{PATHS.evaluation}/metrics.json",
        predictions=f"{PATHS.evaluation}/predictions.csv",
        confusion=f"{PATHS.evaluation}/confusion.csv",
    log:
        f"logs/evaluate/{NAME}/{{run}}.log",
    benchmark:
        f"logs/evaluate/{NAME}/{{run}}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        runs=lambda w: PATHS.run_folders(w.run),
        baseline=lambda w: PATHS.baseline_folders(w.run),
    shell:
        "python -m workflow_scripts.evaluate --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --protocol {input.protocol:q} --folds {input.folds:q} --run-dirs {params.runs:q}"
        " --baseline-dirs {params.baseline:q} --other-manifest {input.other_manifest:q} --other-protocol"
        " {input.other_protocol:q} --other-folds {input.other_folds:q} --out {output.metrics:q}"
        " --predictions {output.predictions:q} --confusion {output.confusion:q}"


rule evaluation:
    input:
        PATHS.evaluations("metrics.json"),
