"""Evaluation: the only place where test labels meet predictions.

Inputs:  results/runs/<corpus>/<run>/*, the manifest
Outputs: results/evaluation/<corpus>/<run>/{metrics.json,predictions.csv,confusion.csv}
"""


def _folders_of(run_of):
    """Input function: probabilities of every fold and seed of a run, or none where the run is its own baseline."""
    return lambda w: [f"{folder}/probabilities.csv" for folder in (runs_of(run_of(w)) if run_of(w) else [])]


def _baseline(wildcards):
    name = PLAN.baseline(wildcards.run)
    return None if name == wildcards.run else name


def _folders(paths):
    return [os.path.dirname(path) for path in paths]


rule evaluate:
    input:
        recipe=recipe("evaluate", "run"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        sidecar="data/manifest/{corpus}.json",
        protocol=_protocol_file("data/protocols/{corpus}/{protocol}.json"),
        folds=lambda w: expand(
            FOLDS,
            corpus=w.corpus,
            protocol=PLAN.run(w.run)["protocol"],
            fold=PLAN.folds(PLAN.run(w.run)["protocol"]),
        ),
        runs=_folders_of(lambda w: w.run),
        baseline=_folders_of(_baseline),
        sidecars=lambda w: [f"{folder}/run.json" for folder in runs_of(w.run)],
    output:
        metrics="results/evaluation/{corpus}/{run}/metrics.json",
        predictions="results/evaluation/{corpus}/{run}/predictions.csv",
        confusion="results/evaluation/{corpus}/{run}/confusion.csv",
    log:
        "logs/evaluate/{corpus}/{run}.log",
    conda:
        "../envs/report.yaml"
    params:
        runs=lambda w, input: _folders(input.runs),
        baseline=lambda w, input: _folders(input.baseline),
    shell:
        "python -m workflow_scripts.evaluate --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --protocol {input.protocol:q} --folds {input.folds:q} --run-dirs {params.runs:q}"
        " --baseline-dirs {params.baseline:q} --out {output.metrics:q} --predictions {output.predictions:q}"
        " --confusion {output.confusion:q}"


rule evaluation:
    input:
        evaluations("metrics.json"),
