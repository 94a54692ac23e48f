"""Plant one leak of each kind: each is caught, by the function and by the script that gates training."""

import csv
import json
import subprocess
import sys

import pytest
from conftest import ROOT, utterance

from emospace import manifest
from emospace.audit import audit_fold, normalise_text
from emospace.fold_tables import COLUMNS

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
    place = {"utterance": name, "parent": parent, "part": "0", "row": "0", "speaker": row.speaker, "split": side}
    return {**place, **blank, **known, **labels}


def clean():
    return [line("a1", "train"), line("a2", "train"), line("b1", "dev"), line("c1", "test")]


def leaks(table, rows=BY_ID, digests=DIGESTS, shared=()):
    return {leak.kind for leak in audit_fold("fold0", table, rows, digests, shared)[0]}


def test_a_clean_fold_has_no_leak_and_reports_text_overlap():
    found, facts = audit_fold("fold0", clean(), BY_ID, DIGESTS)
    assert found == []
    assert facts["n"] == {"train": 2, "dev": 1, "test": 1}
    assert (facts["test_texts"], facts["test_texts_in_train"]) == (1, 1)


def moved(name, **fields):
    row = BY_ID[name]
    values = {f: getattr(row, f) for f in manifest.COLUMNS}
    return BY_ID | {name: type(row)(**(values | fields))}


PLANTED = {
    "utterance": ([*clean(), line("a1", "test")], BY_ID, DIGESTS),
    "speaker": (clean(), moved("c1", speaker="A"), DIGESTS),
    "dialogue": (clean(), moved("b1", dialogue="d3"), DIGESTS),
    "recording": (clean(), BY_ID, DIGESTS | {"c1.wav": "digest of a1.wav"}),
    "augmented child": ([*clean(), line("c1_bt", "train", parent="c1")], BY_ID, DIGESTS),
    "test label": ([*clean()[:3], line("c1", "test", label="neu")], BY_ID, DIGESTS),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_of_leak_is_caught(kind):
    assert kind in leaks(*PLANTED[kind])


def test_an_augmented_child_outside_train_is_caught_even_with_its_parent():
    assert "augmented child" in leaks([*clean(), line("c1_bt", "test", parent="c1")])


def test_partners_may_share_dialogues_between_dev_and_test_but_never_with_train():
    rows = moved("b1", dialogue="d3")
    assert leaks(clean(), rows, shared=[("dev", "test")]) == set()
    assert leaks(clean(), moved("c1", dialogue="d1"), shared=[("train", "test")]) == {"dialogue"}


def test_text_is_compared_by_its_words():
    assert normalise_text("  Où est-il?! ") == normalise_text("ou est il")
    assert normalise_text("你好") == "你好"


def run_script(folder, table, rows, digests, leaky=False):
    """Call audit_protocol as the workflow does."""
    manifest.write(folder / "m.csv", rows.values())
    with open(folder / "fold0.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    (folder / "d.sha256").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    (folder / "p.json").write_text(json.dumps({"split": "session", "leaky": leaky}))
    for name in ("r.json", "m.json"):
        (folder / name).write_text("{}")
    files = {"recipe": "r.json", "manifest": "m.csv", "manifest-sidecar": "m.json", "protocol": "p.json"}
    files |= {"folds": "fold0.csv", "digests": "d.sha256", "out": "audit.json"}
    arguments = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    command = [sys.executable, "-m", "workflow_scripts.audit_protocol", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", PLANTED)
def test_the_script_fails_and_writes_nothing(kind, tmp_path):
    done = run_script(tmp_path, *PLANTED[kind])
    assert done.returncode == 1
    assert kind in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "audit.json").exists()


def test_a_declared_leak_passes_and_is_counted(tmp_path):
    done = run_script(tmp_path, *PLANTED["speaker"], leaky=True)
    assert done.returncode == 0, done.stderr
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["leaky"] and audit["leaks"]["speaker"] > 0


def test_test_labels_are_refused_even_from_a_leaky_protocol(tmp_path):
    assert run_script(tmp_path, *PLANTED["test label"], leaky=True).returncode == 1


def test_a_clean_protocol_passes(tmp_path):
    assert run_script(tmp_path, clean(), BY_ID, DIGESTS).returncode == 0
    assert json.loads((tmp_path / "audit.json").read_text())["ok"] is True
