"""Gate: scores of every augmented row, a verdict on every copy of a train row in each fold, and sheets of examples.

Inputs:  data/augmented/{views,features}/..., their parents in data/{views,features}/..., results/<name>/protocols/...
Outputs: results/<name>/augmented/{scores,sheets}/<corpus>/..., results/<name>/augmented/gate/<protocol>/...
"""

from emospace.plan.data_paths import COPY, PARENT

for _view in PLAN.augmented():
    _files, _features = PATHS.scored(_view), PATHS.score_features(_view)
    _steps = job_arguments.taken_by_score(PATHS, _view)
    _scores = PATHS.scores.replace("{view}", _view)
    _read = [*_files, *_features, *_steps.values()]

    rule:
        name:
            f"score_{_view}"
        input:
            recipe=PLAN.recipe("score_view", _view),
            manifest=PATHS.part,
            files=ancient(_files),
            features=ancient(_features),
            steps=list(_steps.values()),
            offsets=ancient(offsets(_read)),
            sidecars=sidecars(_read),
        output:
            table=_scores,
            sidecar=beside(_scores),
        log:
            f"logs/score_view/{NAME}/{{corpus}}/{_view}/{{part}}.log",
        benchmark:
            f"logs/score_view/{NAME}/{{corpus}}/{_view}/{{part}}.tsv"
        conda:
            f"../envs/{PLAN.views.module(_view).ENVIRONMENT}.yaml"
        params:
            read=lambda w, files=_steps: job_arguments.read(files, w),
        shell:
            "python -m workflow_scripts.score_view --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
            " --parent {input.files[0]:q} --child {input.files[1]:q} --features {input.features:q} {params.read}"
            " --sidecars {input.sidecars:q} --out {output.table:q} --sidecar {output.sidecar:q}"


rule gate_fold:
    input:
        recipe=recipe("gate_fold", "view"),
        fold=PATHS.folds,
        protocol=PATHS.protocol,
        scores=lambda w: PATHS.over_corpora(PATHS.scores, w.protocol, view=w.view),
        parents=lambda w: ancient(PATHS.probe(w.view, w.protocol, PARENT)),
        children=lambda w: ancient(PATHS.probe(w.view, w.protocol, COPY)),
        offsets=lambda w: ancient(offsets(PATHS.gated(w.view, w.protocol))),
        sidecars=lambda w: sidecars(PATHS.gated(w.view, w.protocol)),
    output:
        table=PATHS.gate,
        sidecar=beside(PATHS.gate),
    log:
        f"logs/gate_fold/{NAME}/{{protocol}}/{{fold}}.{{view}}.log",
    benchmark:
        f"logs/gate_fold/{NAME}/{{protocol}}/{{fold}}.{{view}}.tsv"
    conda:
        "../envs/train.yaml"
    shell:
        "python -m workflow_scripts.gate_fold --recipe {input.recipe:q} --log {log:q} --fold {input.fold:q}"
        " --protocol {input.protocol:q} --scores {input.scores:q} --parent-features {input.parents:q}"
        " --child-features {input.children:q} --sidecars {input.sidecars:q}"
        " --out {output.table:q} --sidecar {output.sidecar:q}"


rule make_sheet:
    input:
        recipe=recipe("make_sheet", "view"),
        manifest=ancient(PATHS.manifest),
        manifest_sidecar=PATHS.manifest_sidecar,
        scores=of_parts(PATHS.scores),
        parent=lambda w: ancient(PATHS.of_corpus(PLAN.views.parent(w.view), w.corpus)),
        child=lambda w: ancient(PATHS.of_corpus(w.view, w.corpus)),
        parent_words=lambda w: PATHS.transcripts(w.view, w.corpus, PARENT),
        child_words=lambda w: PATHS.transcripts(w.view, w.corpus, COPY),
        offsets=lambda w: ancient(offsets(PATHS.shown(w.view, w.corpus))),
        sidecars=lambda w: sidecars(PATHS.shown(w.view, w.corpus)),
    output:
        PATHS.sheet,
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
        " --sidecars {input.sidecars:q} --out {output:q}"
