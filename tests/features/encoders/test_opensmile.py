"""Feature sets of openSMILE: shapes, clips that are too short, and what planning says of an extra.

Covers: core/extras, features/encoders/compare, features/encoders/egemaps.
"""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from _embedding import embed
from conftest import shipped, utterance

from emospace.core import manifest, store
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.features.encoders import compare, egemaps
from emospace.plan.plan import Plan

RATE = 16_000
WIDTHS = {(egemaps, "functionals"): 88, (egemaps, "lld"): 25, (compare, "functionals"): 6373, (compare, "lld"): 65}


def tone(hertz: float, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (8000 * sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3))).astype(np.int16)


@pytest.fixture
def opensmile():
    return pytest.importorskip("opensmile", reason="an extra: requirements-noncommercial.txt")


@pytest.mark.parametrize(("module", "level"), WIDTHS)
def test_clips_have_the_width_of_the_set_and_too_short_ones_are_missing(opensmile, module, level):
    clips = [tone(200, 1), tone(200, 0.01), tone(150, 0.5), np.zeros(RATE, np.int16)]
    encoder = module.load(level=level, rate=RATE)
    rows = encoder(clips, [""] * 4)
    assert [row.shape[1] for row in rows] == [WIDTHS[module, level]] * 4 and not len(rows[1])
    assert all(row.dtype == np.float32 and np.isfinite(row).all() for row in rows)
    steps = [len(rows[i]) for i in (0, 2, 3)]
    assert steps == [1] * 3 if level == "functionals" else steps[0] > 1.8 * steps[1]
    assert all((a == b).all() for a, b in zip(rows[2:], encoder(clips[2:], [""] * 2), strict=True))


def test_pitch_is_that_of_the_clip(opensmile):
    """The first functional is the mean F0 in semitones above 27.5 Hz."""
    rows = egemaps.load(rate=RATE)([tone(hertz, 1) for hertz in (110, 220)], ["", ""])
    assert [round(float(row[0, 0])) for row in rows] == [24, 36]


def test_the_job_records_the_package_and_the_set(opensmile, tmp_path):
    manifest.write(tmp_path / "part.csv", [utterance(f"u{i}") for i in range(3)])
    write_json(tmp_path / "view.json", {"sample_rate": RATE})
    store.write(tmp_path / "audio.npy", [tone(200, 1), tone(200, 0.01), tone(200, 1)], dtype=np.int16)
    done = embed(tmp_path, "egemaps", "audio", "audio.npy")
    assert done.returncode == 0, done.stderr
    features, facts = store.Ragged.open(tmp_path / "f.npy", 3), read_json(tmp_path / "f.json")
    assert features.lengths.tolist() == [1, 0, 1] and facts["holds"] == "acoustic" and facts["rate"] == RATE
    assert facts["encoding"] == {"feature_set": "eGeMAPSv02", "level": "functionals"}
    assert facts["versions"]["opensmile"]


def planned(encoder: str) -> Plan:
    config = shipped("config.yaml")
    config["features"] |= {f"audio.{encoder}": {}}
    return Plan(config)


@pytest.mark.parametrize("encoder", ["egemaps", "compare"])
def test_planning_prints_the_licence(encoder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emospace.core.extras.version", lambda package: "1")
    (warning,) = [line for line in planned(encoder).warnings if "licence" in line]
    assert warning.startswith(f"config: features: audio.{encoder}: licence of opensmile: ")
    assert "no commercial use" in warning


def test_planning_refuses_a_feature_whose_package_is_absent(monkeypatch, tmp_path):
    def absent(package: str):
        raise PackageNotFoundError(package)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emospace.core.extras.version", absent)
    with pytest.raises(InputError) as error:
        planned("egemaps")
    expected = "config: features: audio.egemaps: the package opensmile is not installed. run: pip install opensmile -c"
    assert str(error.value).startswith(expected)
    with pytest.raises(InputError, match="encoder compare: the package opensmile is not installed"):
        compare.load(rate=RATE)
