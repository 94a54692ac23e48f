"""Report: a table with one row per run, and an HTML page.

Inputs:  results/<name>/{evaluation,runs,audit}/..., data/quality/<name>/...
Outputs: results/<name>/{summary.csv,result.txt,metrics.json,report.html}, and tables for `dvc plots` in plots/
"""

from emospace.report.results import COMPANIONS


rule summarize:
    input:
        recipe=PLAN.recipe("summarize"),
        metrics=evaluations("metrics.json"),
        predictions=evaluations("predictions.csv"),
        histories=all_runs("history.csv"),
    output:
        summary=f"{RESULTS}/summary.csv",
        result=f"{RESULTS}/result.txt",
        metrics=f"{RESULTS}/metrics.json",
        sidecar=f"{RESULTS}/summary.json",
        confusion=expand(f"{RESULTS}/plots/confusion/{{run}}.predictions.csv", run=PLAN.config["runs"]),
        training=expand(f"{RESULTS}/plots/training/{{run}}.history.csv", run=PLAN.config["runs"]),
    log:
        f"logs/summarize/{NAME}.log",
    benchmark:
        f"logs/summarize/{NAME}.tsv"
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
        summary=f"{RESULTS}/summary.csv",
        metrics=evaluations("metrics.json"),
        runs=all_runs("run.json"),
        audits=audits(),
        quality=expand(QUALITY, corpus=PLAN.config["corpora"]),
        manifests=expand("data/manifest/{corpus}.json", corpus=PLAN.config["corpora"]),
        sidecars=used_features(),
        sheets=sheets(),
        gates=all_children(f"{GATE}.json"),
        analyses=analyses("analysis.json"),
        # Files that the report reads in addition to these sidecars.
        made=ancient(analyses()),
        rows=ancient(expand("data/manifest/{corpus}.csv", corpus=PLAN.config["corpora"])),
        predictions=ancient([path for file in COMPANIONS["metrics.json"] for path in evaluations(file)]),
        trained=ancient([path for file in COMPANIONS["run.json"] for path in all_runs(file)]),
    output:
        page=f"{RESULTS}/report.html",
        sidecar=f"{RESULTS}/report.json",
    log:
        f"logs/make_report/{NAME}.log",
    benchmark:
        f"logs/make_report/{NAME}.tsv"
    conda:
        "../envs/report.yaml"
    shell:
        "python -m workflow_scripts.make_report --recipe {input.recipe:q} --log {log:q} --summary {input.summary:q}"
        " --metrics {input.metrics:q} --runs {input.runs:q} --audit {input.audits:q} --quality {input.quality:q}"
        " --manifest-sidecar {input.manifests:q} --feature-sidecars {input.sidecars:q} --sheets {input.sheets:q}"
        " --gates {input.gates:q} --analyses {input.analyses:q} --out {output.page:q}"


rule report:
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/result.txt",
