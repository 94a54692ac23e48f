"""Refuse names in the config that are already taken by a rule of the workflow or a column of a table."""

import re
from collections.abc import Iterator

from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS
from emospace.core.provenance import PACKAGE_ROOT
from emospace.runs.run_files import GENDER

RULE = re.compile(r"^rule (\w+):", re.M)
COLUMNS = {"utterance", "split", "present", *GENDER, *RATINGS}  # of probabilities.csv
COLUMNS |= {"fold", "speaker", "label", "predicted", "truth"}  # of predictions.csv and confusion.csv
OTHER_NAME = "give it another name"


def check_reserved(plan) -> None:
    """Raise InputError if two rules would share a name, or if a class would share the name of a table column."""
    taken = {name: f"the rule {name} of rules/{path.name}" for path, name in fixed_rules()}
    for name, where in generated_rules(plan):
        if name in taken:
            raise InputError(where, f"its rule would be called {name}, like {taken[name]}", OTHER_NAME)
        taken[name] = f"that of {where}"
    for protocol in plan.config["protocols"]:
        for label_map in plan.labels(protocol).values():
            if wrong := COLUMNS & {*label_map["map"].values()}:
                where = f"config: labels: {label_map['name']}"
                reason = f"a class is called {min(wrong)!r}, like a column of the prediction tables"
                raise InputError(where, reason, OTHER_NAME)


def fixed_rules() -> Iterator[tuple]:
    """Yield (file, name) of each rule with a literal name in rules/."""
    for path in sorted((PACKAGE_ROOT / "rules").glob("*.smk")):
        yield from ((path, name) for name in RULE.findall(path.read_text(encoding="utf-8")))


def training_rules(plan, rule: str) -> dict[str, list[str]]:
    """Group the runs by the name of their rule: `rule` or, for a run that stores additional files, `<rule>_<run>`.

    rule: "train", or "apply_train" for the runs that are applied to their train rows.
    """
    rules: dict[str, list[str]] = {}
    for run in plan.config["runs"]:
        if rule == "train" or plan.applied_to_train(run):
            rules.setdefault(f"{rule}_{run}" if plan.run_files(run) else rule, []).append(run)
    return rules


def generated_rules(plan) -> Iterator[tuple[str, str]]:
    """Yield (name, place in the config) of each rule that is named after an entry of the config."""
    for corpus in filter(plan.generated, plan.config["corpora"]):
        yield f"make_{corpus}", f"config: corpora: {corpus}"
    for view in plan.extractable():
        yield f"extract_{view}", f"config: views: {view}"
    for view in plan.augmented():
        for step in plan.views.steps(view):
            yield "_".join(filter(None, ("augment", view, step))), f"config: views: {view}"
        yield f"score_{view}", f"config: views: {view}"
    for feature in plan.config["features"]:
        verb = "select" if feature in plan.selections() else "embed"
        yield f"{verb}_{feature.replace('.', '_')}", f"config: features: {feature}"
    for protocol in plan.config["protocols"]:
        yield f"make_protocol_{protocol}", f"config: protocols: {protocol}"
    for rule in ("train", "apply_train"):
        for name, runs in training_rules(plan, rule).items():
            if name != rule:
                yield name, f"config: runs: {runs[0]}"
    for analysis, spec in plan.config["analyses"].items():
        if spec["runs"]:
            yield f"analyse_{analysis}", f"config: analyses: {analysis}"
