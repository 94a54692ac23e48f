"""emospace: from a raw emotion corpus to audited scores with confidence intervals."""

from snakemake.utils import min_version

min_version("9.27")


# Pretrained weights that every config may name; what the config says of them wins.
configfile: "configs/shared/weights.yaml"


# A preset given with --configfile replaces config.yaml; the two are never merged.
if "corpora" not in config:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/summary.smk"
include: "rules/corpora.smk"
include: "rules/protocols.smk"
include: "rules/views.smk"
include: "rules/features.smk"
include: "rules/augment.smk"
include: "rules/gate.smk"
include: "rules/children.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/analyses.smk"
include: "rules/report.smk"
include: "rules/export.smk"


rule all:
    default_target: True
    input:
        rules.report.input,
