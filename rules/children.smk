"""Children: copies of train rows with one modality from an augmented view, proved to be train-only.

Inputs:  data/augmented/gate/..., data/protocols/..., the manifest
Outputs: data/augmented/{children,audit,quality}/<corpus>/..., data/augmented/children.csv
"""


rule check_augmented:
    input:
        recipe=PLAN.recipe("check_quality", "augmented"),
        tables=augmented_quality,
    output:
        table="data/augmented/quality/{corpus}.csv",
        sidecar="data/augmented/quality/{corpus}.json",
    log:
        "logs/check_augmented/{corpus}.log",
    benchmark:
        "logs/check_augmented/{corpus}.tsv"
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
        "logs/make_children/{corpus}/{protocol}/{fold}.{view}.log",
    benchmark:
        "logs/make_children/{corpus}/{protocol}/{fold}.{view}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.make_children --recipe {input.recipe:q} --log {log:q} --view {wildcards.view}"
        " --fold {input.fold:q} --gate {input.gate:q} --out {output.table:q} --sidecar {output.sidecar:q}"


rule audit_children:
    input:
        recipe=lambda w: PLAN.recipe("audit_children", f"{w.protocol}.{w.view}"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        sidecar="data/manifest/{corpus}.json",
        protocol=PROTOCOL,
        folds=of_folds(lambda w: w.protocol),
        children=lambda w: expand(CHILDREN, fold=PLAN.folds(w.protocol), **w),
        digests=of_parts(expand("data/manifest/{{corpus}}/{{part}}.{medium}.sha256", medium=["audio", "video"])),
    output:
        CHILD_AUDIT,
    log:
        "logs/audit_children/{corpus}/{protocol}.{view}.log",
    benchmark:
        "logs/audit_children/{corpus}/{protocol}.{view}.tsv"
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
        table="data/augmented/children.csv",
        sidecar="data/augmented/children.json",
    log:
        "logs/count_children.log",
    benchmark:
        "logs/count_children.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.count_children --recipe {input.recipe:q} --log {log:q}"
        " --children {input.sidecars:q} --out {output.table:q}"


rule augment:
    input:
        "data/augmented/children.csv",
        all_children(CHILD_AUDIT),
        augmented_sidecars(),
        sheets(),
        expand("data/augmented/quality/{corpus}.csv", corpus=PLAN.config["corpora"] if PLAN.augmented() else []),
