"""Name the paths of augmented data, as common.smk does for everything else; this file has no rules."""

SCORES = f"{RESULTS}/augmented/scores/{{corpus}}/{{view}}/{{part}}"
GATE = f"{RESULTS}/augmented/gate/{{protocol}}/{{fold}}.{{view}}"
SHEET = f"{RESULTS}/augmented/sheets/{{corpus}}/{{view}}.json"
CHILD_COUNTS = f"{RESULTS}/augmented/children.csv"
COPY_QUALITY = f"{RESULTS}/augmented/quality/{{corpus}}.csv"
CHILDREN_FACTS = CHILDREN.replace(".csv", ".json")


def all_children(pattern):
    """The pattern for every fold of every protocol, and each augmented view that a run on it learns from."""
    pairs = [(name, PLAN.training_views(name)) for name in PLAN.config["protocols"]]
    return [path for name, views in pairs for path in expand(pattern, protocol=name, fold=PLAN.folds(name), view=views)]


def augmented_quality(wildcards):
    """Tables of problems of all parts of all augmented views of a corpus."""
    steps = [(view, step) for view in PLAN.augmented() for step in PLAN.views.steps(view)]
    names = [(view, f"{{part}}.{step}.quality.csv" if step else "{part}.quality.csv") for view, step in steps]
    return [path for view, name in names for path in part_files(view, wildcards.corpus, name)]


def augmented_sidecars():
    """Sidecars of every part of every feature of an augmented view."""
    corpora = PLAN.config["corpora"] if PLAN.augmented() else []
    features = PLAN.augmented_features()
    return [path for c in corpora for name in features for path in part_files(name, c, "{part}.json")]


def of_probe(which):
    """Input function: stores of all parts that probe the copies of a fold, of the parent (0) or the copy (1)."""
    return lambda w: protocol_files(w, PLAN.gate_features(w.view)[which]) if PLAN.probed(w.view) else []


def probe_sidecars(wildcards):
    names = PLAN.gate_features(wildcards.view) if PLAN.probed(wildcards.view) else []
    return [path for name in names for path in protocol_files(wildcards, name, "{part}.json")]


def sheets():
    """Examples of every augmented view, for the report."""
    return expand(SHEET, corpus=PLAN.config["corpora"], view=PLAN.augmented())


def view_parts(wildcards, view, file=""):
    """Files of all parts of a view, by which it is shown: big ones only have to be there."""
    return ancient(part_files(view, wildcards.corpus, file))


def words_of(side):
    """Input function: texts of the parents (0) or copies (1) that a sheet plays, if the view has such steps."""
    return lambda w: [
        path
        for step in PLAN.views.module(w.view).WORDS[side : side + 1]
        for path in part_files(w.view, w.corpus, f"{{part}}.{step}.csv")
    ]
