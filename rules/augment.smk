"""Augmented views: copies of views with other words, another voice or transformed images, row by row.

Inputs:  data/views/<corpus>/<parent>/<part>.*, weights/<weights>/
Outputs: data/augmented/views/<corpus>/<view>/<part>.*; for a step, <part>.<step>.*
"""

for _view, _name in [(view, step) for view in PLAN.augmented() for step in PLAN.views.steps(view)]:
    _step, _job = PLAN.views.step(_view, _name), "_".join(filter(None, (_view, _name)))
    _source, _steps = source_file(_view, _name), [step_file(_view, s) for s in PLAN.views.reads(_step.make, _view)]
    _views = [view_file(view) for view in PLAN.views.step_sources(_view, _name)]

    rule:
        name:
            f"augment_{_job}"
        input:
            recipe=PLAN.recipe("augment_view", f"{_view}.{_name}".rstrip(".")),
            manifest="data/manifest/{corpus}/{part}.csv",
            source=ancient(_source),
            steps=_steps,
            views=ancient(_views),
            offsets=ancient(offsets([_source, *_steps, *_views])),
            sidecars=[beside(file) for file in [_source, *_steps, *_views]],
            words=WORDS if PLAN.views.takes(_step.make, "words") else [],
            weights=weight_records(PLAN.views.step_weights(_view, _name)),
        output:
            **view_files(_view, _name),
        log:
            f"logs/augment_view/{{corpus}}/{_job}/{{part}}.log",
        benchmark:
            f"logs/augment_view/{{corpus}}/{_job}/{{part}}.tsv"
        conda:
            f"../envs/{_step.environment}.yaml"
        threads: PLAN.views.threads(_view, _name)
        resources:
            gpu=int(GPU and PLAN.views.uses_gpu(_view, _name)),
        params:
            cache=cache_argument(_view, _name),
            read=read_arguments(_view, _name),
        shell:
            "python -m workflow_scripts.augment_view --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --source {input.source:q} --weights {input.weights:q} {params.read}"
            " --inputs {input.sidecars:q} {input.words:q}"
            " {params.cache} --out {output.main:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"
