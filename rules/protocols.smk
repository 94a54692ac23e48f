"""Protocols: divide the rows of corpora into train, dev and test, and audit the result before any training.

Inputs:  data/manifest/<corpus>.csv and .json, digests of the media
Outputs: results/<name>/{protocols,audit}/...
"""

for _protocol in PLAN.config["protocols"]:

    rule:
        name:
            f"make_protocol_{_protocol}"
        input:
            recipe=PLAN.recipe("make_protocol", _protocol),
            manifest=ancient(PATHS.over_corpora(PATHS.manifest, _protocol)),
            sidecar=PATHS.over_corpora(PATHS.manifest_sidecar, _protocol),
        output:
            folds=PATHS.fold_tables(_protocol),
            sidecar=PATHS.protocol.format(protocol=_protocol),
        log:
            f"logs/make_protocol/{NAME}/{_protocol}.log",
        benchmark:
            f"logs/make_protocol/{NAME}/{_protocol}.tsv"
        conda:
            "../envs/media.yaml"
        shell:
            "python -m workflow_scripts.make_protocol --recipe {input.recipe:q} --log {log:q}"
            " --manifest {input.manifest:q} --manifest-sidecar {input.sidecar:q} --out {output.folds:q}"
            " --sidecar {output.sidecar:q}"


rule audit_protocol:
    input:
        recipe=recipe("audit_protocol", "protocol"),
        manifest=ancient_of_corpora(PATHS.manifest),
        sidecar=of_corpora(PATHS.manifest_sidecar),
        protocol=PATHS.protocol,
        folds=fold_tables,
        digests=lambda w: PATHS.protocol_digests(w.protocol),
    output:
        PATHS.audit,
    log:
        f"logs/audit_protocol/{NAME}/{{protocol}}.log",
    benchmark:
        f"logs/audit_protocol/{NAME}/{{protocol}}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.audit_protocol --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --manifest-sidecar {input.sidecar:q} --protocol {input.protocol:q} --folds {input.folds:q}"
        " --digests {input.digests:q} --out {output:q}"
