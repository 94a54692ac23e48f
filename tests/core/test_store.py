"""Ragged stores: round trips, refusal of invalid rows and files, and no partial files after a failure."""

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from emospace.core import store
from emospace.core.errors import InputError
from emospace.core.store import Ragged


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


def test_a_store_has_the_requested_dtype_and_its_path(tmp_path):
    path = tmp_path / "00.npy"
    store.write(path, rows(), dtype=np.float32)
    ragged = Ragged.open(path)
    assert (ragged.values.dtype, ragged.offsets.dtype, ragged.path) == (np.float32, np.int64, path)
    assert Ragged(ragged.values, ragged.offsets).path == "<memory>"


@pytest.mark.parametrize(("dim", "shape"), [(None, (0,)), (0, (0, 0)), (5, (0, 5))])
def test_a_part_without_any_step_keeps_its_width_and_dtype(tmp_path, dim, shape):
    assert store.write(tmp_path / "a.npy", [np.zeros((0, 7))] * 2, dtype=np.int16, dim=dim) == (2, 0)
    ragged = Ragged.open(tmp_path / "a.npy", rows=2)
    assert (ragged.values.shape, ragged.values.dtype) == (shape, np.int16)
    assert ragged.check_finite().lengths.tolist() == [0, 0]


def test_every_row_must_have_the_declared_width(tmp_path):
    with pytest.raises(InputError, match="row 0 has shape"):
        store.write(tmp_path / "a.npy", [np.ones((1, 2))], dtype=np.float32, dim=3)
    with pytest.raises(InputError, match="row 0 has shape"):
        store.write(tmp_path / "a.npy", [np.ones((1, 2, 3))], dtype=np.float32)
    with pytest.raises(InputError, match="row 1 has shape"):
        store.write(tmp_path / "a.npy", [np.ones((1, 2)), np.ones(2)], dtype=np.float32)


def test_rows_are_indexed_like_a_list():
    values = np.arange(10.0).reshape(5, 2)
    ragged, plain = Ragged(values, np.array([0, 2, 2, 5])), [values[:2], values[2:2], values[2:]]
    for i in range(-3, 3):
        assert np.array_equal(ragged[i], plain[i])
    for i in (-4, 3):
        with pytest.raises(IndexError, match=f"^{i}$"):
            ragged[i]


def test_a_part_without_the_modality_is_joined_with_one_that_has_it(tmp_path):
    store.write(tmp_path / "a.npy", [np.zeros((0, 0))] * 2, dtype=np.float32)
    store.write(tmp_path / "b.npy", rows(), dtype=np.float32)
    empty, full = (Ragged.open(tmp_path / f"{n}.npy") for n in "ab")
    both = store.concatenate([empty, full])
    assert both.lengths.tolist() == [0, 0, 3, 0, 1]
    assert (both.values.shape, both.values.dtype, both.offsets.dtype) == ((4, 2), np.float32, np.int64)
    assert both.path == full.path
    assert store.concatenate([empty, empty]).lengths.tolist() == [0] * 4


def test_parts_are_joined_in_order():
    parts = [Ragged(np.full((n, 1), float(n)), np.array([0, n])) for n in (2, 1, 3)]
    joined = store.concatenate(parts)
    assert [row[:, 0].tolist() for row in joined] == [[2.0] * 2, [1.0], [3.0] * 3]


def test_stacked_rows_keep_their_values_width_and_dtype():
    one = Ragged(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0, 2, 2, 3]))
    other = Ragged(np.ones((1, 2), np.float32), np.array([0, 1]))
    chosen = [one[2], one[1], other[0], one[0]]
    stacked = store.stack(chosen, [one, other])
    assert len(stacked) == 4 and all(np.array_equal(a, b) for a, b in zip(stacked, chosen, strict=True))
    assert (stacked.values.dtype, stacked.offsets.dtype) == (np.float32, np.int64)
    none = store.stack([one[1]], [one, other])
    assert (none.values.shape, none.values.dtype, none.lengths.tolist()) == ((0, 2), np.float32, [0])


def test_audio_rows_have_no_width(tmp_path):
    store.write(tmp_path / "a.npy", [np.arange(5), np.arange(0)], dtype=np.int16)
    assert Ragged.open(tmp_path / "a.npy").values.shape == (5,)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(np.array([[1.0, np.nan]]), "row 1 holds values that are not finite"), (np.ones((1, 3)), "row 1 has shape")],
)
def test_bad_rows_are_refused_and_leave_nothing(tmp_path, bad, reason):
    with pytest.raises(InputError, match=reason) as refused:
        store.write(tmp_path / "a.npy", [np.ones((1, 2)), bad], dtype=np.float32)
    assert refused.value.file == str(tmp_path / "a.npy") and refused.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(store, "open", full, raising=False)
    with pytest.raises(OSError, match="no space left"):
        store.write(tmp_path / "a.npy", rows(), dtype=np.float32)


def test_offsets_that_do_not_match_are_refused(tmp_path):
    store.write(tmp_path / "a.npy", rows(), dtype=np.float32)
    ends = {(0, 3, 3): "3", (0, 3, 2, 4): "4", (1, 3, 3, 4): "4", (): "nothing", ((0, 4),): r"\[0 4\]"}
    for offsets, last in ends.items():
        np.save(tmp_path / "a.offsets.npy", np.array(offsets, dtype=np.int64))
        with pytest.raises(InputError, match=f"offsets end at {last} but it holds 4 steps") as refused:
            Ragged.open(tmp_path / "a.npy")
        assert refused.value.file == str(tmp_path / "a.npy") and refused.value.remedy


def test_a_wrong_number_of_rows_and_truncation_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    store.write(path, rows(), dtype=np.float32)
    refused = "holds 3 rows, the manifest 4"
    for _ in range(2):
        with pytest.raises(InputError, match=refused) as error:
            Ragged.open(path, rows=4)
        assert error.value.file == str(path) and error.value.remedy
        path.write_bytes(path.read_bytes()[:-4])
        refused = "not a readable store"


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["a.npy", "a.offsets.npy"])
def test_nothing_is_ever_unpickled(tmp_path, name):
    store.write(tmp_path / "a.npy", rows(), dtype=np.float32)
    mark = tmp_path / "mark"
    np.save(tmp_path / "array.npy", np.array([Trap(mark)], dtype=object), allow_pickle=True)
    for content in (pickle.dumps(Trap(mark)), (tmp_path / "array.npy").read_bytes()):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="not a readable store"):
            Ragged.open(tmp_path / "a.npy")
        assert not mark.exists()


def test_nan_in_a_stored_file_is_reported_with_its_row(tmp_path):
    store.write(tmp_path / "a.npy", rows(), dtype=np.float32)
    values = np.load(tmp_path / "a.npy")
    values[3, 1] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match="row 2 holds values") as refused:
        Ragged.open(tmp_path / "a.npy").check_finite()
    assert refused.value.file == str(tmp_path / "a.npy") and refused.value.remedy


@pytest.mark.parametrize("bad", [[0], [5, 2**20 + 3], [2**20 - 1], [2**20 + 3], [3 * 2**20 - 1]])
def test_the_first_bad_row_is_named_across_blocks(bad):
    values = np.zeros(3 * 2**20, np.float32)
    values[bad] = np.inf
    offsets = np.array([0, 3, 3, 7, 2**20, 2**20 + 1, 2**20 + 3, 3 * 2**20])
    row = next(i for i in range(7) if offsets[i] <= bad[0] < offsets[i + 1])
    with pytest.raises(InputError, match=f"row {row} holds values"):
        Ragged(values, offsets).check_finite()


WRITER = """
import sys, time, numpy as np
from emospace.core import store
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
