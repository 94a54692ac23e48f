"""The jobs embed and select_frames keep the order of rows and empty rows, and record their work in the sidecar.

Covers: features/inputs, features/selection.
"""

import json
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from _clips import clip, theirs
from _embedding import embed, step
from _jpegs import jpeg
from conftest import utterance

from emospace.core import manifest, store
from emospace.core.errors import InputError
from emospace.core.plugin import check_call
from emospace.core.provenance import read_json, write_json
from emospace.features.inputs import read_rate
from emospace.features.selection import best_frames
from emospace.weights.fetch import fetch

SMALL = "ViT-S-32-alt"  # the smallest architecture of open_clip for pictures of 224 pixels
LENGTHS = [4000, 0, 31_000, 1, 0, 9000]


@pytest.fixture
def part(tmp_path):
    """A part of six utterances, two of them without audio, frames and text."""
    rows = [utterance(f"u{i}") for i in range(len(LENGTHS))]
    manifest.write(tmp_path / "part.csv", rows)
    write_json(tmp_path / "view.json", {"sample_rate": 16_000})
    store.write(tmp_path / "audio.npy", [clip(n, i) for i, n in enumerate(LENGTHS)], dtype=np.int16)
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as frames:
        for i, length in enumerate(LENGTHS):
            for k in range(min(length, i + 1)):
                frames.writestr(f"u{i}/{k}.jpg", jpeg(40, 32, 10 * i + k))
    words = ["I am happy", "", "no", "I am happy", "", "why, of course"]
    lines = [f'{row.utterance},"{text}"\n' for row, text in zip(rows, words, strict=True)]
    (tmp_path / "text.csv").write_text("utterance,text\n" + "".join(lines))
    return tmp_path


@pytest.fixture
def random_clip(part) -> str:
    """The record that fetch_weights writes for random weights."""
    (part / "weights/clip").mkdir(parents=True)
    write_json(part / "weights/clip/weights.json", fetch("clip", {"source": "random"}, part / "weights/clip"))
    return "weights/clip/weights.json"


def test_audio_becomes_mfcc_row_by_row(part):
    done = embed(part, "mfcc", "audio", "audio.npy", "--threads", "1", "--log", "x.log", coefficients=13)
    assert done.returncode == 0, done.stderr
    features = store.Ragged.open(part / "f.npy", len(LENGTHS))
    assert features.values.dtype == np.float32
    for i, length in enumerate(LENGTHS):
        expected = theirs(clip(length, i), n_mfcc=13) if length else np.empty((0, 13))
        np.testing.assert_allclose(features[i], expected, atol=1e-3)
    facts = read_json(part / "f.json")
    assert (facts["rows"], facts["missing"], facts["dim"], facts["steps"]) == (6, 2, 13, len(features.values))
    assert facts["holds"] == "cepstral" and facts["rate"] == 16_000
    assert facts["dtype"] == "float32" and facts["weights"] is None and facts["random_weights"] is False
    assert set(facts["inputs"]) == {"part.csv", "view.json"} and set(facts["outputs"]) == {"f.npy", "f.offsets.npy"}
    assert str(part) not in json.dumps(facts)


def test_equal_jobs_write_equal_bytes(part):
    contents = []
    for _ in range(2):
        assert embed(part, "mfcc", "audio", "audio.npy").returncode == 0
        contents.append([(part / name).read_bytes() for name in ("f.npy", "f.offsets.npy", "f.json")])
    assert contents[0] == contents[1]


def test_random_weights_need_a_record_and_are_reported(part, random_clip):
    done = embed(part, "clip", "frames", "frames.zip", "--weights", random_clip, "--log", "embed.log", model=SMALL)
    assert done.returncode == 0 and "WARNING" not in done.stderr, (
        done.stderr
    )  # the warning comes once, at the end of a run
    assert "INFO random weights: clip" in (part / "embed.log").read_text()
    images, facts = store.Ragged.open(part / "f.npy", 6), read_json(part / "f.json")
    assert images.lengths.tolist() == [1, 0, 3, 1, 0, 6] and images.values.shape[1] == 256
    assert facts["random_weights"] is True and facts["weights"]["random"] is True
    assert "Resize(size=224" in facts["encoding"]["transform"]
    done = embed(part, "clip", "text", "text.csv", "--weights", random_clip, model=SMALL)
    assert done.returncode == 0, done.stderr
    texts = store.Ragged.open(part / "f.npy", 6)
    assert texts.lengths.tolist() == [1, 0, 1, 1, 0, 1]
    assert np.array_equal(texts[0], texts[3]) and not np.allclose(texts[0], texts[2])


def test_a_part_without_the_modality_loads_no_encoder_and_is_not_random(part, random_clip):
    with zipfile.ZipFile(part / "none.zip", "w"):
        pass
    done = embed(part, "clip", "frames", "none.zip", "--weights", random_clip, model="no such model: never loaded")
    assert done.returncode == 0 and "random weights" not in done.stderr, done.stderr
    assert np.load(part / "f.npy").shape == (0, 0) and np.load(part / "f.offsets.npy").tolist() == [0] * 7
    facts = read_json(part / "f.json")
    assert facts["random_weights"] is False and facts["missing"] == 6 and facts["encoding"] == {}


def test_missing_weights_are_reported_quickly_and_in_one_line(part):
    start = time.monotonic()
    done = embed(part, "sbert", "text", "text.csv", "--weights", "weights/sbert/weights.json")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "weights/sbert/weights.json: these weights have not been fetched. run: snakemake --cores 1" in done.stderr
    assert time.monotonic() - start < 10 and not (part / "f.npy").exists()


def test_a_view_with_other_rows_than_the_manifest_is_refused(part):
    (part / "text.csv").write_text("utterance,text\nu0,words\n")
    done = embed(part, "clip", "text", "text.csv")
    assert done.returncode == 1 and "text.csv: holds 1 rows, the manifest 6" in done.stderr
    store.write(part / "audio.npy", [clip(10)], dtype=np.int16)
    done = embed(part, "mfcc", "audio", "audio.npy")
    assert done.returncode == 1 and "holds 1 rows, the manifest 6" in done.stderr
    assert not (part / "f.npy").exists()


def test_audio_at_another_rate_than_the_encoders_is_refused(part, monkeypatch):
    view, module = part / "view.json", SimpleNamespace(__name__="at_8k", RATE=8000, load=lambda *, rate: None)
    with pytest.raises(InputError, match=r"view.json: the view has 16000 Hz, at_8k.py takes 8000. .*sample_rate: 8000"):
        read_rate(view, module)
    assert read_rate(view, SimpleNamespace(RATE=None, load=lambda *, rate: None)) == 16_000
    write_json(view, {"sample_rate": 8000})
    with pytest.raises(InputError, match="takes 16000"):  # it has neither RATE nor the option `rate`
        read_rate(view, SimpleNamespace(__name__="deaf", RATE=None, load=lambda: None))
    write_json(view, {})
    assert read_rate(view, module) is None


def brute_force(frames, text, k, normalise):
    """Select the k best frames by sorting Python tuples."""
    scores = [float(f @ text[0]) / (float(np.linalg.norm(f)) if normalise else 1) for f in frames.astype(float)]
    return sorted(sorted(range(len(frames)), key=lambda i: (-scores[i], i))[:k])


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("k", [1, 3, 12])
def test_the_best_frames_are_selected_in_order(k, normalise):
    draw = np.random.default_rng(k)
    for count in (1, 3, 4, 20):
        frames = (draw.standard_normal((count, 8)) * draw.uniform(0.1, 9, (count, 1))).astype(np.float32)
        text = draw.standard_normal((1, 8)).astype(np.float32)
        chosen = best_frames(frames, text, k=k, normalise=normalise)
        assert chosen.tolist() == brute_force(frames, text, k, normalise)


def test_norms_affect_only_the_dot_product():
    frames, text = np.array([[10, 9], [1, 0.1], [0, 5]], np.float32), np.array([[1, 0]], np.float32)
    assert best_frames(frames, text, k=1).tolist() == [1]
    assert best_frames(frames, text, k=1, normalise=False).tolist() == [0]


def test_ties_missing_text_and_missing_frames():
    same, none = np.ones((7, 3), np.float32), np.empty((0, 3), np.float32)
    assert best_frames(same, np.ones((1, 3), np.float32), k=2).tolist() == [0, 1]
    assert best_frames(same, none, k=2).tolist() == [1, 5] and best_frames(same, none, k=9).tolist() == [*range(7)]
    assert best_frames(none, np.ones((1, 3), np.float32), k=2).tolist() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kk": 2}, "unexpected option 'kk'"), ({"k": 0}, "k: it is 0"), ({"k": "2"}, "k: it is '2'")],
)
def test_options_of_the_selection_are_checked(options, words):
    with pytest.raises(InputError, match=words):
        check_call(best_frames, options, "config: features: frames.top", "the selection")


def test_select_frames_keeps_rows_and_reports_random_weights(part):
    draw = np.random.default_rng(0)
    frames = [draw.standard_normal((n, 8)).astype(np.float32) for n in (6, 0, 2, 5)]
    text = [draw.standard_normal((n, 8)).astype(np.float32) for n in (1, 1, 1, 0)]
    store.write(part / "frames.npy", frames, dtype=np.float32)
    store.write(part / "text.npy", text, dtype=np.float32)
    write_json(part / "frames.json", {"random_weights": False, "holds": "embedding", "rate": None})
    write_json(part / "text.json", {"random_weights": True})
    files = ["--frames", "frames.npy", "--text", "text.npy", "--sidecars", "frames.json", "text.json"]
    done = step("select_frames", part, {"options": {"k": 3}}, *files, "--out", "top.npy", "--sidecar", "top.json")
    assert done.returncode == 0, done.stderr
    selected, facts = store.Ragged.open(part / "top.npy", 4), read_json(part / "top.json")
    assert np.array_equal(selected[0], frames[0][brute_force(frames[0], text[0], 3, True)])
    assert selected.lengths.tolist() == [3, 0, 2, 3] and np.array_equal(selected[3], frames[3][[0, 2, 4]])
    assert facts["random_weights"] is True and facts["without_text"] == 1 and facts["missing"] == 1
    assert facts["holds"] == "embedding" and facts["rate"] is None  # as of the source
    assert (facts["steps_before"], facts["steps"], facts["dim"]) == (13, 8, 8)
    store.write(part / "text.npy", text[:2], dtype=np.float32)
    done = step("select_frames", part, {"options": {"k": 3}}, *files, "--out", "top.npy", "--sidecar", "top.json")
    assert done.returncode == 1 and "holds 2 rows" in done.stderr
