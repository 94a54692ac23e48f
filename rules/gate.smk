"""Gate: scores of every augmented row, a verdict on every copy of a train row in each fold, and sheets of examples.

Inputs:  data/augmented/{views,features}/..., their parents in data/{views,features}/..., results/<name>/protocols/...
Outputs: results/<name>/augmented/{scores,sheets}/<corpus>/..., results/<name>/augmented/gate/<protocol>/...
"""

for _view in PLAN.augmented():
    _score, _files = PLAN.views.module(_view).score, [PLAN.views.parent(_view), _view]
    _gate_features = PLAN.gate_features(_view) if PLAN.views.takes(_score, "features") else []
    _steps = [step_file(_view, step) for step in PLAN.views.reads(_score, _view)]
    _read = [*map(view_file, _files), *map(feature_file, _gate_features), *_steps]

    rule:
        name:
            f"score_{_view}"
        input:
            recipe=PLAN.recipe("score_view", _view),
            manifest="data/manifest/{corpus}/{part}.csv",
            files=ancient([view_file(view) for view in _files]),
            features=ancient([feature_file(name) for name in _gate_features]),
            steps=_steps,
            offsets=ancient(offsets(_read)),
            sidecars=[beside(file) for file in _read],
        output:
            table=f"{RESULTS}/augmented/scores/{{corpus}}/{_view}/{{part}}.csv",
            sidecar=f"{RESULTS}/augmented/scores/{{corpus}}/{_view}/{{part}}.json",
        log:
            f"logs/score_view/{NAME}/{{corpus}}/{_view}/{{part}}.log",
        benchmark:
            f"logs/score_view/{NAME}/{{corpus}}/{_view}/{{part}}.tsv"
        conda:
            f"../envs/{PLAN.views.module(_view).ENVIRONMENT}.yaml"
        params:
            read=step_arguments(_view, PLAN.views.reads(_score, _view)),
        shell:
            "python -m workflow_scripts.score_view --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
            " --parent {input.files[0]:q} --child {input.files[1]:q} --features {input.features:q} {params.read}"
            " --sidecars {input.sidecars:q} --out {output.table:q} --sidecar {output.sidecar:q}"


rule gate_fold:
    input:
        recipe=recipe("gate_fold", "view"),
        fold=FOLDS,
        protocol=PROTOCOL,
        scores=of_corpora(f"{SCORES}.csv"),
        score_sidecars=of_corpora(f"{SCORES}.json"),
        parents=lambda w: ancient(of_probe(0)(w)),
        children=lambda w: ancient(of_probe(1)(w)),
        offsets=lambda w: ancient(offsets([*of_probe(0)(w), *of_probe(1)(w)])),
        sidecars=probe_sidecars,
    output:
        table=f"{GATE}.csv",
        sidecar=f"{GATE}.json",
    log:
        f"logs/gate_fold/{NAME}/{{protocol}}/{{fold}}.{{view}}.log",
    benchmark:
        f"logs/gate_fold/{NAME}/{{protocol}}/{{fold}}.{{view}}.tsv"
    conda:
        "../envs/train.yaml"
    shell:
        "python -m workflow_scripts.gate_fold --recipe {input.recipe:q} --log {log:q} --fold {input.fold:q}"
        " --protocol {input.protocol:q} --scores {input.scores:q} --parent-features {input.parents:q}"
        " --child-features {input.children:q} --sidecars {input.score_sidecars:q} {input.sidecars:q}"
        " --out {output.table:q} --sidecar {output.sidecar:q}"


rule make_sheet:
    input:
        recipe=recipe("make_sheet", "view"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        manifest_sidecar="data/manifest/{corpus}.json",
        scores=of_parts(f"{SCORES}.csv"),
        score_sidecars=of_parts(f"{SCORES}.json"),
        parent=lambda w: view_parts(w, PLAN.views.parent(w.view)),
        child=lambda w: view_parts(w, w.view),
        offsets=lambda w: ancient(offsets([*view_parts(w, PLAN.views.parent(w.view)), *view_parts(w, w.view)])),
        sidecars=lambda w: [
            p for v in (PLAN.views.parent(w.view), w.view) for p in part_files(v, w.corpus, "{part}.json")
        ],
        parent_words=words_of(0),
        child_words=words_of(1),
        word_sidecars=lambda w: list(map(beside, [*words_of(0)(w), *words_of(1)(w)])),
    output:
        SHEET,
    log:
        f"logs/make_sheet/{NAME}/{{corpus}}/{{view}}.log",
    benchmark:
        f"logs/make_sheet/{NAME}/{{corpus}}/{{view}}.tsv"
    conda:
        "../envs/report.yaml"
    shell:
        "python -m workflow_scripts.make_sheet --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
        " --manifest-sidecar {input.manifest_sidecar:q} --scores {input.scores:q} --parent {input.parent:q}"
        " --child {input.child:q} --parent-words {input.parent_words:q} --child-words {input.child_words:q}"
        " --sidecars {input.score_sidecars:q} {input.sidecars:q} {input.word_sidecars:q} --out {output:q}"
