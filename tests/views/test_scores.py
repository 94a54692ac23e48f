"""Scores of the built-in augmented views for the gate: known values, and a planted fault of each kind.

Covers: views/_gate_audio_tts, views/_gate_frames_aug, views/_gate_text_bt.
"""

import numpy as np
import pytest
from _gate import archive, face, ragged, reasons, wave
from conftest import utterance

from emospace.core import plugin, store, texts
from emospace.gate.scores import lines as checked
from emospace.media.pictures import encode
from emospace.views import _gate_audio_tts as audio_tts
from emospace.views import _gate_frames_aug as frames_aug
from emospace.views import _gate_text_bt as text_bt
from emospace.views import frames_aug as frames_view


def rows_of(names):
    return [utterance(name) for name in names]


def table(view: str, scores, names) -> list[dict]:
    """The lines of the gate's table for the result of a view's `score`."""
    return checked(scores, plugin.find("views", view), rows_of(names))


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


def test_without_a_limit_of_word_errors_copies_need_no_recogniser(tmp_path):
    sentence, waves = "the dogs sit by the door", [wave(1.0)] * 3
    scored_speech(tmp_path, waves, [wave(1.0), wave(0.3), []], [sentence] * 3, [""] * 3, [False] * 3)
    files = tmp_path / "p.npy", tmp_path / "c.npy"
    scores = audio_tts.score(rows_of("abc"), *files, spoken=tmp_path / "spoken.csv", max_word_errors=None)
    lines = table("audio_tts", scores, [*"abc"])
    assert reasons(lines) == ["", "too short", "no voice"] and {line["word_errors"] for line in lines} == {""}


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
