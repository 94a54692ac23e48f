"""Corpora: index raw files into a manifest.

Inputs:  the raw corpus, at the root given in the config or in EMOSPACE_<CORPUS>
Outputs: data/manifest/<corpus>.csv and .json, data/manifest/<corpus>/<part>.*
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


rule corpora:
    input:
        PATHS.audits(),
