"""Who is on which side of which fold: rows for the report's tables, from what the audits counted."""

from itertools import chain

from emospace.protocols.fold_tables import SIDES

UNKNOWN = "unknown"


def balance(audit: dict) -> dict:
    """One line per fold and side of a protocol, with cells {speakers, rows} for every sex and class that occurs."""
    sexes, classes = _values(audit, "sex"), _values(audit, "class")
    lines = [
        {
            "fold": fold,
            "side": side,
            "n": facts["n"][side],
            "speakers": len(facts["speakers"][side]),
            "cells": [*_cells(facts["sex"][side], sexes), *_cells(facts["class"][side], classes)],
        }
        for fold, facts in sorted(audit["folds"].items(), key=lambda item: (len(item[0]), item[0]))
        for side in SIDES
    ]
    about = {"name": audit["recipe"]["protocol"], "corpus": audit["recipe"]["corpus"], "left_out": audit["left_out"]}
    return about | {"columns": [value or UNKNOWN for value in (*sexes, *classes)], "lines": lines}


def _values(audit: dict, what: str) -> list[str]:
    return sorted(set(chain(*(side for facts in audit["folds"].values() for side in facts[what].values()))))


def _cells(found: dict, values: list[str]) -> list[dict]:
    return [found.get(value, {"speakers": 0, "rows": 0}) for value in values]
