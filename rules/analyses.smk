"""Analyses: tables, figures, videos and other outputs of trained runs. One job per analysis and run.

Inputs:  results/<name>/{runs,protocols}/..., data/features/..., the manifest
Outputs: results/<name>/analyses/<run>/<analysis>/
"""

# One rule per analysis, because outputs and environments differ.
for _analysis, _spec in PLAN.config["analyses"].items():
    if not _spec["runs"]:
        continue

    rule:
        name:
            f"analyse_{_analysis}"
        input:
            recipe=analysis_recipe(_analysis),
            manifest=lambda w: ancient(of_corpora("data/manifest/{corpus}.csv")(w)),
            sidecar=of_corpora("data/manifest/{corpus}.json"),
            protocol=of_run(PROTOCOL),
            folds=of_folds,
            stored=analysed_outputs,
            runs=lambda w: analysed(w, "run.json"),
            data=stores,
            manifests=lambda w: ancient(read_manifests(w)),
            sidecars=lambda w: input_files(w, "{part}.json"),
            weights=model_weights,
        output:
            files=[f"{ANALYSES}/{_analysis}/{file}" for file in outputs_of(_spec)],
            sidecar=f"{ANALYSES}/{_analysis}/analysis.json",
        log:
            f"logs/analyse/{NAME}/{{run}}/{_analysis}.log",
        benchmark:
            f"logs/analyse/{NAME}/{{run}}/{_analysis}.tsv"
        wildcard_constraints:
            run="|".join(_spec["runs"]),
        conda:
            f"../envs/{plugin.find('analyses', _spec['analysis']).ENVIRONMENT}.yaml"
        resources:
            gpu=lambda w, plug_in=_spec["analysis"]: int(
                GPU and plugin.find("analyses", plug_in).GPU and PLAN.uses_gpu(w.run)
            ),
        params:
            runs=lambda w: run_folders(w.run),
            inputs=analysed_arguments,
            folder=lambda w, output: os.path.dirname(output.sidecar),
        shell:
            "python -m workflow_scripts.analyse --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --manifest-sidecar {input.sidecar:q} --protocol {input.protocol:q}"
            " --folds {input.folds:q} --run-dirs {params.runs:q} {params.inputs}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q} --weights {input.weights:q}"
            " --out {params.folder:q}"


rule analyse:
    input:
        all_runs("run.json"),  # Snakemake would always schedule a rule without inputs
        analyses("analysis.json"),
