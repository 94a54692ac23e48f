"""Export: one .npy file per utterance in six folders, and two tables, in the format of earlier work on IEMOCAP.

Inputs:  data/manifest/<corpus>.csv, data/views/..., data/features/..., data/augmented/...
Outputs: results/<name>/export/<corpus>/
"""


rule export_arrays:
    input:
        recipe=recipe("export_arrays", "corpus"),
        manifest=ancient(PATHS.manifest),
        manifest_sidecar=PATHS.manifest_sidecar,
        texts=lambda w: PATHS.of_corpus("text", w.corpus),
        made=lambda w: PATHS.exported_translations(w.corpus),
        text_sidecars=lambda w: sidecars([*PATHS.of_corpus("text", w.corpus), *PATHS.exported_translations(w.corpus)]),
        features=lambda w: ancient(PATHS.exported(w.corpus)),
        offsets=lambda w: ancient(offsets(PATHS.exported(w.corpus))),
        sidecars=lambda w: sidecars(PATHS.exported(w.corpus)),
    output:
        folder=directory(f"{PATHS.results}/export/{{corpus}}"),
        sidecar=f"{PATHS.results}/export/{{corpus}}.json",
    log:
        f"logs/export_arrays/{NAME}/{{corpus}}.log",
    benchmark:
        f"logs/export_arrays/{NAME}/{{corpus}}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        features=lambda w: job_arguments.of_export(PATHS, w.corpus),
    shell:
        "python -m workflow_scripts.export_arrays --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " {params.features} --texts {input.texts:q} --made {input.made:q} --manifest-sidecar"
        " {input.manifest_sidecar:q} --feature-sidecars {input.sidecars:q} --text-sidecars {input.text_sidecars:q}"
        " --out {output.folder:q} --sidecar {output.sidecar:q}"


rule export:
    input:
        fill(rules.export_arrays.output.sidecar, corpus=PLAN.config["corpora"]),
