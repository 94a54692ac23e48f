"""Corpora: index raw files into a manifest, make protocols and audit them.

Inputs:  the raw corpus, at the root given in the config or in EMOSPACE_<CORPUS>
Outputs: data/manifest/<corpus>.csv, results/<name>/{protocols,audit}/...
"""

for _corpus in filter(PLAN.generated, PLAN.config["corpora"]):

    rule:
        name:
            f"make_{_corpus}"
        input:
            recipe=PLAN.recipe("make_demo", _corpus),
        output:
            f"data/raw/{_corpus}/{_corpus}.json",
        log:
            f"logs/make_demo/{_corpus}.log",
        benchmark:
            f"logs/make_demo/{_corpus}.tsv"
        conda:
            "../envs/media.yaml"
        threads: 2
        shell:
            "python -m workflow_scripts.make_demo --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --out {output:q}"


rule index_part:
    input:
        recipe=recipe("index_part", "corpus"),
        raw=lambda w: PLAN.raw[w.corpus][w.part],
        made=lambda w: f"data/raw/{w.corpus}/{w.corpus}.json" if PLAN.generated(w.corpus) else [],
    output:
        manifest=PATHS.part,
        quality="data/manifest/{corpus}/{part}.quality.csv",
        audio=PATHS.digests[0],
        video=PATHS.digests[1],
        words=PATHS.words,
        sidecar="data/manifest/{corpus}/{part}.json",
    log:
        "logs/index_part/{corpus}/{part}.log",
    benchmark:
        "logs/index_part/{corpus}/{part}.tsv"
    conda:
        "../envs/media.yaml"
    params:
        root=lambda w: PLAN.root(w.corpus),
        parts=lambda w: len(PLAN.parts(w.corpus)),
    shell:
        "python -m workflow_scripts.index_part --recipe {input.recipe:q} --log {log:q} --corpus {wildcards.corpus}"
        " --corpus-root {params.root:q} --part {wildcards.part} --parts {params.parts} --manifest {output.manifest:q}"
        " --quality {output.quality:q} --audio-digests {output.audio:q} --video-digests {output.video:q}"
        " --words {output.words:q} --made {input.made:q}"


rule merge_manifest:
    input:
        recipe=recipe("merge_manifest", "corpus"),
        manifest=of_parts(PATHS.part),
        quality=of_parts("data/manifest/{corpus}/{part}.quality.csv"),
    output:
        manifest=PATHS.manifest,
        quality="data/manifest/{corpus}.quality.csv",
        sidecar=PATHS.manifest_sidecar,
    log:
        "logs/merge_manifest/{corpus}.log",
    benchmark:
        "logs/merge_manifest/{corpus}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.merge_manifest --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --quality {input.quality:q} --out {output.manifest:q} --out-quality {output.quality:q}"
        " --sidecar {output.sidecar:q}"


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


rule corpora:
    input:
        PATHS.audits(),
