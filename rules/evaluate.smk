"""Evaluation: the only stage that compares predictions with test labels.

Inputs:  results/<name>/runs/<run>/*, the manifest
Outputs: results/<name>/evaluation/<run>/{metrics.json,predictions.csv,confusion.csv}
"""


rule evaluate:
    input:
        recipe=recipe("evaluate", "run"),
        manifest=lambda w: ancient(of_corpora("data/manifest/{corpus}.csv")(w)),
        sidecar=of_corpora("data/manifest/{corpus}.json"),
        protocol=of_run(PROTOCOL),
        folds=of_folds,
        runs=lambda w: each(run_folders(w.run), "probabilities.csv"),
        sidecars=lambda w: each(run_folders(w.run), "run.json"),
        baseline=lambda w: each(baseline_folders(w.run), "probabilities.csv"),
        baseline_sidecars=lambda w: each(baseline_folders(w.run), "run.json"),
        other_manifest=lambda w: ancient(of_other("data/manifest/{corpus}.csv")(w)),
        other_protocol=of_other(PROTOCOL),
        other_folds=of_other(FOLDS),
    output:
        metrics=f"{EVALUATION}/metrics.json",
        predictions=f"{EVALUATION}/predictions.csv",
        confusion=f"{EVALUATION}/confusion.csv",
    log:
        f"logs/evaluate/{NAME}/{{run}}.log",
    benchmark:
        f"logs/evaluate/{NAME}/{{run}}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        runs=lambda w: run_folders(w.run),
        baseline=lambda w: baseline_folders(w.run),
    shell:
        "python -m workflow_scripts.evaluate --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --protocol {input.protocol:q} --folds {input.folds:q} --run-dirs {params.runs:q}"
        " --baseline-dirs {params.baseline:q} --other-manifest {input.other_manifest:q} --other-protocol"
        " {input.other_protocol:q} --other-folds {input.other_folds:q} --out {output.metrics:q} --predictions {output.predictions:q}"
        " --confusion {output.confusion:q}"


rule evaluation:
    input:
        evaluations("metrics.json"),
