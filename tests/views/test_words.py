"""The words view passes on the corpus's alignment; the text view can be recognised or simulated instead of given.

Covers: views/_reading, views/text.
"""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest
from _recognisers import engine_of, of_folder, opened, vosk_folder
from conftest import utterance

from emospace.core import manifest, store, texts
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.corpora._answers import words_of
from emospace.speech import recognition
from emospace.speech.recognition import RATE
from emospace.views import _reading, text, words
from workflow_scripts import extract_view

KNOWN = [("oh", 0.0, 0.25), ("no", 0.25, 0.9)]
ROWS = [utterance(f"d_{i}") for i in range(4)]  # of one second each


def test_words_and_their_times_pass_from_the_corpus_to_the_view(tmp_path):
    reader = SimpleNamespace(words=lambda root, rows: [KNOWN, None, [("so,", 0.5, 0.6)], []], __name__="mine")
    _reading.write_words(tmp_path / "corpus_words.csv", ROWS, words_of(reader, tmp_path, ROWS))
    problems, facts = words.extract(ROWS, tmp_path, tmp_path / "0.csv", words=tmp_path / "corpus_words.csv")
    assert list(words.read(tmp_path / "0.csv", ROWS)) == [KNOWN, [], [("so,", 0.5, 0.6)], []]
    assert problems == [] and facts == {"rows": 4, "missing": 2, "words": 3}
    lines = (tmp_path / "0.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["utterance,word,start,end", "d_0,oh,0.0000,0.2500"]


def test_a_corpus_whose_words_do_not_cover_all_rows_is_rejected(tmp_path):
    reader = SimpleNamespace(words=lambda root, rows: [KNOWN], __name__="mine")
    with pytest.raises(InputError, match=r"mine.py: words\(\) tells of 1 rows, there are 4"):
        words_of(reader, tmp_path, ROWS)


def test_words_with_impossible_times_are_left_out_and_reported(tmp_path):
    wrong = [[("late", 0.8, 1.4)], [("back", 0.5, 0.4)], [("b", 0.6, 0.9), ("a", 0.0, 0.2)]]
    _reading.write_words(tmp_path / "corpus_words.csv", ROWS, [*wrong, KNOWN])
    problems, facts = words.extract(ROWS, tmp_path, tmp_path / "0.csv", words=tmp_path / "corpus_words.csv")
    assert [(p.utterance, p.reason) for p in problems] == [(f"d_{i}", "no alignment") for i in range(3)]
    assert facts["missing"] == 3 and next(reversed(list(words.read(tmp_path / "0.csv", ROWS)))) == KNOWN


def test_a_word_without_times_is_left_out_with_its_utterance_or_refused(tmp_path):
    _reading.write_words(tmp_path / "corpus_words.csv", ROWS, [[("oh", float("nan"), 0.5)], None, None, KNOWN])
    problems, facts = words.extract(ROWS, tmp_path, tmp_path / "0.csv", words=tmp_path / "corpus_words.csv")
    assert [(p.utterance, p.reason) for p in problems] == [("d_0", "no alignment")] and facts["missing"] == 3
    (tmp_path / "1.csv").write_text("utterance,word,start,end\nd_0,oh,,0.5\n")
    with pytest.raises(InputError, match="the word 'oh' of 'd_0' has no start"):
        list(words.read(tmp_path / "1.csv", ROWS))


def test_words_of_another_manifest_are_rejected(tmp_path):
    _reading.write_words(tmp_path / "corpus_words.csv", [utterance("other")], [KNOWN])
    with pytest.raises(InputError, match="it has words of 'other', which is not in the manifest"):
        words.extract(ROWS, tmp_path, tmp_path / "0.csv", words=tmp_path / "corpus_words.csv")


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """A function that extracts words with a recogniser that hears "oh" in the first half of the loudest recordings."""
    listen = lambda wave: [("oh", -0.1, 0.5), ("no", 0.4, 9.0)] if wave.max() > 5 else []  # noqa: E731
    monkeypatch.setitem(recognition.TIMED_ENGINES, "vosk", engine_of(listen))
    waves = [np.full(RATE, 9, np.int16), np.empty(0, np.int16), np.zeros(RATE, np.int16), np.full(RATE, 2, np.int16)]
    store.write(tmp_path / "0.npy", waves, dtype=np.int16)
    write_json(tmp_path / "0.json", {"sample_rate": RATE})
    _reading.write_words(tmp_path / "corpus_words.csv", ROWS, [[("late", 0.8, 1.4)], None, None, KNOWN])

    def function(source: str):
        options = {"weights": of_folder(vosk_folder(tmp_path / "hears")), "recognise": {"silence_dbfs": -90.0}}
        given = {"words": tmp_path / "corpus_words.csv", "audio": tmp_path / "0.npy"}
        out = tmp_path / f"{source}.csv"
        return *words.extract(ROWS, tmp_path, out, source=source, **given, **options), list(words.read(out, ROWS))

    return function


def test_words_are_recognised_with_times_within_the_recording(heard):
    problems, facts, found = heard("recognised")
    assert found == [[("oh", 0.0, 0.5), ("no", 0.5, 1.0)], [], [], []] and problems == []
    assert facts["recognised"] == 4 and facts["missing"] == 3 and facts["settings"]["engine"] == "vosk"


def test_words_are_recognised_where_the_corpus_has_none(heard):
    problems, facts, found = heard("given_or_recognised")
    assert found[3] == KNOWN and found[0] == [("oh", 0.0, 0.5), ("no", 0.5, 1.0)] and facts["recognised"] == 3
    assert [problem.utterance for problem in problems] == ["d_0"]  # the corpus's words end after the utterance


def test_texts_are_recognised_from_an_audio_view(tmp_path, monkeypatch):
    monkeypatch.setitem(recognition.ENGINES, "vosk", engine_of(lambda wave: f"  level {wave.max()} "))
    record = vars(of_folder(vosk_folder(tmp_path / "hears"))) | {"directory": None}
    opened(tmp_path / "hears", record)
    waves = [np.full(RATE, 1000, np.int16), np.empty(0, np.int16), np.zeros(RATE, np.int16), np.full(RATE, 2, np.int16)]
    store.write(tmp_path / "0.npy", waves, dtype=np.int16)
    write_json(tmp_path / "0.json", {"sample_rate": RATE})
    manifest.write(tmp_path / "m.csv", ROWS)
    paths = {"manifest": "m.csv", "out": "t.csv", "quality": "t.quality.csv", "sidecar": "t.json"}
    args = argparse.Namespace(
        **{name: tmp_path / file for name, file in paths.items()},
        **{"weights": [tmp_path / "hears/weights.json"], "read": [f"audio={tmp_path / '0.npy'}"]},
        **{"threads": 2, "cache": None, "corpus_root": tmp_path, "inputs": [tmp_path / "0.json"]},
    )
    options = {"source": "recognised", "recognise": {"silence_dbfs": -80.0}}
    extract_view.job(args, {"plugin": "text", "weights": {"weights": "hears"}, "options": options})
    assert list(text.read(tmp_path / "t.csv", ROWS)) == ["level 1000", "", "", ""]
    assert [p.utterance for p in manifest.read_problems(args.quality)] == ["d_2", "d_3"]
    sidecar = read_json(args.sidecar)
    assert (sidecar["source"], sidecar["missing"], sidecar["weights"]["name"]) == ("recognised", 3, "vosk_en")
    assert str(tmp_path / "0.json") in sidecar["inputs"] and sidecar["settings"]["silence_dbfs"] == -80.0


def test_a_simulated_text_contains_the_label_and_nothing_of_the_utterance(tmp_path):
    rows = [utterance("d_0", label="ang", text=""), utterance("d_1", label="neu")]
    problems, facts = text.extract(
        rows, tmp_path, tmp_path / "t.csv", source="simulated", template="I feel {label} {0}"
    )
    assert texts.read(tmp_path / "t.csv") == ["I feel ang {0}", "I feel neu {0}"] and problems == []
    assert facts["source"] == "simulated" and text.leaky(source="simulated") and not text.leaky()
