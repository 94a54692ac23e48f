"""Augmented views: copies of views with other words, another voice or transformed images, row by row.

Inputs:  data/views/<corpus>/<parent>/<part>.*, weights/<weights>/
Outputs: data/augmented/views/<corpus>/<view>/<part>.*; for a step, <part>.<step>.*
"""

for _view, _name in [(view, step) for view in PLAN.augmented() for step in PLAN.views.steps(view)]:
    _step, _job = PLAN.views.step(_view, _name), "_".join(filter(None, (_view, _name)))
    _steps, _views = PATHS.steps_taken(_view, _step.make), PATHS.views_named(_view, _name)
    _read = [PATHS.source(_view, _name), *_steps, *_views]

    rule:
        name:
            f"augment_{_job}"
        input:
            recipe=PLAN.recipe("augment_view", f"{_view}.{_name}".rstrip(".")),
            manifest=PATHS.part,
            source=ancient(PATHS.source(_view, _name)),
            steps=_steps,
            views=ancient(_views),
            offsets=ancient(offsets(_read)),
            sidecars=sidecars(_read),
            words=PATHS.words_taken(_view, _name),
            weights=weight_records(PLAN.views.step_weights(_view, _name)),
        output:
            **PATHS.view_outputs(_view, _name),
        log:
            f"logs/augment_view/{{corpus}}/{_job}/{{part}}.log",
        benchmark:
            f"logs/augment_view/{{corpus}}/{_job}/{{part}}.tsv"
        priority: 1  # before embedding: the copies' own features, checks and gates wait for them
        conda:
            f"../envs/{_step.environment}.yaml"
        threads: threads_of(_view, _name)
        resources:
            gpu=int(GPU and PLAN.views.uses_gpu(_view, _name)),
        params:
            cache=lambda w, view=_view, step=_name: job_arguments.cache(PATHS, view, step, w),
            read=lambda w, files=job_arguments.taken_by_view(PATHS, _view, _name): job_arguments.read(files, w),
        shell:
            "python -m workflow_scripts.augment_view --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --source {input.source:q} --weights {input.weights:q} {params.read}"
            " --inputs {input.sidecars:q} {input.words:q}"
            " {params.cache} --out {output.main:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"
