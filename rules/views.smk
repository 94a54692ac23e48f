"""Views: one rendition of each modality, per part, one row per utterance.

Inputs:  data/manifest/<corpus>/<part>.csv, the media it names
Outputs: data/views/<corpus>/{audio,frames,text}/<part>.*, data/quality/<name>/<corpus>.csv
"""


rule extract_audio:
    input:
        recipe=PLAN.recipe("extract_audio"),
        manifest="data/manifest/{corpus}/{part}.csv",
        digests="data/manifest/{corpus}/{part}.audio.sha256",
    output:
        store=view_file("audio"),
        offsets=view_file("audio", "{part}.offsets.npy"),
        quality=view_file("audio", "{part}.quality.csv"),
        sidecar=view_file("audio", "{part}.json"),
    log:
        "logs/extract_audio/{corpus}/{part}.log",
    benchmark:
        "logs/extract_audio/{corpus}/{part}.tsv"
    conda:
        "../envs/media.yaml"
    params:
        root=lambda w: PLAN.root(w.corpus),
    shell:
        "python -m workflow_scripts.extract_audio --recipe {input.recipe:q} --log {log:q} --corpus-root {params.root:q}"
        " --manifest {input.manifest:q} --digests {input.digests:q} --out {output.store:q} --quality {output.quality:q}"
        " --sidecar {output.sidecar:q}"


rule extract_frames:
    input:
        recipe=PLAN.recipe("extract_frames"),
        manifest="data/manifest/{corpus}/{part}.csv",
        digests="data/manifest/{corpus}/{part}.video.sha256",
    output:
        zip=view_file("frames"),
        quality=view_file("frames", "{part}.quality.csv"),
        sidecar=view_file("frames", "{part}.json"),
    log:
        "logs/extract_frames/{corpus}/{part}.log",
    benchmark:
        "logs/extract_frames/{corpus}/{part}.tsv"
    conda:
        "../envs/media.yaml"
    threads: 2
    params:
        root=lambda w: PLAN.root(w.corpus),
    shell:
        "python -m workflow_scripts.extract_frames --recipe {input.recipe:q} --log {log:q} --corpus-root {params.root:q}"
        " --manifest {input.manifest:q} --digests {input.digests:q} --threads {threads} --out {output.zip:q}"
        " --quality {output.quality:q} --sidecar {output.sidecar:q}"


rule extract_text:
    input:
        recipe=PLAN.recipe("extract_text"),
        manifest="data/manifest/{corpus}/{part}.csv",
    output:
        table=view_file("text"),
        quality=view_file("text", "{part}.quality.csv"),
        sidecar=view_file("text", "{part}.json"),
    log:
        "logs/extract_text/{corpus}/{part}.log",
    benchmark:
        "logs/extract_text/{corpus}/{part}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.extract_text --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --out {output.table:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"


rule check_quality:
    input:
        recipe=recipe("check_quality", "corpus"),
        manifest="data/manifest/{corpus}.quality.csv",
        facts="data/manifest/{corpus}.json",
        views=lambda w: [p for view in VIEWS for p in part_files(view, w.corpus, "{part}.quality.csv")],
    output:
        table=QUALITY,
        sidecar=QUALITY.replace(".csv", ".json"),
    log:
        f"logs/check_quality/{NAME}/{{corpus}}.log",
    benchmark:
        f"logs/check_quality/{NAME}/{{corpus}}.tsv"
    conda:
        "../envs/media.yaml"
    shell:
        "python -m workflow_scripts.check_quality --recipe {input.recipe:q} --log {log:q}"
        " --manifest {input.facts:q} --quality {input.manifest:q} {input.views:q} --out {output.table:q}"


rule views:
    input:
        expand(QUALITY, corpus=PLAN.config["corpora"]),
