"""The quality gate: thresholds, tables of scores and verdicts, and the scripts, which see only train rows.

Covers: gate/scores, gate/tables, gate/thresholds.
"""

import csv

import numpy as np
import pytest
from _gate import archive, face, reasons, wave
from _results import corpus, plan_of, read_csv, script
from conftest import utterance

from emospace.core import manifest, store, texts
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.core.store import Ragged
from emospace.gate import tables
from emospace.gate.thresholds import thresholds
from emospace.views import _gate_audio_tts as audio_tts

EACH = 18


def test_options_are_split_and_misspelt_ones_rejected():
    assert thresholds("audio_tts", {"max_word_errors": 0.3, "min_agreement": 0.2}) == (
        {"max_word_errors": 0.3},
        {"min_agreement": 0.2},
    )
    with pytest.raises(InputError, match="did you mean 'min_similarity'"):
        thresholds("text_bt", {"min_similarty": 0.5}, "config.yaml: gate")
    with pytest.raises(InputError, match="gate: text_bt: the gate got an unexpected option 'min_agreement'"):
        thresholds("text_bt", {"min_agreement": 0.5}, "gate: text_bt")  # there is no probe of texts
    with pytest.raises(InputError, match="did you mean 'text_bt'"):
        thresholds("text_tb", {})


def test_without_a_probe_no_copy_loses_its_label():
    assert tables.verdict_of("a", "pass", "", 0.1, min_agreement=0.3)["reason"] == "label lost"
    assert tables.verdict_of("a", "pass", "", None, min_agreement=None)["verdict"] == "pass"
    with pytest.raises(InputError, match="min_agreement"):
        thresholds("audio_tts", {"max_word_errors": None, "min_agreement": "none"})


# The scripts -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Four speakers in two parts with a protocol, features and copies; those of one speaker have lost their labels."""
    folder = tmp_path_factory.mktemp("gate")
    names = [(s, f"S{s}_d_{i:02d}") for s in range(4) for i in range(EACH)]
    utterances = [
        utterance(
            name,
            part=str(s % 2),
            speaker=f"s{s}",
            session=f"S{s}",
            dialogue=f"d{s}",
            label=("ang", "exc", "neu")[i % 3],
        )
        for i, (s, name) in enumerate(names)
    ]
    utterances.sort(key=lambda row: (row.part, row.utterance))
    corpus(folder, utterances)
    random = np.random.default_rng(3)
    for part in "01":
        of_part = [row for row in utterances if row.part == part]
        manifest.write(folder / f"data/manifest/toy/{part}.csv", of_part)
        value = {"ang": 3, "exc": -3, "neu": 0}
        parents = [np.full((4, 2), value[row.label]) + random.normal(size=(4, 2)) for row in of_part]
        children = [
            -m if row.speaker == "s1" and row.label != "neu" else m for row, m in zip(of_part, parents, strict=True)
        ]
        children[0] = np.empty((0, 2))
        audio = [wave(0.5) for _ in of_part]
        spoken = [wave(0.5) if i else np.empty(0, np.int16) for i in range(len(of_part))]
        for name, rows, dtype in (
            ("audio.mfcc", parents, np.float32),
            ("audio_tts.mfcc", children, np.float32),
            ("audio", audio, np.int16),
            ("audio_tts", spoken, np.int16),
        ):
            store.write(folder / f"toy/{name}/{part}.npy", rows, dtype=dtype)
            write_json(folder / f"toy/{name}/{part}.json", {"name": name})
        ids = [row.utterance for row in of_part]
        for step, flag in (("spoken", "cut off"), ("heard", "")):
            flags = ["", "", flag, *[""] * (len(ids) - 3)]
            texts.write(folder / f"audio_tts/{part}.{step}.csv", ids, ["hello"] * len(ids), flag=flags)
            write_json(folder / f"audio_tts/{part}.{step}.json", {"step": step})
    shared = ["--manifest", "data/manifest/toy.csv", "--manifest-sidecar", "data/manifest/toy.json"]
    recipe = plan_of("p") | {"folds": 4}
    tables = [folder / f"protocol/fold{i}.csv" for i in range(4)]
    script(folder, "make_protocol", recipe, *shared, "--out", *tables, "--sidecar", "protocol.json")
    for part in "01":
        arguments = ["--manifest", f"data/manifest/toy/{part}.csv", "--parent", f"toy/audio/{part}.npy"]
        arguments += ["--child", f"toy/audio_tts/{part}.npy", "--out", f"gate/{part}.csv", "--read"]
        arguments += [f"{step}=audio_tts/{part}.{step}.csv" for step in ("spoken", "heard")]
        arguments += ["--sidecars", f"toy/audio/{part}.json", f"audio_tts/{part}.spoken.json"]
        recipe = {"options": {"max_word_errors": 0.1}, "view": "audio_tts", "plugin": "audio_tts"}
        script(folder, "score_view", recipe, *arguments, "--sidecar", f"gate/{part}.json")
    return folder


def gate(home, fold: int = 0, out: str = "out.csv", probe: bool = True, check: bool = True, scores=("0", "1")):
    arguments = ["--fold", f"protocol/fold{fold}.csv", "--protocol", "protocol.json", "--out", out]
    arguments += ["--scores", *(f"gate/{part}.csv" for part in scores), "--sidecar", f"{out}.json"]
    if probe:
        arguments += ["--parent-features", *(f"toy/audio.mfcc/{part}.npy" for part in "01")]
        arguments += ["--child-features", *(f"toy/audio_tts.mfcc/{part}.npy" for part in "01")]
    recipe = {"options": {"min_agreement": 0.3}, "view": "audio_tts"}
    return script(home, "gate_fold", recipe, *arguments, check=check)


def test_a_part_is_scored_by_the_script(home):
    lines = read_csv(home / "gate/0.csv")
    assert list(lines[0]) == ["utterance", *audio_tts.COLUMNS, "verdict", "reason"]
    assert reasons(lines) == ["no voice", "", "cut off"] + [""] * (2 * EACH - 3)
    sidecar = read_json(home / "gate/0.json")
    assert sidecar["failed"] == {"cut off": 1, "no voice": 1}
    assert sidecar["passed"] == 2 * EACH - 2 and sidecar["rows"] == 2 * EACH
    assert "audio_tts/0.spoken.json" in sidecar["inputs"] and "toy/audio/0.json" in sidecar["inputs"]


def test_a_fold_has_one_line_per_train_row_and_its_probe_finds_the_lost_labels(home):
    for fold in (0, 3):
        gate(home, fold)
        lines = read_csv(home / "out.csv")
        table = read_csv(home / f"protocol/fold{fold}.csv")
        train = {row["utterance"]: row for row in table if row["split"] == "train"}
        assert [line["utterance"] for line in lines] == list(train) and list(lines[0]) == tables.FOLD_COLUMNS
        for line in lines:
            row = train[line["utterance"]]
            planted = row["speaker"] == "s1" and row["label"] != "neu" and line["reason"] != "no voice"
            assert (line["reason"] == "label lost") == planted, line
            assert (line["agreement"] == "") == (line["reason"] == "no voice")
    sidecar = read_json(home / "out.csv.json")
    assert (sidecar["corpora"], sidecar["protocol"], sidecar["fold"], sidecar["view"]) == (
        {"toy": "toy"},
        "p",
        "fold3",
        "audio_tts",
    )
    assert sum(sidecar["failed"].values()) + sidecar["passed"] == sidecar["rows"] == len(lines)


def test_equal_input_gives_equal_bytes(home):
    first, second = [], []
    for contents in (first, second):
        gate(home, 1, "again.csv")
        contents += [(home / name).read_bytes() for name in ("again.csv", "again.csv.json")]
    assert first == second and str(home).encode() not in first[1]


def test_without_a_probe_verdicts_follow_the_scores(home):
    gate(home, 3, "plain.csv", probe=False)
    lines = read_csv(home / "plain.csv")
    assert {line["reason"] for line in lines} == {"", "no voice", "cut off"}
    assert {line["agreement"] for line in lines} == {""}


def test_dev_and_test_rows_do_not_affect_the_gate(home, tmp_path):
    """Verdicts and agreements do not depend on the features and copies of dev and test rows."""
    import shutil

    gate(home, 2, "before.csv")
    copy = shutil.copytree(home, tmp_path / "copy")
    train = {r["utterance"] for r in read_csv(copy / "protocol/fold2.csv") if r["split"] == "train"}
    for part in "01":
        ids = [row.utterance for row in manifest.read(copy / f"data/manifest/toy/{part}.csv")]
        for name in ("audio.mfcc", "audio_tts.mfcc"):
            rows = list(Ragged.open(copy / f"toy/{name}/{part}.npy"))
            changed = [np.array(r) if u in train else np.full((3, 2), 1e3) for u, r in zip(ids, rows, strict=True)]
            store.write(copy / f"toy/{name}/{part}.npy", changed, dtype=np.float32)
    gate(copy, 2, "after.csv")
    assert (copy / "after.csv").read_bytes() == (home / "before.csv").read_bytes()


def test_missing_scores_and_broken_tables_are_rejected(home):
    done = gate(home, 0, "x.csv", check=False, scores=("0",))
    assert done.returncode == 1 and "has no scores" in done.stderr and not (home / "x.csv").exists()
    for verdict, reason in (("pass", "too far"), ("fail", ""), ("maybe", "")):
        with open(home / "gate/bad.csv", "w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows([["utterance", "verdict", "reason"], ["a", verdict, reason]])
        with pytest.raises(InputError, match="contradicts reason"):
            tables.read(home / "gate/bad.csv")
    done = script(
        home,
        "gate_fold",
        {"options": {"min_agrement": 1}, "view": "audio_tts"},
        *[
            "--fold",
            "protocol/fold0.csv",
            "--protocol",
            "protocol.json",
            "--scores",
            "gate/0.csv",
            "gate/1.csv",
            "--out",
            "x.csv",
            "--sidecar",
            "x.json",
        ],
        check=False,
    )
    assert done.returncode == 1 and "did you mean 'min_agreement'" in done.stderr


def test_texts_and_pictures_are_scored_by_the_script(tmp_path):
    ids = ["u0", "u1", "u2"]
    manifest.write(tmp_path / "m.csv", [utterance(name) for name in ids])
    for name in ("text", "text_bt", "parent", "child", "frames", "frames_aug"):
        write_json(tmp_path / f"{name}.json", {})
    texts.write(tmp_path / "text.csv", ids, ["I am glad", "Go away", "I said so, then"])
    texts.write(
        tmp_path / "text_bt.csv", ids, ["I am happy", "Go away", "So I said"], flag=["", "unchanged", "cut off"]
    )
    for name in ("parent", "child"):
        store.write(tmp_path / f"{name}.npy", [np.ones((1, 4))] * 3, dtype=np.float32)
    shared = ["--manifest", "m.csv", "--out", "out.csv", "--sidecar", "out.json"]
    rest = ["--parent", "text.csv", "--child", "text_bt.csv", "--features", "parent.npy", "child.npy"]
    recipe = {"plugin": "text_bt", "view": "text_bt", "options": {"min_similarity": 0.9}}
    script(tmp_path, "score_view", recipe, *shared, *rest)
    assert reasons(read_csv(tmp_path / "out.csv")) == ["", "unchanged", "cut off"]
    archive(tmp_path / "frames.zip", {"u0": [face(0)], "u1": [face(1)], "u2": [face(2)]})
    archive(tmp_path / "frames_aug.zip", {"u0": [face(0)[:, ::-1]]})
    rest = ["--parent", "frames.zip", "--child", "frames_aug.zip"]
    script(tmp_path, "score_view", {"plugin": "frames_aug", "view": "frames_aug", "options": {}}, *shared, *rest)
    assert reasons(read_csv(tmp_path / "out.csv")) == ["", "frames missing", "frames missing"]
    assert read_json(tmp_path / "out.json")["failed"] == {"frames missing": 2}
