"""Folds read from files whose values encode the part and row that they belong to.

Covers: protocols/fold_tables, runs/fold_inputs.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import utterance

from emospace.core import manifest, store, texts
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.media.pictures import add
from emospace.protocols.fold_tables import LABELS, child_of, read_train, write_table
from emospace.runs import fold_inputs
from emospace.runs.folds import read_fold
from emospace.views import _reading

CLASSES = ["ang", "hap"]
SIDES = ["train", "train", "dev", "test", "train", "dev", "test", "train"]
EMPTY = ("1", 1)  # part and row without sound


class Files:
    """A fold of eight rows in two parts, which alternate in the table; row i of the table is row i // 2 of its part."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        (folder / "protocol.json").write_text(json.dumps({"classes": CLASSES}))
        self.lines = [self.line(i, side) for i, side in enumerate(SIDES)]
        self.inputs = {"audio": self.stores("audio", 0), "words": self.texts("words"), "face": self.stores("face", 500)}
        self.children, self.exchanged = {}, {}

    @staticmethod
    def line(i: int, side: str) -> dict[str, str]:
        line = {"utterance": f"u{i}", "parent": "", "corpus": "toy", "part": str(i % 2), "row": str(i // 2)}
        line |= {"speaker": f"s{i % 3}"}
        labels = {"label": ["hap", "ang", ""][i % 3], "gender": ["M", "F", "X"][i % 3], "valence": str(i + 0.5)}
        labels |= {"arousal": str(10.0 + i), "dominance": "" if i == 4 else str(20.0 + i)}
        return line | {"split": side} | (dict.fromkeys(LABELS, "") if side == "test" else labels)

    def stores(self, name: str, base: int) -> list[Path]:
        """Write stores in which row r of part p has 1 + r steps of the value base + 10 p + r."""
        paths = [self.folder / name / f"{part}.npy" for part in "01"]
        for part, path in enumerate(paths):
            rows = [np.full((0 if (str(part), r) == EMPTY else 1 + r, 2), base + 10 * part + r) for r in range(4)]
            store.write(path, rows, dtype=np.float32)
        return paths

    def texts(self, name: str) -> list[Path]:
        paths = [self.folder / name / f"{part}.csv" for part in "01"]
        for part, path in enumerate(paths):
            texts.write(path, [f"x{r}" for r in range(4)], [f"{name} {part} {r}" for r in range(4)])
        return paths

    def add(self, view: str, parents: list[int], **exchanged: list[Path]) -> None:
        """Add children of some rows of the table, with inputs exchanged by a view."""
        self.children[view] = self.folder / f"{view}.children.csv"
        write_table(self.children[view], [child_of(self.lines[i], view) for i in parents])
        self.exchanged[view] = exchanged

    def read(self):
        table = self.folder / "fold.csv"
        write_table(table, self.lines)
        files = self.inputs, self.children, self.exchanged
        return read_fold(table, self.folder / "protocol.json", *files, {"words": texts.read})

    def refused(self, reason: str) -> InputError:
        with pytest.raises(InputError, match=reason) as refused:
            self.read()
        assert refused.value.remedy
        return refused.value


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path / "toy")


def sound(rows, name: str = "audio") -> list:
    """The constant value of each row of an input, None for a missing one."""
    assert all((row == row[:1]).all() for row in rows.inputs[name])
    return [row[0, 0] if len(row) else None for row in rows.inputs[name]]


def test_each_side_has_its_rows_in_the_order_of_the_table(files):
    fold = files.read()
    assert fold.classes == CLASSES
    assert fold.train.utterances == ["u0", "u1", "u4", "u7"]
    assert fold.dev.utterances == ["u2", "u5"] and fold.test.utterances == ["u3", "u6"]
    assert fold.train.speakers == ["s0", "s1", "s1", "s1"]


def test_inputs_are_read_at_the_part_and_row_of_each_line(files):
    fold = files.read()
    assert list(fold.train.inputs) == ["audio", "words", "face"]
    assert sound(fold.train) == [0, 10, 2, 13] and sound(fold.dev) == [1, 12]
    assert sound(fold.test) == [None, 3] and sound(fold.test, "face") == [None, 503]
    assert fold.train.inputs["audio"].lengths.tolist() == [1, 1, 3, 4]
    assert fold.train.inputs["words"] == ["words 0 0", "words 1 0", "words 0 2", "words 1 3"]
    assert fold.train.inputs["audio"].values.dtype == np.float32


def test_labels_are_numbers_and_unknown_ones_are_marked(files):
    train = files.read().train
    assert train.label.tolist() == [1, 0, 0, 0] and train.label.dtype == np.int64
    assert train.gender.tolist() == [1, 0, 0, 0] and train.gender.dtype == np.int64
    assert train.vad.dtype == np.float32
    np.testing.assert_array_equal(train.vad, [[0.5, 10, 20], [1.5, 11, 21], [4.5, 14, np.nan], [7.5, 17, 27]])
    dev = files.read().dev
    assert dev.label.tolist() == [-1, -1] and dev.gender.tolist() == [-1, -1]  # no label, an unknown gender
    assert train.parent.tolist() == [-1] * 4 and train.parent.dtype == np.int64


def test_test_rows_have_no_labels(files):
    test = files.read().test
    assert test.label.tolist() == test.gender.tolist() == [-1, -1] and np.isnan(test.vad).all()


def test_an_empty_side_keeps_shapes_and_types(files):
    files.lines = [line for line in files.lines if line["split"] != "dev"]
    dev = files.read().dev
    assert len(dev) == 0 and dev.vad.shape == (0, 3) and dev.label.shape == (0,)
    assert dev.label.dtype == dev.gender.dtype == dev.parent.dtype == np.int64
    assert len(dev.inputs["audio"]) == 0 and dev.inputs["audio"].values.shape == (0, 2) and dev.inputs["words"] == []


def test_children_come_last_and_differ_in_the_exchanged_inputs(files):
    files.add("words_bt", [4, 0], words=files.texts("back"))
    files.add("audio_tts", [7], audio=files.stores("spoken", 100), words=files.texts("said"))
    train = files.read().train
    assert train.utterances == ["u0", "u1", "u4", "u7", "u4~words_bt", "u0~words_bt", "u7~audio_tts"]
    assert train.parent.tolist() == [-1, -1, -1, -1, 2, 0, 3]
    assert train.inputs["words"][4:] == ["back 0 2", "back 0 0", "said 1 3"]
    assert sound(train)[4:] == [2, 0, 113] and sound(train, "face")[4:] == [502, 500, 513]
    assert train.label[4:].tolist() == train.label[[2, 0, 3]].tolist()
    assert train.speakers[4:] == ["s1", "s0", "s1"]
    assert len(files.read().dev) == len(files.read().test) == 2


def test_a_view_that_exchanges_nothing_is_refused(files):
    files.add("words_bt", [0])
    del files.exchanged["words_bt"]
    assert files.refused("'words_bt' exchanges no input").file == str(files.children["words_bt"])


@pytest.mark.parametrize(
    "change",
    [{"parent": "u2"}, {"parent": "u3"}, {"parent": "nobody"}, {"parent": ""}, {"split": "dev"}, {"split": "test"}],
)
def test_a_child_needs_a_parent_in_train(files, change):
    files.add("words_bt", [0, 1], words=files.texts("back"))
    write_table(files.children["words_bt"], [child_of(files.lines[0], "words_bt") | change])
    assert files.refused("'u0~words_bt' is not the child of a train row").file == str(files.children["words_bt"])


def test_a_child_of_a_child_is_refused(files):
    files.add("words_bt", [0], words=files.texts("back"))
    files.add("audio_tts", [1], audio=files.stores("spoken", 100))
    child = child_of(child_of(files.lines[0], "words_bt"), "audio_tts")
    write_table(files.children["audio_tts"], [child])
    assert files.refused("u0~words_bt~audio_tts").file == str(files.children["audio_tts"])


def test_children_in_the_table_of_originals_are_refused(files):
    files.lines.append(child_of(files.lines[0], "words_bt"))
    assert files.refused("augmented rows").file == str(files.folder / "fold.csv")


@pytest.mark.parametrize(("there", "lacks"), [([0], "1"), ([1], "0"), ([], "0")])
def test_an_input_without_a_part_is_reported(files, there, lacks):
    files.inputs["words"] = [files.inputs["words"][i] for i in there]
    assert files.refused(f"input 'words' lacks part {lacks} of toy").file == str(files.folder / "fold.csv")


def test_an_exchanged_input_needs_every_part(files):
    files.add("words_bt", [0], words=files.texts("back")[:1])
    assert files.refused("input 'words' lacks part 1 of toy").file == str(files.folder / "fold.csv")


def test_a_non_finite_value_is_reported_in_any_part(files):
    path = files.inputs["face"][1]
    values = np.load(path)
    values[-1, 1] = np.nan
    np.save(path, values)
    assert files.refused("row 3 holds values").file == str(path)


# Fold tables --------------------------------------------------------------------------------------------------


def test_a_child_inherits_labels_and_location():
    parent = Files.line(1, "train")
    child = child_of(parent, "words_bt")
    assert child == parent | {"utterance": "u1~words_bt", "parent": "u1"}


def test_read_train_returns_train_rows_only(files):
    write_table(files.folder / "fold.csv", files.lines)
    assert read_train(files.folder / "fold.csv") == [line for line in files.lines if line["split"] == "train"]
    with pytest.raises(InputError, match="no such file"):
        read_train(files.folder / "nowhere.csv")


def test_an_unknown_column_is_not_written(files):
    with pytest.raises(ValueError, match="mood"):
        write_table(files.folder / "fold.csv", [files.lines[0] | {"mood": "fine"}])


# Views as inputs ----------------------------------------------------------------------------------------------


def test_a_model_gets_the_items_that_a_view_reads(tmp_path):
    """The view reads without labels, since some rows are test rows."""
    rows = [utterance(f"d_{k}", label="ang", votes="ang:3", valence=2.0) for k in range(3)]
    part = tmp_path / "data/manifest/toy/0.csv"
    manifest.write(part, rows)
    paths = {name: tmp_path / f"data/views/toy/{name}/0.{end}" for name, end in (("frames", "zip"), ("words", "csv"))}
    for path in paths.values():
        path.parent.mkdir(parents=True)
    with zipfile.ZipFile(paths["frames"], "w") as archive:
        add(archive, "d_1", 0, b"jpeg")
    words = [[("yes", 0.1, 0.2)], [], [("no", 0.0, 0.3)]]
    _reading.write_words(paths["words"], rows, words)
    sides = ("train", "dev", "test")
    blank = dict.fromkeys(LABELS, "") | {"parent": "", "corpus": "toy", "part": "0", "speaker": "s"}
    lines = [blank | {"utterance": f"d_{k}", "row": k, "split": side} for k, side in enumerate(sides)]
    write_table(tmp_path / "fold.csv", lines)
    write_json(tmp_path / "p.json", {"classes": ["ang"]})
    readers = fold_inputs.readers({"readers": {name: name for name in paths}}, [part])
    fold = read_fold(tmp_path / "fold.csv", tmp_path / "p.json", {n: [p] for n, p in paths.items()}, readers=readers)
    assert [getattr(fold, side).inputs["frames"] for side in sides] == [[[]], [[b"jpeg"]], [[]]]
    assert [getattr(fold, side).inputs["words"][0] for side in sides] == words
    assert fold.dev.hiding({"words"}).present().tolist() == [True] and not fold.dev.only("words").present().any()
    unlabelled = fold_inputs.unlabelled(part)
    assert {(row.label, row.votes, row.valence, row.gender) for row in unlabelled} == {("", "", None, "")}
    assert [row.utterance for row in unlabelled] == [row.utterance for row in rows]
