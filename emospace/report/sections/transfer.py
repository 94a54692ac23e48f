"""Corpus by corpus: scores of models trained on some corpora and tested on others."""

from collections import defaultdict

TITLE = "From corpus to corpus"
ORDER = 15
ARROW, PLUS = " -> ", " + "  # in the joint name of a protocol's corpora


def gather(results) -> dict | None:
    """One matrix per model, inputs and classes; None unless a protocol trains and tests on different corpora."""
    from emospace.evaluation.tables import gain_of
    from emospace.report.sections.results import limits_of

    by = gain_of(results.summary[0]).removesuffix("_gain")
    scores = {row["run"]: row for row in results.summary}
    grouped = defaultdict(list)
    for run, content in results.metrics.items():
        if content["meta"]["n"]:  # a final model is not tested
            grouped[_key(results, run, content["meta"])].append(content["meta"])
    matrices = [_matrix(key, metas, scores, by) for key, metas in grouped.items()]
    matrices = [matrix for matrix in matrices if matrix["crosses"]]
    return {"matrices": matrices, "by": by, "limits": limits_of(by)} if matrices else None


def _key(results, run: str, meta: dict) -> tuple:
    """What the cells of a matrix have in common: model, its options, what it reads, and the classes."""
    recipe = next(iter(results.records[run].values()))["recipe"]
    options = tuple(sorted((name, repr(value)) for name, value in recipe["options"].items()))
    return meta["model"], tuple(recipe["inputs"]), tuple(recipe.get("augment", ())), options, tuple(meta["classes"])


def sides(joint: str) -> tuple[str, str]:
    """The corpora trained on and tested on, each as "a + b"; the same twice if a protocol splits its corpora."""
    trained, arrow, tested = joint.partition(ARROW)
    return (trained, tested) if arrow else (joint, joint)


def _matrix(key: tuple, metas: list[dict], scores: dict[str, dict], by: str) -> dict:
    """Rows: corpora trained on; columns: corpora tested on. A cell lists the scores of its runs."""
    cells: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for meta in metas:
        row = scores[meta["run"]]
        score = {name: row[f"{by}{end}"] for name, end in (("value", ""), ("lo", "_lo"), ("hi", "_hi"))}
        cells[sides(meta["corpus"])].append(score | {"row": row, "split": ARROW not in meta["corpus"]})
    trained, tested = (sorted(set(names), key=_few_corpora_first) for names in zip(*cells, strict=True))
    model, inputs, augment, _, classes = key
    lines = [{"trained": row, "cells": [cells.get((row, column), []) for column in tested]} for row in trained]
    crosses = any(row != column for row, column in cells)
    about = {"model": model, "inputs": inputs, "augment": augment, "classes": classes, "chance": 1 / len(classes)}
    return about | {"tested": tested, "lines": lines, "crosses": crosses}


def _few_corpora_first(joint: str) -> tuple[int, str]:
    return joint.count(PLUS), joint
