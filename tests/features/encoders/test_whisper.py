"""Whisper states with real weights are close to those of 30-s windows and do not depend on the batch.

Covers: features/encoders/_ctranslate2.
"""

import shutil
import socket

import numpy as np
import pytest
from _embedding import embed
from _recognisers import said
from conftest import TINY, utterance
from threadpoolctl import threadpool_limits

from emospace.core import manifest, plugin, store
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.features.encoders import whisper
from emospace.features.encoders._ctranslate2 import Model
from emospace.features.encoders._steps import pooled
from emospace.features.encoders.whisper import RATE, WINDOW, padded_length
from emospace.weights.record import Weights

D = 384  # of tiny
SENTENCES = ["This is the worst day of my life.", "I am so happy.", "Leave me alone right now, will you?"]

LONGER = [
    "Kids are talking by the door, and dogs are sitting by the door.",
    "Why did you lie to me about the weather in the mountains last year?",
    "I have no idea what you want from me, but I will not give it to you.",
]


@pytest.fixture(scope="module")
def encoder(tiny):
    return whisper.load(weights=tiny)


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    return [said(text) for text in SENTENCES]


def in_windows(encoder, clip: np.ndarray) -> np.ndarray:
    """Encode a clip padded to 30 s, as Whisper itself does: (ceil(T / 320), D)."""
    from ctranslate2 import StorageView

    whole = encoder.models[0].encode(StorageView.from_array(encoder._frames(clip, WINDOW)[None]), to_cpu=True)
    return np.array(whole)[0][: -(-len(clip) // 320)]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine over steps."""
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).mean())


def test_states_are_close_to_those_of_30_s_windows(tiny, encoder, monkeypatch):
    """Longer clips are closer; padding with a second of silence brings all closer."""
    clips = [said(text) for text in [*SENTENCES, *LONGER]]
    padded = [in_windows(encoder, clip) for clip in clips]
    fine = whisper.load(weights=tiny, per_second=50)
    near = [cosine(*pair) for pair in zip(fine(clips, clips), padded, strict=True)]
    print([f"{len(clip) / RATE:.2f} s: {c:.3f}" for clip, c in zip(clips, near, strict=True)])  # shown by pytest -s
    assert np.mean(near) > 0.95 and min(near) > 0.88 and max(near) > 0.975
    steps = zip(encoder(clips, clips), padded, strict=True)
    assert np.mean([cosine(rows, pooled(states, 4)) for rows, states in steps]) > 0.96
    monkeypatch.setattr(whisper, "SILENCE", 0)
    without = [cosine(*pair) for pair in zip(fine(clips, clips), padded, strict=True)]
    assert np.mean(without) < np.mean(near) - 0.01
    assert cosine(padded[3], padded[5][: len(padded[3])]) < 0.8  # the measure can fail


def test_states_of_a_clip_are_equal_to_the_byte_in_any_batch(encoder, clips):
    alone = [encoder([clip], ["u"])[0].tobytes() for clip in clips]
    together = encoder([*clips[::-1], clips[0], *clips], ["u"] * 7)
    assert [rows.tobytes() for rows in together[-3:]] == alone == [rows.tobytes() for rows in together[2::-1]]


def test_states_do_not_depend_on_the_threads_of_numpy(encoder, clips):
    """Its product with the mel filters differs between one and two, on some processors at least."""
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            made.append(encoder(clips, [""] * len(clips)))
    for a, b in zip(*made, strict=True):
        np.testing.assert_array_equal(a, b)


def test_longer_clips_are_encoded_in_windows_of_30_s(encoder, clips):
    speech = np.resize(np.concatenate(clips), 2 * WINDOW + 5000)
    states = encoder([speech], ["u"])[0]
    alone = encoder([speech[:WINDOW], speech[WINDOW : 2 * WINDOW], speech[2 * WINDOW :]], ["u"] * 3)
    assert states.shape == (375 + 375 + 4, D) and (states == np.concatenate(alone)).all()


def test_layers_stand_side_by_side_and_the_last_equals_the_network(tiny, encoder, clips):
    layers = whisper.load(weights=tiny, layers=(1, 2, 4, -1))
    states, last = layers(clips[:1], ["u"])[0], encoder(clips[:1], ["u"])[0]
    assert states.shape == (len(last), 4 * D) and layers.facts["layers"] == [1, 2, 4, -1]
    first, second, *ends = np.split(states, 4, axis=1)
    for end in ends:
        np.testing.assert_allclose(end, last, atol=1e-5)
    between = [np.abs(a - b).mean() for a, b in ((first, second), (second, last), (first, last))]
    assert min(between) > 0.1
    alone = whisper.load(weights=tiny, layers=(2,))(clips[:1], ["u"])[0]
    np.testing.assert_array_equal(alone, second)
    with pytest.raises(InputError, match=r"option layers: there is no layer 0\. use 1 to 4"):
        whisper.load(weights=tiny, layers=(1, 0))


def test_a_cut_model_has_no_further_layers(tiny):
    model = Model(tiny.directory / "model.bin")
    cut = model.cut(3)
    assert model.layers == 4 and b"encoder/layer_2/" in cut and b"encoder/layer_norm/gamma" in cut
    assert b"encoder/layer_3/" not in cut and b"decoder/layer_1/" not in cut


@pytest.mark.parametrize("size", [2, 100_000, -1_000_000])
def test_a_damaged_model_is_refused_when_layers_are_read(tiny, tmp_path, size):
    (tmp_path / "model.bin").write_bytes((tiny.directory / "model.bin").read_bytes()[:size])
    with pytest.raises(InputError, match=r"model\.bin: it is truncated or damaged"):
        Model(tmp_path / "model.bin")
    (tmp_path / "model.bin").write_bytes(b"\x05\0\0\0" + bytes(100))
    with pytest.raises(InputError, match="version 5 of the CTranslate2 format"):
        whisper.load(weights=record(tmp_path), layers=(1, 2))


@pytest.mark.parametrize("samples", [1, 320, 321, 1280, 1281, RATE, 3 * RATE + 17])
def test_every_clip_has_one_step_per_80_ms(encoder, samples):
    states = encoder([np.full(samples, 900, np.int16)], ["u"])[0]
    assert states.shape == (-(-samples // 1280), D) and states.dtype == np.float32 and np.isfinite(states).all()


def test_clips_are_padded_by_a_second_but_to_at_most_a_window():
    lengths = np.random.default_rng(0).integers(1, WINDOW + 1, 500)
    padded = np.array([padded_length(n) for n in lengths])
    assert (padded % 320 == 0).all() and padded.max() <= WINDOW
    free = lengths + 1.5 * RATE <= WINDOW
    assert (padded - lengths >= RATE)[free].all() and (padded - lengths < 1.5 * RATE).all()


def test_steps_are_means_of_states_and_the_last_covers_the_remainder():
    states = np.arange(10, dtype=np.float32)[:, None] * [1, -2]
    np.testing.assert_allclose(pooled(states, 4), [[1.5, -3], [5.5, -11], [8.5, -17]])
    assert (pooled(states, 1) == states).all()


@pytest.mark.parametrize(("rate", "fits"), [(50, True), (12.5, True), (1, True), (30, False), (60, False)])
def test_the_rate_of_steps_must_divide_that_of_the_states(rate, fits):
    def check():
        plugin.check_options("encoders", "whisper", "load", {"per_second": rate}, "config: features: audio.whisper")

    if fits:
        check()
    else:
        with pytest.raises(InputError, match=r"per_second is \d+, but the network has 50 states per second"):
            check()


def test_the_sidecar_describes_the_features(tiny, tmp_path, clips):
    manifest.write(tmp_path / "part.csv", [utterance(f"u{i}") for i in range(3)])
    write_json(tmp_path / "view.json", {"sample_rate": RATE})
    store.write(tmp_path / "audio.npy", [clips[0], np.empty(0, np.int16), clips[1]], dtype=np.int16)
    weights = tiny.directory / "weights.json"
    done = embed(tmp_path, "whisper", "audio", "audio.npy", "--weights", weights, per_second=5.0)
    assert done.returncode == 0, done.stderr
    features, facts = store.Ragged.open(tmp_path / "f.npy", 3), read_json(tmp_path / "f.json")
    assert features.lengths.tolist() == [-(-len(clips[0]) // 3200), 0, -(-len(clips[1]) // 3200)]
    assert (facts["dim"], facts["holds"], facts["missing"], facts["rate"]) == (D, "embedding", 1, RATE)
    assert facts["encoding"]["steps_per_second"] == 5 and facts["weights"]["sha256"] == TINY["files"]
    write_json(tmp_path / "view.json", {"sample_rate": 8000})
    done = embed(tmp_path, "whisper", "audio", "audio.npy", "--weights", weights)
    assert done.returncode == 1 and "the view has 8000 Hz" in done.stderr and "Traceback" not in done.stderr


def test_the_network_is_never_used(tiny, clips, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("it opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(whisper.load(weights=tiny)(clips[:1], ["u"])) == 1


def record(folder, random: bool = False) -> Weights:
    return Weights("w", folder, "pypi", "", "", {}, random, "why" * random)


def test_weights_that_are_missing_damaged_or_random_are_refused(tiny, tmp_path):
    with pytest.raises(InputError, match="needs pretrained weights"):
        whisper.load(weights=None)
    with pytest.raises(InputError, match=r"cannot have random weights \(why\)"):
        whisper.load(weights=record(tmp_path, random=True))
    with pytest.raises(InputError, match=r"cannot be loaded as a CTranslate2 Whisper model.*model\.bin.*weights"):
        whisper.load(weights=record(tmp_path))
    shutil.copytree(tiny.directory, tmp_path / "cut")
    (tmp_path / "cut/model.bin").write_bytes((tiny.directory / "model.bin").read_bytes()[:1_000_000])
    with pytest.raises(InputError, match="cannot be loaded as a CTranslate2 Whisper model"):
        whisper.load(weights=record(tmp_path / "cut"))
