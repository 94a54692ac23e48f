"""Augmented views: copies of the views with another wording, another voice or changed pictures, row by row.

Inputs:  data/views/<corpus>/{text,audio,frames}/<part>.*, models/<weights>/
Outputs: data/augmented/views/<corpus>/{text_bt,audio_tts,frames_aug}/<part>.*
"""

for _view in filter(TRANSLATIONS.get, PLAN.augmented()):
    _texts, _sidecar, _made = TRANSLATIONS[_view]

    rule:
        name:
            f"translate_{_view}"
        input:
            recipe=PLAN.recipe("translate_text", _view),
            manifest="data/manifest/{corpus}/{part}.csv",
            texts=_texts,
            sidecar=_sidecar,
            weights=[f"models/{name}/weights.json" for name in PLAN.chain(_view)],
        output:
            table=view_file(_view, f"{_made}.csv"),
            quality=view_file(_view, f"{_made}.quality.csv"),
            sidecar=view_file(_view, f"{_made}.json"),
        log:
            f"logs/translate_text/{{corpus}}/{_view}/{{part}}.log",
        benchmark:
            f"logs/translate_text/{{corpus}}/{_view}/{{part}}.tsv"
        conda:
            "../envs/encode.yaml"
        threads: 2
        resources:
            gpu=int(GPU and bool(PLAN.chain(_view))),
        params:
            cache=f".emospace/translations/{{corpus}}/{_view}/{{part}}",
        shell:
            "python -m workflow_scripts.translate_text --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --manifest {input.manifest:q} --texts {input.texts:q} --weights {input.weights:q} --cache {params.cache:q}"
            " --out {output.table:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"


if "frames_aug" in PLAN.augmented():

    rule augment_frames:
        input:
            recipe=PLAN.recipe("augment_frames"),
            manifest="data/manifest/{corpus}/{part}.csv",
            frames=ancient(view_file("frames")),
            sidecar=view_file("frames", "{part}.json"),
        output:
            zip=view_file("frames_aug"),
            quality=view_file("frames_aug", "{part}.quality.csv"),
            sidecar=view_file("frames_aug", "{part}.json"),
        log:
            "logs/augment_frames/{corpus}/{part}.log",
        benchmark:
            "logs/augment_frames/{corpus}/{part}.tsv"
        conda:
            "../envs/media.yaml"
        shell:
            "python -m workflow_scripts.augment_frames --recipe {input.recipe:q} --log {log:q}"
            " --manifest {input.manifest:q} --frames {input.frames:q} --frames-sidecar {input.sidecar:q}"
            " --out {output.zip:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"


# The recogniser listens twice: to the speaker, and to the voice that says it again.
HEARD = {"recognised": "audio", "heard": "audio_tts"} if "audio_tts" in PLAN.augmented() else {}

for _name, _view in HEARD.items():

    rule:
        name:
            f"recognise_{_view}"
        input:
            recipe=PLAN.recipe("recognise_speech"),
            manifest="data/manifest/{corpus}/{part}.csv",
            view=ancient(view_file(_view)),
            sidecar=view_file(_view, "{part}.json"),
            weights=f"models/{PLAN.recogniser()}/weights.json",
        output:
            table=view_file("audio_tts", f"{{part}}.{_name}.csv"),
            quality=view_file("audio_tts", f"{{part}}.{_name}.quality.csv"),
            sidecar=view_file("audio_tts", f"{{part}}.{_name}.json"),
        log:
            f"logs/recognise_speech/{{corpus}}/{_view}/{{part}}.log",
        benchmark:
            f"logs/recognise_speech/{{corpus}}/{_view}/{{part}}.tsv"
        conda:
            "../envs/encode.yaml"
        threads: 2
        shell:
            "python -m workflow_scripts.recognise_speech --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --view {input.view:q} --manifest {input.manifest:q} --weights {input.weights:q}"
            " --out {output.table:q} --quality {output.quality:q} --sidecar {output.sidecar:q}"


if "audio_tts" in PLAN.augmented():

    rule synthesise_speech:
        input:
            recipe=PLAN.recipe("synthesise_speech"),
            manifest="data/manifest/{corpus}/{part}.csv",
            audio=ancient(view_file("audio")),
            sidecar=view_file("audio", "{part}.json"),
            recognised=view_file("audio_tts", "{part}.recognised.csv"),
            spoken=view_file("audio_tts", "{part}.spoken.csv"),
        output:
            store=view_file("audio_tts"),
            offsets=view_file("audio_tts", "{part}.offsets.npy"),
            quality=view_file("audio_tts", "{part}.quality.csv"),
            sidecar=view_file("audio_tts", "{part}.json"),
        log:
            "logs/synthesise_speech/{corpus}/{part}.log",
        benchmark:
            "logs/synthesise_speech/{corpus}/{part}.tsv"
        conda:
            "../envs/media.yaml"
        threads: 2
        shell:
            "python -m workflow_scripts.synthesise_speech --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --audio {input.audio:q} --recognised {input.recognised:q} --spoken {input.spoken:q}"
            " --manifest {input.manifest:q} --out {output.store:q} --quality {output.quality:q}"
            " --sidecar {output.sidecar:q}"
