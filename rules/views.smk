"""Views: renditions of a modality, one file per part with one item per utterance.

Inputs:  data/manifest/<corpus>/<part>.csv and the media that it names
Outputs: data/views/<corpus>/<view>/<part>.*, data/quality/<name>/<corpus>.csv
"""

for _view in PLAN.extractable():
    _step, _medium = PLAN.views.step(_view), PLAN.views.module(_view).MEDIUM
    _sources = PATHS.views_named(_view)

    rule:
        name:
            f"extract_{_view}"
        input:
            recipe=PLAN.recipe("extract_view", _view),
            manifest=PATHS.part,
            digests=f"data/manifest/{{corpus}}/{{part}}.{_medium}.sha256" if _medium else [],
            words=PATHS.words_taken(_view),
            views=ancient(_sources),
            offsets=ancient(offsets(_sources)),
            sidecars=sidecars(_sources),
            weights=weight_records(PLAN.views.step_weights(_view)),
        output:
            **PATHS.view_outputs(_view),
        log:
            f"logs/extract_{_view}/{{corpus}}/{{part}}.log",
        benchmark:
            f"logs/extract_{_view}/{{corpus}}/{{part}}.tsv"
        conda:
            f"../envs/{_step.environment}.yaml"
        threads: threads_of(_view)
        params:
            root=lambda w: PLAN.root(w.corpus),
            read=lambda w, files=job_arguments.taken_by_view(PATHS, _view): job_arguments.read(files, w),
        shell:
            "python -m workflow_scripts.extract_view --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --corpus-root {params.root:q} --manifest {input.manifest:q} --inputs {input.digests:q}"
            " {input.words:q} {input.sidecars:q} --weights {input.weights:q} {params.read} --out {output.main:q} --quality {output.quality:q}"
            " --sidecar {output.sidecar:q}"


rule check_quality:
    input:
        recipe=recipe("check_quality", "corpus"),
        manifest="data/manifest/{corpus}.quality.csv",
        facts=PATHS.manifest_sidecar,
        views=lambda w: PATHS.view_problems(w.corpus),
    output:
        table=PATHS.quality,
        sidecar=beside(PATHS.quality),
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
        fill(PATHS.quality, corpus=PLAN.config["corpora"]),
