"""Views: renditions of a modality, one file per part with one item per utterance.

Inputs:  data/manifest/<corpus>/<part>.csv and the media that it names
Outputs: data/views/<corpus>/<view>/<part>.*, data/quality/<name>/<corpus>.csv
"""

for _view in PLAN.extractable():
    _step, _medium = PLAN.views.step(_view), PLAN.views.module(_view).MEDIUM
    _sources = [view_file(source) for source in PLAN.views.sources(_view)]

    rule:
        name:
            f"extract_{_view}"
        input:
            recipe=PLAN.recipe("extract_view", _view),
            manifest="data/manifest/{corpus}/{part}.csv",
            digests=f"data/manifest/{{corpus}}/{{part}}.{_medium}.sha256" if _medium else [],
            words=WORDS if PLAN.views.takes(_step.make, "words") else [],
            views=ancient(_sources),
            offsets=ancient(offsets(_sources)),
            sidecars=[beside(source) for source in _sources],
            weights=weight_records(PLAN.views.step_weights(_view)),
        output:
            **view_files(_view),
        log:
            f"logs/extract_{_view}/{{corpus}}/{{part}}.log",
        benchmark:
            f"logs/extract_{_view}/{{corpus}}/{{part}}.tsv"
        conda:
            f"../envs/{_step.environment}.yaml"
        threads: PLAN.views.threads(_view)
        params:
            root=lambda w: PLAN.root(w.corpus),
            read=read_arguments(_view),
        shell:
            "python -m workflow_scripts.extract_view --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --corpus-root {params.root:q} --manifest {input.manifest:q} --inputs {input.digests:q}"
            " {input.words:q} {input.sidecars:q} --weights {input.weights:q} {params.read} --out {output.main:q} --quality {output.quality:q}"
            " --sidecar {output.sidecar:q}"


rule check_quality:
    input:
        recipe=recipe("check_quality", "corpus"),
        manifest="data/manifest/{corpus}.quality.csv",
        facts="data/manifest/{corpus}.json",
        views=lambda w: [
            p for view in PLAN.read_views(w.corpus) for p in part_files(view, w.corpus, "{part}.quality.csv")
        ],
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
