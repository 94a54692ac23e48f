"""Export: one .npy file per utterance in six folders, and two tables, in the format of earlier work on IEMOCAP.

Inputs:  data/manifest/<corpus>.csv, data/views/..., data/features/..., data/augmented/...
Outputs: results/<name>/export/<corpus>/
"""

EXPORTED_TEXTS = ["text", *(["text_bt"] if "text_bt" in PLAN.augmented() else [])]


rule export_arrays:
    input:
        recipe=recipe("export_arrays", "corpus"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        manifest_sidecar="data/manifest/{corpus}.json",
        texts=lambda w: part_files("text", w.corpus),
        made=lambda w: part_files("text_bt", w.corpus) if "text_bt" in PLAN.augmented() else [],
        text_sidecars=lambda w: [p for view in EXPORTED_TEXTS for p in part_files(view, w.corpus, "{part}.json")],
        features=lambda w: ancient(exported(w)),
        offsets=lambda w: ancient(exported(w, "{part}.offsets.npy")),
        sidecars=lambda w: exported(w, "{part}.json"),
    output:
        folder=directory(f"{RESULTS}/export/{{corpus}}"),
        sidecar=f"{RESULTS}/export/{{corpus}}.json",
    log:
        f"logs/export_arrays/{NAME}/{{corpus}}.log",
    benchmark:
        f"logs/export_arrays/{NAME}/{{corpus}}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        features=lambda w: " ".join(f"--feature {n} {' '.join(part_files(n, w.corpus))}" for n in PLAN.exported()),
    shell:
        "python -m workflow_scripts.export_arrays --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " {params.features} --texts {input.texts:q} --made {input.made:q} --manifest-sidecar"
        " {input.manifest_sidecar:q} --feature-sidecars {input.sidecars:q} --text-sidecars {input.text_sidecars:q}"
        " --out {output.folder:q} --sidecar {output.sidecar:q}"


rule export:
    input:
        expand(rules.export_arrays.output.sidecar, corpus=PLAN.config["corpora"]),
