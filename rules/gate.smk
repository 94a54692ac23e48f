"""Gate: a score for every augmented row, in each fold a verdict on every copy of a train row, and examples to look at.

Inputs:  data/augmented/{views,features}/..., their parents in data/{views,features}/..., results/<name>/protocols/...
Outputs: results/<name>/augmented/{scores,sheets}/<corpus>/..., results/<name>/augmented/gate/<protocol>/...
"""

if "text_bt" in PLAN.augmented():

    rule score_text:
        input:
            recipe=PLAN.recipe("score_text"),
            manifest="data/manifest/{corpus}/{part}.csv",
            features=[ancient(feature_file(name)) for name in PLAN.judge("text_bt")],
            sidecars=[feature_file(name, "{part}.json") for name in PLAN.judge("text_bt")],
            texts=view_file("text"),
            made=view_file("text_bt"),
            views=[view_file(view, "{part}.json") for view in ("text", "text_bt")],
        output:
            table=f"{RESULTS}/augmented/scores/{{corpus}}/text_bt/{{part}}.csv",
            sidecar=f"{RESULTS}/augmented/scores/{{corpus}}/text_bt/{{part}}.json",
        log:
            f"logs/score_text/{NAME}/{{corpus}}/{{part}}.log",
        benchmark:
            f"logs/score_text/{NAME}/{{corpus}}/{{part}}.tsv"
        conda:
            "../envs/encode.yaml"
        shell:
            "python -m workflow_scripts.score_text --recipe {input.recipe:q} --log {log:q} --manifest {input.manifest:q}"
            " --parent {input.features[0]:q} --child {input.features[1]:q} --texts {input.texts:q} --made {input.made:q}"
            " --out {output.table:q} --sidecar {output.sidecar:q}"


if "audio_tts" in PLAN.augmented():

    rule score_speech:
        input:
            recipe=PLAN.recipe("score_speech"),
            manifest="data/manifest/{corpus}/{part}.csv",
            parent=ancient(view_file("audio")),
            child=ancient(view_file("audio_tts")),
            spoken=view_file("audio_tts", "{part}.spoken.csv"),
            heard=view_file("audio_tts", "{part}.heard.csv"),
            sidecars=[
                view_file("audio", "{part}.json"),
                *(view_file("audio_tts", f"{{part}}{step}.json") for step in ("", ".spoken", ".heard")),
            ],
        output:
            table=f"{RESULTS}/augmented/scores/{{corpus}}/audio_tts/{{part}}.csv",
            sidecar=f"{RESULTS}/augmented/scores/{{corpus}}/audio_tts/{{part}}.json",
        log:
            f"logs/score_speech/{NAME}/{{corpus}}/{{part}}.log",
        benchmark:
            f"logs/score_speech/{NAME}/{{corpus}}/{{part}}.tsv"
        conda:
            "../envs/media.yaml"
        shell:
            "python -m workflow_scripts.score_speech --recipe {input.recipe:q} --log {log:q}"
            " --manifest {input.manifest:q} --parent {input.parent:q} --child {input.child:q} --spoken {input.spoken:q}"
            " --heard {input.heard:q} --out {output.table:q} --sidecar {output.sidecar:q}"


if "frames_aug" in PLAN.augmented():

    rule score_frames:
        input:
            recipe=PLAN.recipe("score_frames"),
            manifest="data/manifest/{corpus}/{part}.csv",
            parent=ancient(view_file("frames")),
            child=ancient(view_file("frames_aug")),
            sidecars=[view_file(view, "{part}.json") for view in ("frames", "frames_aug")],
        output:
            table=f"{RESULTS}/augmented/scores/{{corpus}}/frames_aug/{{part}}.csv",
            sidecar=f"{RESULTS}/augmented/scores/{{corpus}}/frames_aug/{{part}}.json",
        log:
            f"logs/score_frames/{NAME}/{{corpus}}/{{part}}.log",
        benchmark:
            f"logs/score_frames/{NAME}/{{corpus}}/{{part}}.tsv"
        conda:
            "../envs/media.yaml"
        shell:
            "python -m workflow_scripts.score_frames --recipe {input.recipe:q} --log {log:q}"
            " --manifest {input.manifest:q} --parent {input.parent:q} --child {input.child:q}"
            " --out {output.table:q} --sidecar {output.sidecar:q}"


rule gate_fold:
    input:
        recipe=recipe("gate_fold", "view"),
        fold=FOLDS,
        protocol=PROTOCOL,
        scores=of_corpora(f"{SCORES}.csv"),
        score_sidecars=of_corpora(f"{SCORES}.json"),
        parents=lambda w: ancient(of_probe(0)(w)),
        children=lambda w: ancient(of_probe(1)(w)),
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
        " --child-features {input.children:q} --out {output.table:q} --sidecar {output.sidecar:q}"


rule make_sheet:
    input:
        recipe=recipe("make_sheet", "view"),
        manifest=ancient("data/manifest/{corpus}.csv"),
        manifest_sidecar="data/manifest/{corpus}.json",
        scores=of_parts(f"{SCORES}.csv"),
        score_sidecars=of_parts(f"{SCORES}.json"),
        parent=lambda w: view_parts(w, kind(w.view)),
        child=lambda w: view_parts(w, w.view),
        sidecars=lambda w: [p for v in (kind(w.view), w.view) for p in part_files(v, w.corpus, "{part}.json")],
        parent_words=words_of("recognised"),
        child_words=words_of("spoken"),
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
        " --out {output:q}"
