"""The processed file: written from a run, read back as corpus, words and features; damaged files are refused.

Covers: analyses/processed, features/encoders/_processed, features/encoders/processed_acoustic,
features/encoders/processed_lexical.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from _small import ragged
from conftest import utterance

from emospace.analyses import processed as analysis
from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.corpora import _processed
from emospace.corpora import processed as reader
from emospace.features.encoders import processed_acoustic, processed_lexical

SOUND, WORDS = "audio.descriptors", "words.hf_words"
SPOKEN = {"d_0": [("oh", 0.0, 0.2), ("no", 0.3, 0.9)], "d_1": [], "d_2": [("yes", 0.1, 0.4)]}


def side(names: list[str]) -> Rows:
    sound = [np.full((3 + int(name[-1]), 4), int(name[-1]), np.float32) for name in names]
    words = [np.full((len(SPOKEN[name]) and 1 + len(SPOKEN[name]), 6), 7, np.float32) for name in names]
    unknown = np.full(len(names), -1)
    inputs = {SOUND: ragged(sound), WORDS: ragged(words)}
    return Rows(names, ["s"] * len(names), inputs, unknown, unknown, np.full((len(names), 3), np.nan))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The file of a run whose test rows are its dev rows; d_1 has no words."""
    home = tmp_path_factory.mktemp("processed")
    fold = Fold(["ang", "neu"], side(["d_2"]), side(["d_1", "d_0"]), side(["d_1", "d_0"]))
    about = {SOUND: {"holds": "acoustic", "columns": list("abcd")}, WORDS: {"holds": "words"}}
    rows = [utterance(f"d_{i}", label="ang" if i else "neu", text=f"text {i}") for i in (2, 1, 0)]
    run = SimpleNamespace(name="fused", trainings=[SimpleNamespace(fold="fold0")], rows=lambda _: fold, about=about)
    run.utterances, run.items = lambda: rows, lambda view: SPOKEN
    assert analysis.analyse(run, home, seed=1) == {"fold": "fold0", "utterances": 3, "words": 3}
    run.about = {SOUND: {"holds": "acoustic"}}
    with pytest.raises(InputError, match="does not read one feature of words and one other"):
        analysis.analyse(run, home, seed=1)
    return home / _processed.FILE


def test_the_corpus_has_the_rows_labels_and_words_of_the_file(file):
    rows, problems = reader.index(file.parent, [file.name])
    assert [row.utterance for row in rows] == ["d_2", "d_1", "d_0"] and problems == []
    assert [row.label for row in rows] == ["ang", "ang", "neu"] and rows[0].text == "text 2" and rows[0].end == 1.0
    assert reader.words(file.parent, rows) == [SPOKEN["d_2"], None, SPOKEN["d_0"]]
    assert reader.about(file.parent) == {"codes": {"ang": "ang", "neu": "neu"}} and reader.about(file) == {}
    assert reader.group(_processed.FILE) == 0 and reader.group("other.npz") is None


def test_the_encoders_return_the_features_of_each_utterance(file):
    sound, words = processed_acoustic.load(file=str(file)), processed_lexical.load(file=str(file))
    rows = sound(["x"] * 3, ["d_0", "unknown", "d_2"])
    assert [row.shape for row in rows] == [(3, 4), (0, 4), (5, 4)] and (rows[2] == 2).all()
    assert sound.facts["names"] == list("abcd")
    assert [row.shape for row in words(["x"] * 3, ["d_0", "d_1", "d_2"])] == [(3, 6), (0, 6), (2, 6)]


def changed(file, folder, **arrays):
    with np.load(file) as archive:
        np.savez(folder / _processed.FILE, **{k: v for k, v in (dict(archive) | arrays).items() if v is not None})
    return folder / _processed.FILE


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"word_start": np.array([0.1, np.nan, 0.2])}, "a word without a time, at 1"),
        ({"word_end": np.array([0.1, 0.2])}, "it has a word without times"),
        ({"words": None}, "it has no array 'words'"),
        ({"words": np.array([1.0, 2.0, 3.0])}, "its array 'words' holds float64"),
        ({"word_offsets": np.array([0, 3])}, "'word_offsets' is for 1 utterances, but the file has 3"),
        ({"words": np.array([{}, {}, {}], object)}, "it is not a readable archive of arrays"),
    ],
)
def test_words_that_are_damaged_are_refused(file, tmp_path, arrays, reason):
    with pytest.raises(InputError, match=reason):
        _processed.words(changed(file, tmp_path, **arrays))


def test_damaged_rows_and_features_are_refused(file, tmp_path):
    twice = changed(file, tmp_path, utterance=np.array(["d_0", "d_0", "d_1"]))
    with pytest.raises(InputError, match="an utterance occurs twice"):
        reader.index(tmp_path, [twice.name])
    with pytest.raises(InputError, match="its columns differ in length"):
        reader.index(changed(file, tmp_path, label=np.array(["ang"])).parent, [_processed.FILE])
    with np.load(file) as archive:
        spoilt = np.full_like(archive["acoustic"], np.inf)
    with pytest.raises(InputError, match="'acoustic' has a value that is not finite, at 0"):
        processed_acoustic.load(file=str(changed(file, tmp_path, acoustic=spoilt)))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="not a readable archive"):
        processed_lexical.load(file=str(tmp_path / "x.npz"))
