"""Fold files for tests of the training scripts."""

import csv
import json
from pathlib import Path

import numpy as np
from _small import CLASSES, INPUTS, arrays

from emospace.core import store
from emospace.core.provenance import sha256
from emospace.protocols.fold_tables import COLUMNS


def write_fold(folder: Path) -> list[str]:
    """Write a fold in two parts; return the arguments of workflow_scripts.train for it."""
    table, sides = [], ["train"] * 60 + ["dev"] * 30 + ["test"] * 30
    label, inputs = arrays(5, 120)
    parts = np.arange(120) % 2
    for name, rows in inputs.items():
        for part in (0, 1):
            chosen = [row for row, p in zip(rows, parts, strict=True) if p == part]
            store.write(folder / name / f"{part}.npy", chosen, dtype=np.float32)
            sidecar = {"recipe": {"feature": name}, "random_weights": name == "frames.clip"}
            (folder / name / f"{part}.json").write_text(json.dumps(sidecar))
    for i in range(120):
        known = {"label": CLASSES[label[i]], "gender": "FM"[i % 2], "valence": "1", "arousal": "2", "dominance": "3"}
        row = {
            "utterance": f"u{i}",
            "parent": "",
            "corpus": folder.name,
            "part": i % 2,
            "row": i // 2,
            "speaker": f"s{i // 3 % 6}",
            "split": sides[i],
        }
        table.append(row | (dict.fromkeys(known, "") if sides[i] == "test" else known))
    with open(folder / "fold0.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    (folder / "p.json").write_text(json.dumps({"classes": CLASSES}))
    write_audit(folder)
    words = ["--fold", folder / "fold0.csv", "--protocol", folder / "p.json", "--audit", folder / "a.json"]
    for name in INPUTS:
        words += ["--input", name, *(folder / name / f"{p}.npy" for p in (0, 1))]
    sidecars = [folder / name / f"{p}.json" for name in INPUTS for p in (0, 1)]
    return [str(w) for w in [*words, "--input-sidecars", *sidecars, "--seed", "3"]]


def write_audit(folder: Path) -> None:
    """Write the result of an audit of this fold table and its protocol."""
    seen = {name: sha256(folder / name) for name in ("fold0.csv", "p.json")}
    (folder / "a.json").write_text(json.dumps({"ok": True, "inputs": seen}))


def recipe(folder: Path, model: str, options: dict, inputs=tuple(INPUTS), **more) -> list[str]:
    path = folder / f"{model}.json"
    path.write_text(json.dumps({"plugin": model, "run": model, "options": options, "inputs": list(inputs)} | more))
    return ["--recipe", str(path)]
