"""Children: copies of train rows with one modality from an augmented view; an audit ensures that all are train rows.

Inputs:  results/<name>/{augmented/gate,protocols}/..., the manifest
Outputs: results/<name>/augmented/{children,audit}/<protocol>..., and there quality/<corpus>.csv and children.csv
"""


rule check_augmented:
    input:
        recipe=PLAN.recipe("check_quality", "augmented.all"),
        tables=lambda w: PATHS.augmented_problems(w.corpus),
    output:
        table=PATHS.augmented_quality,
        sidecar=beside(PATHS.augmented_quality),
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
        fold=PATHS.folds,
        gate=PATHS.gate,
    output:
        table=PATHS.children,
        sidecar=beside(PATHS.children),
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
        manifest=ancient_of_corpora(PATHS.manifest),
        sidecar=of_corpora(PATHS.manifest_sidecar),
        protocol=PATHS.protocol,
        folds=fold_tables,
        children=lambda w: fill(PATHS.children, **dict(w) | {"fold": PLAN.folds(w.protocol)}),
        digests=lambda w: PATHS.protocol_digests(w.protocol),
    output:
        PATHS.child_audit,
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
        sidecars=PATHS.augmented(beside(PATHS.children)),
    output:
        table=PATHS.child_counts,
        sidecar=beside(PATHS.child_counts),
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
        PATHS.child_counts,
        PATHS.augmented(PATHS.child_audit),
        PATHS.augmented_features(),
        PATHS.sheets(),
        fill(PATHS.augmented_quality, corpus=PATHS.augmented_corpora()),
