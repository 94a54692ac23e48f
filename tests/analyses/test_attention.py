"""The analysis of attention: its table, the distribution of gates, its figures, and a video with sound.

Covers: analyses/_attention_figures, analyses/_attention_video.
"""

import csv
import io
import subprocess
from types import SimpleNamespace

import av
import numpy as np
import pytest
from _small import ragged

from emospace.analyses import _attention_video, attention
from emospace.core.data import Output, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged
from emospace.runs.run_files import write_outputs

CLASSES, RATE = ["ang", "sad"], 8000
WORDS = {
    "u0": [("oh", 0.1, 0.3), ("no", 0.3, 0.5)],
    "u1": [],  # without words
    "u2": [("yes", 0.0, 0.2)],  # of one word
    "u3": [("a<b", 0.1, 0.2)],  # without sound
    "u4": [("so", 0.1, 0.2)],
}
LABEL, P_ANG = np.array([0, 0, 1, 1, 1]), [0.9, 0.6, 0.2, 0.3, 0.4]


def of_rows(lengths, draw) -> Ragged:
    weights = [draw.random((n, 1)).astype(np.float32) for n in lengths]
    return ragged([w / max(w.sum(), 1) for w in weights])


@pytest.fixture
def run(tmp_path):
    """A run with the stored outputs of five test rows."""
    draw, names = np.random.default_rng(0), list(WORDS)
    sizes = [len(words) + bool(words) for words in WORDS.values()]
    gate = np.linspace(0.2, 0.6, 5)[:, None, None].repeat(3, axis=2).astype(np.float32)
    extras = {"gate": ragged(list(gate)), "acoustic_attention": of_rows([40, 50, 60, 0, 30], draw)}
    extras |= {"lexical_attention": of_rows(sizes, draw), "hidden": ragged(list(gate))}
    store = {"audio": ragged([np.ones((4, 1), np.float32)] * 5)}
    rows = Rows(names, ["s"] * 5, store, np.full(5, -1), np.full(5, -1), np.full((5, 3), np.nan))
    probabilities = np.stack([P_ANG, 1 - np.array(P_ANG)], axis=1).astype(np.float32)
    folder = tmp_path / "fold0-1"
    folder.mkdir()
    write_outputs(folder, CLASSES, {"test": (rows, Output(probabilities, extras=extras))})
    waves = {name: (draw.normal(size=RATE // 2) * 3000).astype(np.int16) for name in names}
    waves["u3"] = waves["u3"][:0]
    truth = SimpleNamespace(rows=[SimpleNamespace(utterance=name) for name in names], label=LABEL)
    training = SimpleNamespace(fold="fold0", seed=1, folder=folder)
    facts = {"name": "fused", "classes": CLASSES, "trainings": [training], "truth": truth, "places": lambda _: range(5)}
    items = {"audio": waves, "words": WORDS}
    return SimpleNamespace(**facts, items=items.get, sample_rate=lambda _: RATE)


def test_the_table_has_every_test_row_with_gate_words_and_both_attentions(run, tmp_path):
    facts = attention.analyse(run, tmp_path, seed=1)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "samples.csv").read_text())))
    assert [line["utterance"] for line in lines] == list(WORDS)
    first, second = lines[0], lines[1]
    assert (first["truth"], first["predicted"], first["p_ang"], first["gate"]) == ("ang", "ang", "0.9000", "0.2000")
    assert (first["words"], first["starts"], first["ends"]) == ("oh no", "0.100 0.300", "0.300 0.500")
    weights = read_acoustic(tmp_path)[0]
    expected = [weights[8:24].sum(), weights[24:40].sum()]  # 40 steps in 0.5 s
    np.testing.assert_allclose([float(w) for w in first["acoustic_attention"].split()], expected, atol=1e-4)
    assert len(first["lexical_attention"].split()) == 3 and second["words"] == second["lexical_attention"] == ""
    assert facts == {"gate": {"all": 0.4, "ang": 0.25, "sad": 0.5}, "utterances": ["u0", "u2"]}


def read_acoustic(folder) -> Ragged:
    return Ragged.open(folder / "fold0-1/extras.acoustic_attention.npy")


def test_the_figures_show_the_best_row_of_each_class_or_those_named(run, tmp_path):
    attention.analyse(run, tmp_path, seed=1, utterances=("u4", "u0"))
    for name in ("gates.svg", "bars.svg", "words.svg"):
        assert (tmp_path / name).read_text().startswith("<?xml")
    for name in ("sound.png", "strip.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert set(first) == set(attention.OUTPUTS)
    assert b"u4: sad, truth sad" in first["bars.svg"] and b">so<" in first["words.svg"]
    attention.analyse(run, tmp_path, seed=1, utterances=("u4", "u0"))
    assert {name: (tmp_path / name).read_bytes() for name in first} == first


def test_the_video_has_pictures_that_move_with_the_sound(run, tmp_path):
    attention.analyse(run, tmp_path, seed=1, utterances=("u2",))
    words = ["-v", "error", "-show_entries", "stream=codec_name,duration", "-of", "csv=p=0"]
    probed = subprocess.run(["ffprobe", *words, tmp_path / "attention.mp4"], capture_output=True, text=True, check=True)
    streams = dict(line.split(",")[:2] for line in probed.stdout.split())
    assert streams.keys() == {"h264", "aac"}
    assert all(abs(float(seconds) - 0.5) < 0.15 for seconds in streams.values())
    with av.open(tmp_path / "attention.mp4") as container:
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(pictures) == 12 and np.abs(pictures[0] - pictures[-1]).mean() > 2


@pytest.mark.parametrize(
    ("utterances", "reason"),
    [(("u9",), "'u9' has no test row"), (("u1",), "'u1' has no sound or words"), (("u3",), "'u3' has no sound or")],
)
def test_utterances_that_cannot_be_shown_are_refused(run, tmp_path, utterances, reason):
    with pytest.raises(InputError, match=reason):
        attention.analyse(run, tmp_path, seed=1, utterances=utterances)


def test_words_of_another_view_and_runs_without_a_gate_are_refused(run, tmp_path):
    other = dict(WORDS, u0=WORDS["u0"][:1])
    with pytest.raises(InputError, match="'u0' has 1 words, but the model read 2"):
        attention.analyse(SimpleNamespace(**vars(run) | {"items": {"audio": {}, "words": other}.get}), tmp_path, seed=1)
    (tmp_path / "fold0-1/extras.gate.npy").unlink()
    with pytest.raises(InputError, match="fused: it has no gate and attention"):
        attention.analyse(run, tmp_path, seed=1)


def test_without_an_encoder_of_video_there_is_a_clear_message(run, tmp_path, monkeypatch):
    monkeypatch.setattr(_attention_video, "VIDEO", ("no_such_encoder", "nor_this"))
    with pytest.raises(InputError, match="no encoder no_such_encoder or nor_this, so it cannot write an mp4"):
        attention.analyse(run, tmp_path, seed=1)
