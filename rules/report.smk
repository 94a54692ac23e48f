"""Report: a table with one row per run, and an HTML page.

Inputs:  results/<name>/{evaluation,runs,audit}/..., data/quality/<name>/...
Outputs: results/<name>/{summary.csv,result.txt,metrics.json,report.html}, and tables for `dvc plots` in plots/
"""

from emospace.report.results import COMPANIONS


rule summarize:
    input:
        recipe=PLAN.recipe("summarize"),
        metrics=PATHS.evaluations("metrics.json"),
        predictions=PATHS.evaluations("predictions.csv"),
        histories=PATHS.all_trainings("history.csv"),
    output:
        summary=f"{PATHS.results}/summary.csv",
        result=f"{PATHS.results}/result.txt",
        metrics=f"{PATHS.results}/metrics.json",
        sidecar=f"{PATHS.results}/summary.json",
        confusion=fill(f"{PATHS.results}/plots/confusion/{{run}}.predictions.csv", run=PLAN.config["runs"]),
        training=fill(f"{PATHS.results}/plots/training/{{run}}.history.csv", run=PLAN.config["runs"]),
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
        summary=f"{PATHS.results}/summary.csv",
        metrics=PATHS.evaluations("metrics.json"),
        runs=PATHS.all_trainings("run.json"),
        audits=PATHS.audits(),
        quality=fill(PATHS.quality, corpus=PLAN.config["corpora"]),
        manifests=fill(PATHS.manifest_sidecar, corpus=PLAN.config["corpora"]),
        sidecars=PATHS.used_features(),
        sheets=PATHS.sheets(),
        gates=PATHS.augmented(beside(PATHS.gate)),
        analyses=PATHS.analysis_files("analysis.json"),
        # Files that the report reads in addition to these sidecars.
        made=ancient(PATHS.analysis_files()),
        rows=ancient(fill(PATHS.manifest, corpus=PLAN.config["corpora"])),
        predictions=ancient([path for file in COMPANIONS["metrics.json"] for path in PATHS.evaluations(file)]),
        trained=ancient([path for file in COMPANIONS["run.json"] for path in PATHS.all_trainings(file)]),
    output:
        page=f"{PATHS.results}/report.html",
        sidecar=f"{PATHS.results}/report.json",
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
        f"{PATHS.results}/report.html",
        f"{PATHS.results}/result.txt",
