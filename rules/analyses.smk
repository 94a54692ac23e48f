"""Analyses: tables, figures, videos and other outputs of trained runs. One job per analysis and run, or for all runs.

Inputs:  results/<name>/{runs,protocols}/..., data/features/..., the manifest
Outputs: results/<name>/analyses/<run>/<analysis>/, results/<name>/analyses/_joint/<analysis>/
"""

from emospace.plan.run_products import joint, outputs

# One rule per analysis, because outputs and environments differ.
for _analysis, _spec in PLAN.config["analyses"].items():
    if not _spec["runs"] or joint(_spec):
        continue

    rule:
        name:
            f"analyse_{_analysis}"
        input:
            recipe=lambda w, analysis=_analysis: PLAN.recipe("analyse", f"{analysis}.{w.run}"),
            manifest=lambda w, analysis=_analysis: ancient(PATHS.analysed_protocols(PATHS.manifest, w.run, analysis)),
            sidecar=lambda w, analysis=_analysis: PATHS.analysed_protocols(PATHS.manifest_sidecar, w.run, analysis),
            protocol=lambda w, analysis=_analysis: PATHS.analysed_protocols(PATHS.protocol, w.run, analysis),
            folds=lambda w, analysis=_analysis: PATHS.analysed_protocols(PATHS.folds, w.run, analysis),
            stored=lambda w, analysis=_analysis: ancient(PATHS.analysed_outputs(w.run, analysis)),
            runs=lambda w, analysis=_analysis: PATHS.analysed_sidecars(w.run, analysis),
            data=lambda w, analysis=_analysis: ancient(PATHS.analysed_data(w.run, analysis)),
            manifests=lambda w, analysis=_analysis: ancient(PATHS.analysed_manifests(w.run, analysis)),
            sidecars=lambda w, analysis=_analysis: PATHS.analysed_inputs(w.run, analysis),
            weights=lambda w: PATHS.model_weights(w.run),
        output:
            files=[f"{PATHS.analyses}/{_analysis}/{file}" for file in outputs(_spec)],
            sidecar=f"{PATHS.analyses}/{_analysis}/analysis.json",
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
            runs=lambda w, analysis=_analysis: PATHS.analysed_folders(w.run, analysis),
            inputs=lambda w, analysis=_analysis: job_arguments.of_analysis(PATHS, w.run, analysis),
            folder=lambda w, output: os.path.dirname(output.sidecar),
        shell:
            "python -m workflow_scripts.analyse --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --manifest-sidecar {input.sidecar:q} --protocol {input.protocol:q}"
            " --folds {input.folds:q} --run-dirs {params.runs:q} {params.inputs}"
            " --manifests {input.manifests:q} --input-sidecars {input.sidecars:q} --weights {input.weights:q}"
            " --out {params.folder:q}"


for _analysis, _spec in PLAN.config["analyses"].items():
    if not _spec["runs"] or not joint(_spec):
        continue

    rule:
        name:
            f"analyse_{_analysis}"
        input:
            recipe=PLAN.recipe("analyse", _analysis),
            manifest=ancient(PATHS.over_runs(PATHS.manifest, _spec["runs"])),
            sidecar=PATHS.over_runs(PATHS.manifest_sidecar, _spec["runs"]),
            protocol=PATHS.over_runs(PATHS.protocol, _spec["runs"]),
            folds=PATHS.over_runs(PATHS.folds, _spec["runs"]),
            stored=ancient([path for run in _spec["runs"] for path in PATHS.trainings(run, "probabilities.csv")]),
            runs=[path for run in _spec["runs"] for path in PATHS.trainings(run, "run.json")],
        output:
            files=[f"{PATHS.joint_analysis(_analysis)}/{file}" for file in outputs(_spec)],
            sidecar=f"{PATHS.joint_analysis(_analysis)}/analysis.json",
        log:
            f"logs/analyse/{NAME}/{_analysis}.log",
        benchmark:
            f"logs/analyse/{NAME}/{_analysis}.tsv"
        conda:
            f"../envs/{plugin.find('analyses', _spec['analysis']).ENVIRONMENT}.yaml"
        params:
            runs=[folder for run in _spec["runs"] for folder in PATHS.run_folders(run)],
            folder=PATHS.joint_analysis(_analysis),
        shell:
            "python -m workflow_scripts.analyse --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --manifest-sidecar {input.sidecar:q} --protocol {input.protocol:q}"
            " --folds {input.folds:q} --run-dirs {params.runs:q} --out {params.folder:q}"


rule analyse:
    input:
        PATHS.all_trainings("run.json"),  # Snakemake would always schedule a rule without inputs
        PATHS.analysis_files("analysis.json"),


rule price:
    input:
        lambda w: PATHS.analysis_files("analysis.json", plug_in="price"),
