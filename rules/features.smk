"""Features: the output of an encoder for a view, one ragged .npy store per part.

Inputs:  data/views/<corpus>/<view>/<part>.*, weights/<weights>/
Outputs: data/features/<corpus>/<view>.<encoder>/<part>.npy, .offsets.npy and .json
For augmented views, both are in data/augmented instead of data.
"""


rule fetch_weights:
    input:
        recipe=lambda w: PLAN.recipe("fetch_weights", w.weights),
    output:
        "weights/{weights}/weights.json",
    log:
        "logs/fetch_weights/{weights}.log",
    benchmark:
        "logs/fetch_weights/{weights}.tsv"
    wildcard_constraints:
        weights="|".join(PLAN.config.get("weights", {"none": {}})),
    localrule: True  # cluster nodes often have no network
    conda:
        "../envs/encode.yaml"
    shell:
        "python -m workflow_scripts.fetch_weights --recipe {input.recipe:q} --log {log:q} --out {output:q}"


rule weights:
    input:
        weight_records(PLAN.used_weights()),


# One rule per encoder feature, because views, weights and environments differ.
for _feature in PLAN.encoded():
    _view, _weights = PATHS.view(PLAN.feature(_feature)["view"]), PATHS.feature_weights(_feature)
    _known = fill(PATHS.manifest, corpus=PLAN.known_corpora(_feature))

    rule:
        name:
            f"embed_{_feature.replace('.', '_')}"
        input:
            recipe=PLAN.recipe("embed", _feature),
            manifest=PATHS.part,
            view=ancient(_view),
            view_offsets=ancient(offsets([_view])),
            sidecar=beside(_view),
            weights=_weights,
            known=ancient(_known),
        output:
            store=PATHS.feature(_feature),
            offsets=beside(PATHS.feature(_feature), ".offsets.npy"),
            sidecar=beside(PATHS.feature(_feature)),
        log:
            f"logs/embed/{{corpus}}/{_feature}/{{part}}.log",
        benchmark:
            f"logs/embed/{{corpus}}/{_feature}/{{part}}.tsv"
        conda:
            f"../envs/{PLAN.encoder(_feature).ENVIRONMENT}.yaml"
        resources:
            gpu=int(GPU and PLAN.encoder(_feature).GPU),
        params:
            weights=f"--weights {_weights[0]}" if _weights else "",
            known=f"--known {' '.join(_known)}" if _known else "",
        shell:
            "python -m workflow_scripts.embed --recipe {input.recipe:q} --log {log:q} --threads {threads}"
            " --view {input.view:q} --view-sidecar {input.sidecar:q}"
            " --manifest {input.manifest:q} {params.weights} {params.known} --out {output.store:q} --sidecar {output.sidecar:q}"


for _feature, _spec in PLAN.selections().items():
    _stores = [PATHS.feature(_spec["select"]), PATHS.feature(_spec["by"])]

    rule:
        name:
            f"select_{_feature.replace('.', '_')}"
        input:
            recipe=PLAN.recipe("select_frames", _feature),
            frames=ancient(_stores[0]),
            text=ancient(_stores[1]),
            read_offsets=ancient(offsets(_stores)),
            sidecars=sidecars(_stores),
        output:
            store=PATHS.feature(_feature),
            offsets=beside(PATHS.feature(_feature), ".offsets.npy"),
            sidecar=beside(PATHS.feature(_feature)),
        log:
            f"logs/select_frames/{{corpus}}/{_feature}/{{part}}.log",
        benchmark:
            f"logs/select_frames/{{corpus}}/{_feature}/{{part}}.tsv"
        conda:
            "../envs/encode.yaml"
        shell:
            "python -m workflow_scripts.select_frames --recipe {input.recipe:q} --log {log:q} --frames {input.frames:q}"
            " --text {input.text:q} --sidecars {input.sidecars:q} --out {output.store:q} --sidecar {output.sidecar:q}"


rule features:
    input:
        PATHS.used_features(),
