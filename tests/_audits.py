"""A small corpus with a clean protocol, and a function that runs the audit script on it."""

import csv
import json
import subprocess
import sys

from conftest import ROOT, utterance

from emospace.core import manifest
from emospace.protocols.fold_tables import COLUMNS

ROWS = [
    utterance("a1", speaker="A", dialogue="d1", audio="a1.wav", text="I am here."),
    utterance("a2", speaker="A", dialogue="d1", audio="a2.wav"),
    utterance("b1", speaker="B", dialogue="d2", audio="b1.wav"),
    utterance("c1", speaker="C", dialogue="d3", audio="c1.wav", text="i AM  here"),
]
BY_ID = {r.utterance: r for r in ROWS}
DIGESTS = {r.audio: f"digest of {r.audio}" for r in ROWS}


def line(name, side, parent="", **labels):
    row = BY_ID[parent or name]
    blank = dict.fromkeys(("label", "gender", "valence", "arousal", "dominance"), "")
    known = {} if side == "test" else {"label": "neu", "gender": "F"}
    place = {"utterance": name, "parent": parent, "corpus": "m", "part": "0", "row": "0", "split": side}
    place |= {"speaker": row.speaker}
    return {**place, **blank, **known, **labels}


def clean():
    return [line("a1", "train"), line("a2", "train"), line("b1", "dev"), line("c1", "test")]


def run_script(folder, table, rows, digests, leaky=False, **recipe):
    """Run audit_protocol as the workflow does."""
    manifest.write(folder / "m.csv", rows.values())
    with open(folder / "fold0.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    (folder / "d.sha256").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    about = {"shares_dialogues": [], "leaky": leaky, "left_out": {}}
    about |= {"labels": {"m": {"map": {"neu": "neu", "sad": "sad"}}}}
    (folder / "p.json").write_text(json.dumps(about))
    for name, content in {"r.json": recipe, "m.json": {}}.items():
        (folder / name).write_text(json.dumps(content))
    files = {"recipe": "r.json", "manifest": "m.csv", "manifest-sidecar": "m.json", "protocol": "p.json"}
    files |= {"folds": "fold0.csv", "digests": "d.sha256", "out": "audit.json"}
    arguments = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    command = [sys.executable, "-m", "workflow_scripts.audit_protocol", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
