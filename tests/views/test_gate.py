"""The quality gate: scores with known values, planted faults in each view, and a probe that sees only train rows."""

import csv
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from _results import corpus, plan_of, read_csv, script
from conftest import utterance

from emospace.core import manifest, plugin, store, texts
from emospace.core.data import Rows
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.core.store import Ragged
from emospace.core.words import word_error_rate, words
from emospace.gate import tables
from emospace.gate.scores import lines as checked
from emospace.gate.thresholds import thresholds
from emospace.media.pictures import add, encode
from emospace.runs import gate_probe
from emospace.views import _gate_audio_tts as audio_tts
from emospace.views import _gate_frames_aug as frames_aug
from emospace.views import _gate_text_bt as text_bt
from emospace.views import frames_aug as frames_view

RATE = audio_tts.RATE


def ragged(rows, dtype=np.float32) -> Ragged:
    rows = [np.asarray(row, dtype) for row in rows]
    full = [row for row in rows if len(row)]
    return Ragged(np.concatenate(full), np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64))


def rows_of(names):
    return [utterance(name) for name in names]


def table(view: str, scores, names) -> list[dict]:
    """The lines of the gate's table for the result of a view's `score`."""
    return checked(scores, plugin.find("views", view), rows_of(names))


def reasons(lines) -> list[str]:
    assert all((line["verdict"] == "pass") == (not line["reason"]) for line in lines)
    return [line["reason"] for line in lines]


# Words -------------------------------------------------------------------------------------------------------------


def test_words_are_normalised_and_exclude_tags_and_punctuation():
    assert words("Don\u2019t! [LAUGHTER] Stop -- it's ÉTÉ_3.") == ["don't", "stop", "it's", "été", "3"]
    assert words("[BREATHING] ... \U0001f600") == [] and words("مرحبا بك") == ["مرحبا", "بك"]


@pytest.mark.parametrize(
    ("truth", "said", "rate"),
    [
        ("the dogs sit by the door", "The dogs sit, by the door.", 0),
        ("the dogs sit by the door", "dogs sit by a door now", 0.5),
        ("a b", "", 1),
        ("", "a b", 2),
        ("", "", 0),
        ("a", "b c d", 3),
    ],
)
def test_word_error_rate(truth, said, rate):
    assert word_error_rate(truth, said) == rate


def test_the_word_error_rate_of_many_pairs_is_pooled():
    assert word_error_rate(["a b", "c d e"], ["a b", "c x"]) == 2 / 5
    with pytest.raises(ValueError):
        word_error_rate(["a", "b"], ["a"])


# Thresholds --------------------------------------------------------------------------------------------------------


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


# Text --------------------------------------------------------------------------------------------------------------


def scored_texts(folder, parents, children, before, after, cut, **limits) -> list[dict]:
    names = [chr(97 + i) for i in range(len(before))]
    texts.write(folder / "before.csv", names, before)
    texts.write(folder / "after.csv", names, after, flag=["cut off" if lost else "" for lost in cut])
    for name, matrices in (("p", parents), ("c", children)):
        store.write(folder / f"{name}.npy", list(ragged(matrices)), dtype=np.float32)
    features = (folder / "p.npy", folder / "c.npy")
    scores = text_bt.score(rows_of(names), folder / "before.csv", folder / "after.csv", features=features, **limits)
    return table("text_bt", scores, names)


def test_back_translations_pass_if_changed_and_similar(tmp_path):
    parents = [[1, 0]], [[1, 0]], [[1, 0]], [[1, 0]], [], [[1, 0]], [[1, 0], [0, 1]], [[1, 0]]
    children = [[1, 0.1]], [[1, 0]], [[0, 1]], [], [], [[1, 0]], [[1, 0], [0, 1.1]], [[1, 0]]
    before = "I am glad.", "Go away!", "It is cold", "Hello you", "", "One two", "Three four", "I said so, then"
    after = "I am happy.", "go AWAY", "Buy fish now", "", "", "[SIGH]", "Three of four", "So I said"
    arguments = tmp_path, parents, children, before, after, [False] * 7 + [True]
    lines = scored_texts(*arguments)
    assert reasons(lines) == ["", "unchanged", "too far", "empty", "no text", "empty", "", "cut off"]
    assert [line["changed"] for line in lines] == ["1", "0", "1", "1", "0", "1", "1", "1"]
    assert float(lines[0]["similarity"]) == round(1 / np.hypot(1, 0.1), 4) and lines[3]["similarity"] == ""
    assert reasons(scored_texts(*arguments, min_similarity=0.9999))[0] == "too far"


# Speech ------------------------------------------------------------------------------------------------------------


def wave(seconds: float, level: float = 0.1, before: float = 0.0) -> np.ndarray:
    """A tone after a pause, int16; level: RMS as a fraction of full scale."""
    tone = level * np.sqrt(2) * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)
    return np.rint(2**15 * np.concatenate([np.zeros(round(before * RATE)), tone])).astype(np.int16)


def test_duration_and_level_exclude_pauses():
    seconds, level = audio_tts.sound(np.concatenate([wave(1.0, before=2.0), wave(0.5, before=0.5), wave(0, before=3)]))
    assert seconds == pytest.approx(2.0, abs=0.04) and level == pytest.approx(-20, abs=0.2)
    assert audio_tts.sound(np.zeros(500, np.int16)) == audio_tts.sound(np.empty(0, np.int16)) == (0.0, -np.inf)


def scored_speech(folder, parents, children, spoken, heard, cut) -> list[dict]:
    names = [chr(97 + i) for i in range(len(spoken))]
    for name, waves in (("p", parents), ("c", children)):
        store.write(folder / f"{name}.npy", list(ragged(waves, np.int16)), dtype=np.int16)
    texts.write(folder / "spoken.csv", names, spoken, flag=["cut off" if lost else "" for lost in cut])
    texts.write(folder / "heard.csv", names, heard, flag=[""] * len(names))
    steps = {step: folder / f"{step}.csv" for step in ("spoken", "heard")}
    scores = audio_tts.score(rows_of(names), folder / "p.npy", folder / "c.npy", **steps)
    return table("audio_tts", scores, names)


def test_speech_passes_if_similar_in_duration_and_level_and_intelligible(tmp_path):
    good, sentence = wave(1.0), "the dogs sit by the door"
    children = good, wave(0.3), wave(3), wave(1, 0.5), wave(1, 0.02), good, [], np.zeros(900), good, good, good
    parents = [wave(1.0)] * 8 + [[], wave(1.0), wave(1.0)]
    heard = [sentence] * 5 + ["some cats fly at noon today", "", "", *[sentence] * 3]
    spoken = [sentence] * 9 + ["[LAUGHTER]", sentence]
    cut = [False] * 10 + [True]
    lines = scored_speech(tmp_path, parents, children, spoken, heard, cut)
    expected = ["", "too short", "too long", "too loud", "too soft", "not understood"]
    assert reasons(lines) == [*expected, "no voice", "no voice", "no audio", "nothing to say", "cut off"]
    assert lines[10] | {"utterance": "a", "verdict": "pass", "reason": ""} == lines[0]  # no score shows the cut
    assert [lines[0][c] for c in audio_tts.COLUMNS] == ["1", "0", "0"]
    assert float(lines[3]["loudness_db"]) == pytest.approx(20 * np.log10(5), abs=0.01)
    assert lines[6]["duration_ratio"] == lines[6]["word_errors"] == lines[9]["word_errors"] == ""


def test_real_speech_passes_and_soft_or_short_speech_fails(ravdess, tmp_path):
    import soundfile

    files = sorted((ravdess / "Actor_01").glob("03-01-0[13]-01-01-01-01.*"))
    waves = [np.int16(2**15 * soundfile.read(file)[0][::3]) for file in files]  # 48 kHz to 16 kHz
    quiet = [np.int16(waves[1] * 0.02), waves[1][:4000]]
    texts_of_both = ["kids"] * 2, ["kids"] * 2, [False] * 2
    lines = scored_speech(tmp_path, waves, waves[::-1], *texts_of_both)
    assert reasons(lines) == ["", ""]
    lines = scored_speech(tmp_path, waves, quiet, *texts_of_both)
    assert lines[0]["verdict"] == lines[1]["verdict"] == "fail"


# Pictures ----------------------------------------------------------------------------------------------------------


def face(seed: int, size: int = 96) -> np.ndarray:
    """A picture with smooth shapes and colours, uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    blobs = [np.exp(-30 * ((x - a) ** 2 + (y - b) ** 2)) for a, b in random.random((3, 2))]
    return np.uint8(40 + 200 * np.stack(blobs, axis=-1).clip(0, 1))


def archive(path, pictures: dict[str, list]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, frames in pictures.items():
            for k, frame in enumerate(frames):
                add(file, name, k, frame if isinstance(frame, bytes) else encode(frame, 90))


def scored_pictures(folder, names, **limits) -> list[dict]:
    scores = frames_aug.score(rows_of(names), folder / "parent.zip", folder / "child.zip", **limits)
    return table("frames_aug", scores, names)


def test_pictures_pass_if_complete_changed_and_visible(tmp_path):
    grey, plain = face(0), np.full((96, 96, 3), 130, np.uint8)
    parent = {name: [face(1), face(2)] for name in "abcdfgh"}
    child = {"a": [face(1)[:, ::-1], face(2)[:, ::-1]], "b": [face(1), face(2)], "c": [face(1)], "d": [plain, plain]}
    child |= {"f": [face(1)[:48], face(2)[:48]], "g": [encode(grey, 90)[:300]] * 2, "h": [plain + face(1) // 8] * 2}
    archive(tmp_path / "parent.zip", parent)
    archive(tmp_path / "child.zip", child)
    lines = scored_pictures(tmp_path, "abcdefgh")
    expected = ["", "unchanged", "frames missing", "contrast lost", "no frames", "another size", "unreadable"]
    assert reasons(lines) == [*expected, "contrast lost"]
    assert float(lines[1]["change"]) < 1 < float(lines[0]["change"]) and float(lines[3]["contrast"]) < 0.05
    assert [line["frames"] for line in lines[:3]] == ["2", "2", "1"]
    lax = scored_pictures(tmp_path, "ab", min_change=0)
    assert reasons(lax) == ["", ""]


def test_the_default_transforms_mostly_pass(tmp_path):
    names = [f"u{i}" for i in range(60)]
    archive(tmp_path / "parent.zip", {name: [face(i)] for i, name in enumerate(names)})
    frames_view.augment(rows_of(names), tmp_path / "parent.zip", tmp_path / "child.zip", seed=1)
    outcomes = reasons(scored_pictures(tmp_path, names))
    assert outcomes.count("") > 45 and set(outcomes) <= {"", "unchanged"}


# The probe ---------------------------------------------------------------------------------------------------------


def voices(speakers: int = 8, each: int = 24, spread: float = 3.0, wide: int = 6, seed: int = 0) -> Rows:
    """Rows of three classes; each class and each speaker has its own offset."""
    random = np.random.default_rng(seed)
    label = np.tile(np.arange(each) % 3, speakers)
    own = np.repeat(random.normal(size=(speakers, wide)), each, axis=0)
    centres = spread * np.eye(3, wide)[label] + own + random.normal(size=(speakers * each, wide))
    matrices = [centre + 0.1 * random.normal(size=(5, wide)) for centre in centres]
    names = [f"s{i // each}_{i % each}" for i in range(len(label))]
    empty = {"gender": np.zeros(len(label), np.int64), "vad": np.full((len(label), 3), np.nan, np.float32)}
    extra = {"parent": np.full(len(label), -1)} if "parent" in Rows.__dataclass_fields__ else {}
    speaker = [f"s{i // each}" for i in range(len(label))]
    return Rows(names, speaker, {"x": ragged(matrices)}, label, **empty, **extra)


def test_agreement_is_high_for_kept_labels_and_low_for_lost_ones():
    train = voices()
    swapped = [train.inputs["x"][i] for i in np.argsort(train.label, kind="stable")[::-1]]
    kept = gate_probe.cross_fitted(train, train)
    lost = gate_probe.cross_fitted(train, replace(train, inputs={"x": ragged(swapped)}))
    assert kept.mean() > 0.48 and lost.mean() < 0.35


def test_the_probe_is_not_trained_on_the_parent(monkeypatch):
    """On noise it is at chance; a probe trained on each copy's parent would be far above."""
    noise = voices(spread=0.0, wide=60)
    assert abs(gate_probe.cross_fitted(noise, noise).mean() - 1 / 3) < 0.04

    def split(self, known, label, speakers):
        yield np.arange(len(label)), np.arange(len(label))

    monkeypatch.setattr("sklearn.model_selection.GroupKFold.split", split)
    assert gate_probe.cross_fitted(noise, noise).mean() > 0.44


def test_the_probe_is_not_trained_on_the_speaker_of_a_copy():
    """Each speaker has its own offsets of classes, which only a probe trained on that speaker could know."""
    train = voices(spread=0.0, wide=60)
    random = np.random.default_rng(1)
    own = 4 * random.normal(size=(8, 3, 60))
    speakers = [int(name[1:]) for name in train.speakers]
    planted = [row + own[s, k] for row, s, k in zip(train.inputs["x"], speakers, train.label, strict=True)]
    train = replace(train, inputs={"x": ragged(planted)})
    assert abs(gate_probe.cross_fitted(train, train).mean() - 1 / 3) < 0.1
    separate = replace(train, speakers=list(train.utterances))  # as if each row had its own speaker
    assert gate_probe.cross_fitted(separate, separate).mean() > 0.55


def test_a_common_shift_of_all_copies_does_not_change_agreement():
    """Another voice shifts and scales all copies alike, which must not cost a class its agreement."""
    train = voices()
    shifted = ragged([7 + 0.3 * row for row in train.inputs["x"]])
    agreement = gate_probe.cross_fitted(train, replace(train, inputs={"x": shifted}))
    np.testing.assert_allclose(agreement, gate_probe.cross_fitted(train, train), atol=0.05)


def test_rows_that_no_probe_can_assess_get_no_agreement():
    one = voices(speakers=1)
    assert np.isnan(gate_probe.cross_fitted(one, one)).all()
    gap = voices(speakers=4)
    rows = [[] if i == 3 else gap.inputs["x"][i] for i in range(len(gap))]
    agreement = gate_probe.cross_fitted(replace(gap, inputs={"x": ragged(rows)}), gap)
    assert np.flatnonzero(np.isnan(agreement)).tolist() == [3]
    silent = replace(gap, inputs={"x": Ragged(np.empty((0, 6), np.float32), np.zeros(len(gap) + 1, np.int64))})
    assert np.isnan(gate_probe.cross_fitted(gap, silent)).all()


def test_rows_without_a_feature_do_not_train_the_probe():
    train = voices(speakers=4)
    rows = ragged([[] if i % 3 == 1 else row for i, row in enumerate(train.inputs["x"])])
    present = rows.lengths > 0
    some = replace(train, inputs={"x": rows})
    other = replace(some, label=np.where(present, train.label, (train.label + 1) % 3))
    first, second = gate_probe.cross_fitted(some, train), gate_probe.cross_fitted(other, train)
    assert np.isfinite(first[present]).all() and np.isnan(first[~present]).all()
    np.testing.assert_array_equal(first, second)


# The scripts -------------------------------------------------------------------------------------------------------

EACH = 18


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
