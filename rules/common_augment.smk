"""Define the paths of augmented data, as common.smk does for everything else. This file has no rules."""

SCORES = f"{RESULTS}/augmented/scores/{{corpus}}/{{view}}/{{part}}"
GATE = f"{RESULTS}/augmented/gate/{{protocol}}/{{fold}}.{{view}}"
SHEET = f"{RESULTS}/augmented/sheets/{{corpus}}/{{view}}.json"
CHILD_COUNTS = f"{RESULTS}/augmented/children.csv"
COPY_QUALITY = f"{RESULTS}/augmented/quality/{{corpus}}.csv"
CHILDREN_FACTS = CHILDREN.replace(".csv", ".json")


def all_children(pattern):
    """Return the pattern expanded over all protocols, their folds, and the augmented views that their runs train on."""
    pairs = [(name, PLAN.training_views(name)) for name in PLAN.config["protocols"]]
    return [path for name, views in pairs for path in expand(pattern, protocol=name, fold=PLAN.folds(name), view=views)]


def augmented_quality(wildcards):
    """Return the problem tables of all parts and steps of all augmented views of a corpus."""
    steps = [(view, step) for view in PLAN.augmented() for step in PLAN.views.steps(view)]
    names = [(view, f"{{part}}.{step}.quality.csv" if step else "{part}.quality.csv") for view, step in steps]
    return [path for view, name in names for path in part_files(view, wildcards.corpus, name)]


def augmented_sidecars():
    """Return the sidecars of all parts of all features of augmented views."""
    corpora = PLAN.config["corpora"] if PLAN.augmented() else []
    features = PLAN.augmented_features()
    return [path for c in corpora for name in features for path in part_files(name, c, "{part}.json")]


def of_probe(which):
    """Input function: stores for the probe of the gate, if it has one: of the parents (0) or the copies (1)."""
    return lambda w: protocol_files(w, PLAN.gate_features(w.view)[which]) if PLAN.probed(w.view) else []


def probe_sidecars(wildcards):
    """Return the sidecars of the stores for the probe, if the gate has one."""
    names = PLAN.gate_features(wildcards.view) if PLAN.probed(wildcards.view) else []
    return [path for name in names for path in protocol_files(wildcards, name, "{part}.json")]


def sheets():
    """Return the sheets of examples of all augmented views, for the report."""
    return expand(SHEET, corpus=PLAN.config["corpora"], view=PLAN.augmented())


def view_parts(wildcards, view, file=""):
    """Return the files of a view from which a sheet takes examples; they are large and need only exist."""
    return ancient(part_files(view, wildcards.corpus, file))


def words_of(side):
    """Input function: transcripts of the parents (0) or copies (1) on a sheet, if the view has steps for them."""
    return lambda w: [
        path
        for step in PLAN.views.module(w.view).WORDS[side : side + 1]
        for path in part_files(w.view, w.corpus, f"{{part}}.{step}.csv")
    ]
