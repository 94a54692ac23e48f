"""Sample spectrograms: rows of each class that have an image."""

from types import SimpleNamespace

import numpy as np
import pytest
from _small import ragged

from emospace.analyses import spectrograms
from emospace.core.data import Rows
from emospace.core.errors import InputError

LABEL = np.array([0, 1, 0, 0, 0])


def run(inputs: dict):
    unknown, count = np.full(5, -1), len(LABEL)
    rows = Rows([f"u{i}" for i in range(count)], ["s"] * count, inputs, unknown, unknown, np.full((count, 3), np.nan))
    training = SimpleNamespace(fold="fold0")
    truth, fold = SimpleNamespace(label=LABEL), SimpleNamespace(test=rows)
    facts = {"name": "cnn", "classes": ["ang", "hap", "sad"], "trainings": [training], "truth": truth}
    return SimpleNamespace(**facts, rows=lambda _: fold, places=lambda _: list(range(count)))


def test_the_first_rows_with_an_image_of_each_class_are_drawn(tmp_path):
    lengths = [0, 18, 18, 18, 18]
    images = ragged([np.random.default_rng(i).normal(size=(n, 16)) for i, n in enumerate(lengths)])
    facts = spectrograms.analyse(run({"audio.mel": images}), tmp_path, seed=1)
    assert facts == {"fold": "fold0", "utterances": ["u2", "u3", "u1"]}
    assert (tmp_path / "spectrograms.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="no test row has an image"):
        spectrograms.analyse(run({"text": ["a"] * 5}), tmp_path, seed=1)
