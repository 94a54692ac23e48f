"""Children: copies of train rows with one modality from an augmented view; an audit ensures that all are train rows.

Inputs:  results/<name>/{augmented/gate,protocols}/..., the manifest
Outputs: results/<name>/augmented/{children,audit}/<protocol>..., and there quality/<corpus>.csv and children.csv
"""


rule check_augmented:
    input:
        recipe=PLAN.recipe("check_quality", "augmented.all"),
        tables=augmented_quality,
    output:
        table=COPY_QUALITY,
        sidecar=COPY_QUALITY.replace(".csv", ".json"),
    log:
        f"logs/check_augmented/{NAME}/{{corpus}}.log",
    benchmark:
        f"logs/check_augmented/{NAME}/{{corpus}}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.check_quality --recipe {input.recipe:q} --log {log:q} --quality {input.tables:q}"
        " --out {output.table:q}"


rule make_children:
    input:
        recipe=PLAN.recipe("make_children"),
        fold=FOLDS,
        gate=f"{GATE}.csv",
    output:
        table=CHILDREN,
        sidecar=CHILDREN_FACTS,
    log:
        f"logs/make_children/{NAME}/{{protocol}}/{{fold}}.{{view}}.log",
    benchmark:
        f"logs/make_children/{NAME}/{{protocol}}/{{fold}}.{{view}}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.make_children --recipe {input.recipe:q} --log {log:q} --view {wildcards.view}"
        " --fold {input.fold:q} --gate {input.gate:q} --out {output.table:q} --sidecar {output.sidecar:q}"


rule audit_children:
    input:
        recipe=lambda w: PLAN.recipe("audit_children", f"{w.protocol}.{w.view}"),
        manifest=lambda w: ancient(of_corpora("data/manifest/{corpus}.csv")(w)),
        sidecar=of_corpora("data/manifest/{corpus}.json"),
        protocol=PROTOCOL,
        folds=of_folds,
        children=lambda w: expand(CHILDREN, fold=PLAN.folds(w.protocol), **w),
        digests=of_corpora(DIGESTS),
    output:
        CHILD_AUDIT,
    log:
        f"logs/audit_children/{NAME}/{{protocol}}.{{view}}.log",
    benchmark:
        f"logs/audit_children/{NAME}/{{protocol}}.{{view}}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.audit_children --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --manifest-sidecar {input.sidecar:q} --protocol {input.protocol:q} --folds {input.folds:q}"
        " --children {input.children:q} --digests {input.digests:q} --out {output:q}"


rule count_children:
    input:
        recipe=PLAN.recipe("count_children"),
        sidecars=all_children(CHILDREN_FACTS),
    output:
        table=CHILD_COUNTS,
        sidecar=CHILD_COUNTS.replace(".csv", ".json"),
    log:
        f"logs/count_children/{NAME}.log",
    benchmark:
        f"logs/count_children/{NAME}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.count_children --recipe {input.recipe:q} --log {log:q}"
        " --children {input.sidecars:q} --out {output.table:q}"


rule augment:
    input:
        CHILD_COUNTS,
        all_children(CHILD_AUDIT),
        augmented_sidecars(),
        sheets(),
        expand(COPY_QUALITY, corpus=PLAN.config["corpora"] if PLAN.augmented() else []),
