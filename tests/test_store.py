"""Ragged stores: what is written is read back, what does not fit is refused, nothing is ever half-written."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT

from emospace import store
from emospace.errors import InputError
from emospace.store import Ragged


def rows():
    return [np.arange(6.0).reshape(3, 2), np.zeros((0, 2)), np.ones((1, 2))]


def test_round_trip_without_a_copy(tmp_path):
    path = tmp_path / "00.npy"
    assert store.write(path, rows(), dtype=np.float32) == (3, 4)
    ragged = Ragged.open(path, rows=3)
    assert isinstance(ragged.values, np.memmap)
    assert np.shares_memory(ragged[0], ragged.values)
    assert ragged.lengths.tolist() == [3, 0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(ragged, rows(), strict=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00.npy", "00.offsets.npy"]


def test_a_part_where_the_modality_is_missing(tmp_path):
    store.write(tmp_path / "a.npy", [np.zeros((0, 0))] * 2, dtype=np.float32)
    store.write(tmp_path / "b.npy", rows(), dtype=np.float32)
    both = store.concatenate([Ragged.open(tmp_path / f"{n}.npy") for n in "ab"])
    assert both.lengths.tolist() == [0, 0, 3, 0, 1]
    assert both.values.shape == (4, 2)


def test_audio_rows_have_no_width(tmp_path):
    store.write(tmp_path / "a.npy", [np.arange(5), np.arange(0)], dtype=np.int16)
    assert Ragged.open(tmp_path / "a.npy").values.shape == (5,)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(np.array([[1.0, np.nan]]), "row 1 holds values that are not finite"), (np.ones((1, 3)), "row 1 has shape")],
)
def test_bad_rows_are_refused_and_leave_nothing(tmp_path, bad, reason):
    with pytest.raises(InputError, match=reason):
        store.write(tmp_path / "a.npy", [np.ones((1, 2)), bad], dtype=np.float32)
    assert list(tmp_path.iterdir()) == []


def test_offsets_that_do_not_match_are_refused(tmp_path):
    store.write(tmp_path / "a.npy", rows(), dtype=np.float32)
    for offsets in ([0, 3, 3], [0, 3, 2, 4], [1, 3, 3, 4], [], [[0, 4]]):
        np.save(tmp_path / "a.offsets.npy", np.array(offsets, dtype=np.int64))
        with pytest.raises(InputError, match="delete"):
            Ragged.open(tmp_path / "a.npy")


def test_wrong_number_of_rows_truncation_and_pickles_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    store.write(path, rows(), dtype=np.float32)
    with pytest.raises(InputError, match="holds 3 rows, the manifest 4"):
        Ragged.open(path, rows=4)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(InputError, match="not a readable store"):
        Ragged.open(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a readable store"):
        Ragged.open(path)


def test_nan_planted_later_is_found_with_its_row(tmp_path):
    store.write(tmp_path / "a.npy", rows(), dtype=np.float32)
    values = np.load(tmp_path / "a.npy")
    values[3, 1] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match="row 2 holds values"):
        Ragged.open(tmp_path / "a.npy").check_finite()


WRITER = """
import sys, time, numpy as np
from emospace import store
def rows():
    for i in range(10**6):
        if i == 100: print("writing", flush=True)
        time.sleep(0.001)
        yield np.ones((1000, 20))
store.write(sys.argv[1], rows(), dtype=np.float32)
"""


def test_killing_the_writer_leaves_no_store(tmp_path):
    path = tmp_path / "a.npy"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"writing\n"
    time.sleep(0.1)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not path.exists() and not store.offsets_path(path).exists()
    store.write(path, rows(), dtype=np.float32)
    assert len(Ragged.open(path)) == 3
