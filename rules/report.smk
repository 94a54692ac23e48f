"""Report: one row per run, and one page that people like to look at.

Inputs:  results/evaluation/..., results/runs/..., data/audit/..., data/quality/...
Outputs: results/summary.csv, result.txt, metrics.json, report.html, and tables that `dvc plots` draws in results/plots/
"""


rule summarize:
    input:
        recipe=PLAN.recipe("summarize"),
        metrics=evaluations("metrics.json"),
        predictions=evaluations("predictions.csv"),
        histories=all_runs("history.csv"),
    output:
        summary="results/summary.csv",
        result="results/result.txt",
        metrics="results/metrics.json",
        sidecar="results/summary.json",
        confusion=expand("results/plots/confusion/{run}.predictions.csv", run=PLAN.config["runs"]),
        training=expand("results/plots/training/{run}.history.csv", run=PLAN.config["runs"]),
    log:
        "logs/summarize.log",
    benchmark:
        "logs/summarize.tsv"
    conda:
        "../envs/report.yaml"
    params:
        plots=lambda w, output: os.path.commonpath([*output.confusion, *output.training]),
    shell:
        "python -m workflow_scripts.summarize --recipe {input.recipe:q} --log {log:q} --metrics {input.metrics:q}"
        " --predictions {input.predictions:q} --histories {input.histories:q} --out-plots {params.plots:q}"
        " --out-summary {output.summary:q} --out-result {output.result:q} --out-metrics {output.metrics:q}"


rule make_report:
    input:
        recipe=PLAN.recipe("make_report"),
        summary="results/summary.csv",
        metrics=evaluations("metrics.json"),
        runs=all_runs("run.json"),
        audits=audits(),
        quality=expand("data/quality/{corpus}.csv", corpus=PLAN.config["corpora"]),
        manifests=expand("data/manifest/{corpus}.json", corpus=PLAN.config["corpora"]),
        sidecars=used_features(),
        sheets=sheets(),
        gates=all_children(f"{GATE}.json"),
    output:
        page="results/report.html",
        sidecar="results/report.json",
    log:
        "logs/make_report.log",
    benchmark:
        "logs/make_report.tsv"
    conda:
        "../envs/report.yaml"
    shell:
        "python -m workflow_scripts.make_report --recipe {input.recipe:q} --log {log:q} --summary {input.summary:q}"
        " --metrics {input.metrics:q} --runs {input.runs:q} --audit {input.audits:q} --quality {input.quality:q}"
        " --manifest-sidecar {input.manifests:q} --feature-sidecars {input.sidecars:q} --sheets {input.sheets:q}"
        " --gates {input.gates:q} --out {output.page:q}"


rule report:
    input:
        "results/report.html",
        "results/result.txt",
