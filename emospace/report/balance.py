"""Speakers and rows on each side of each fold: lines of the report's tables, from the counts of the audits."""

from itertools import chain

from emospace.protocols.fold_tables import SIDES

UNKNOWN = "unknown"


def balance(audit: dict) -> dict:
    """A protocol with its columns (sexes and classes) and a line of cells {speakers, rows} per fold and side."""
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
    protocol = {"name": audit["recipe"]["protocol"], "corpus": audit["recipe"]["corpus"], "left_out": audit["left_out"]}
    protocol["draw"] = described(audit["draw"]) if audit.get("draw") else ""
    return protocol | {"columns": [value or UNKNOWN for value in (*sexes, *classes)], "lines": lines}


def described(draw: dict) -> str:
    """The draw of a protocol in words: which, its rows, and how many there were to draw from."""
    least, most = min(draw["of"].values()), max(draw["of"].values())
    count = f"{least}" if least == most else f"{least} to {most}"
    return f"draw {draw['draw']} of {draw['train_rows']} of {count} train rows per fold; dev and test are complete"


def _values(audit: dict, attribute: str) -> list[str]:
    return sorted(set(chain(*(side for facts in audit["folds"].values() for side in facts[attribute].values()))))


def _cells(counts: dict, values: list[str]) -> list[dict]:
    return [counts.get(value, {"speakers": 0, "rows": 0}) for value in values]
