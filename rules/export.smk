"""Export: one .npy per utterance in six folders, and two tables, as earlier work on IEMOCAP trains from.

Inputs:  data/manifest/<corpus>.csv, data/views/..., data/features/..., data/augmented/...
Outputs: results/export/<corpus>/
"""


rule export_seed:
    input:
        recipe=recipe("export_seed", "corpus"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        manifest_sidecar="data/manifest/{corpus}.json",
        texts=lambda w: part_files("text", w.corpus),
        made=lambda w: part_files("text_bt", w.corpus) if "text_bt" in PLAN.augmented() else [],
        features=lambda w: ancient(exported(w)),
        sidecars=lambda w: exported(w, "{part}.json"),
    output:
        folder=directory("results/export/{corpus}"),
        sidecar="results/export/{corpus}.json",
    log:
        "logs/export_seed/{corpus}.log",
    benchmark:
        "logs/export_seed/{corpus}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        features=lambda w: " ".join(f"--feature {n} {' '.join(part_files(n, w.corpus))}" for n in PLAN.exported()),
    shell:
        "python -m workflow_scripts.export_seed --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " {params.features} --texts {input.texts:q} --made {input.made:q} --out {output.folder:q}"
        " --sidecar {output.sidecar:q}"


rule export:
    input:
        expand("results/export/{corpus}.json", corpus=PLAN.config["corpora"]),
