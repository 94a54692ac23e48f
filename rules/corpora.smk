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
        manifest="data/manifest/{corpus}/{part}.csv",
        quality="data/manifest/{corpus}/{part}.quality.csv",
        audio="data/manifest/{corpus}/{part}.audio.sha256",
        video="data/manifest/{corpus}/{part}.video.sha256",
        words=WORDS,
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
        manifest=of_parts("data/manifest/{corpus}/{part}.csv"),
        quality=of_parts("data/manifest/{corpus}/{part}.quality.csv"),
    output:
        manifest="data/manifest/{corpus}.csv",
        quality="data/manifest/{corpus}.quality.csv",
        sidecar="data/manifest/{corpus}.json",
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
            manifest=ancient(expand("data/manifest/{corpus}.csv", corpus=PLAN.protocol_corpora(_protocol))),
            sidecar=expand("data/manifest/{corpus}.json", corpus=PLAN.protocol_corpora(_protocol)),
        output:
            folds=expand(FOLDS, protocol=_protocol, fold=PLAN.folds(_protocol)),
            sidecar=PROTOCOL.format(protocol=_protocol),
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
        manifest=lambda w: ancient(of_corpora("data/manifest/{corpus}.csv")(w)),
        sidecar=of_corpora("data/manifest/{corpus}.json"),
        protocol=PROTOCOL,
        folds=of_folds,
        digests=of_corpora(DIGESTS),
    output:
        AUDIT,
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
        audits(),
