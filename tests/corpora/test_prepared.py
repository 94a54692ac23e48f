"""Prepared tables: written from a run, read back as corpus, split and features, and refused if they are broken.

Covers: analyses/tables, features/encoders/prepared, protocols/splits/prepared.
"""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _light import CLASSES, fold

from emospace.analyses import tables
from emospace.core import manifest, plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.corpora import prepared as reader
from emospace.evaluation.trained_run import Training
from emospace.features.encoders import prepared as encoder
from emospace.models import _table
from emospace.protocols.splits import prepared as split
from emospace.runs.applying import learn
from emospace.runs.run_files import write_trained

OPTIONS = {"members": ["lr"], "min_df": 2}
NAMES = {"train": ("audio_train_v0.csv", "text_train.csv"), "test": ("audio_test_v0.csv", "text_test.csv")}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder of the tables of a run whose last train row is a copy of its first, and the run's fold."""
    home, data, module = tmp_path_factory.mktemp("tables"), fold(), plugin.find("models", "light_weight")
    data = SimpleNamespace(train=data.train.take([*range(90), 0]), dev=data.dev, test=data.test, classes=CLASSES)
    trained = learn(module, fold(), OPTIONS, seed=1, checkpoint=home)
    write_trained(home / "fold0-1", trained)
    write_json(home / "fold0-1/run.json", {"facts": trained.facts, "classes": CLASSES})
    truth = SimpleNamespace(label=np.arange(30) % 3)
    run = SimpleNamespace(
        name="cnn", classes=CLASSES, truth=truth, trainings=[Training("fold0", 1, home / "fold0-1", {})]
    )
    run.rows, run.places = lambda training: data, lambda training: list(range(30))
    (home / "out").mkdir()
    facts = tables.analyse(run, home / "out", seed=1)
    assert facts == {"fold": "fold0", "train": 91, "test": 30, "statistics": 8}
    return SimpleNamespace(folder=home / "out", data=data, state=trained.state, run=run)


def options(folder, column: int) -> dict[str, str]:
    return {f"{side}_table": str(folder / names[column]) for side, names in NAMES.items()}


def test_tables_written_from_a_run_are_read_back(written):
    rows, problems = reader.index(written.folder, [])
    rows, more = manifest.check(rows)
    assert len(rows) == 120 and not problems and not more
    known = {row.utterance: row for row in rows}
    first = written.data.train.utterances[0]
    assert (
        known[first].label == "0" and known[first].text == _table.cleaned(written.data.train.inputs["text"][0]).strip()
    )
    (sides,) = split.split(rows, 1, known=set(known), **options(written.folder, 1))
    by_name = {row.utterance: side for row, side in zip(rows, sides, strict=True)}
    assert by_name[first] == ["train", "train"] and by_name[written.data.test.utterances[0]] == ["dev", "test"]
    loaded = encoder.load(**options(written.folder, 0))
    table = {name.removeprefix("table."): value for name, value in written.state.items()}
    expected = _table.scaled(table, written.data.test)
    found = np.concatenate(loaded([""] * 30, written.data.test.utterances))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert loaded([""], ["other"])[0].shape == (0, 0) and len(loaded.facts["names"]) == 8


def test_names_of_iemocap_give_speaker_and_session():
    line = {"wav_file": "Ses02F_script01_1_M003", "label": "3", "transcription": "a"}
    row = reader._row(line)
    assert (row.speaker, row.session, row.gender, row.scripted) == ("Ses02M", "Ses02", "M", True)
    assert row.dialogue == "Ses02F_script01_1"


@pytest.fixture
def broken(written, tmp_path):
    """Copy the tables, with a change to the lines of one; returns the folder."""

    def copied(file: str, change) -> object:
        for names in NAMES.values():
            for name in names:
                (tmp_path / name).write_bytes((written.folder / name).read_bytes())
        lines = records.read(written.folder / file)
        lines = change(lines)
        records.write(tmp_path / file, list(lines[0]), lines)
        return tmp_path

    return copied


def without(column):
    return lambda lines: [{name: value for name, value in line.items() if name != column} for line in lines]


def with_cell(column, value, line=0):
    return lambda lines: [one | ({column: value} if k == line else {}) for k, one in enumerate(lines)]


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("text_train.csv", without("transcription"), "it has no column 'transcription'"),
        ("audio_test_v0.csv", without("label"), "it has no column 'label'"),
        ("audio_test_v0.csv", without("statistic_3"), "its statistics differ from those of .*: statistic_3"),
        ("text_test.csv", with_cell("label", "9"), "line 2 has the label '9'"),
        ("text_train.csv", with_cell("transcription", "other", 90), "line 92: .* another label or text than before"),
        ("text_train.csv", lambda lines: lines[::-1], r"its lines are not those of text_train\.csv"),
        ("audio_train_v0.csv", with_cell("statistic_0", "x"), "a cell that is no number"),
        ("audio_train_v0.csv", with_cell("statistic_0", "inf"), "a number that is not finite"),
        ("audio_train_v0.csv", with_cell("statistic_0", "0.1", 90), "the copies of .* differ"),
    ],
)
def test_broken_tables_are_refused(broken, file, change, words):
    folder = broken(file, change)
    with pytest.raises(InputError, match=words):
        reader.index(folder, [])
        encoder.load(**options(folder, 0))


def test_a_model_refuses_rows_with_other_statistics(written):
    rows = written.data.test
    wide = {"a": rows.inputs["audio.acoustic8"], "b": rows.inputs["audio.acoustic8"], "text": rows.inputs["text"]}
    table = {name.removeprefix("table."): value for name, value in written.state.items()}
    with pytest.raises(InputError, match="it has 16 columns, but the model was trained on 8"):
        _table.matrix(table, replace(rows, inputs=wide))


def test_the_split_refuses_other_folds_and_unknown_utterances(written):
    with pytest.raises(InputError, match="the protocol 2 folds"):
        split.check(2, ["train"], **options(written.folder, 1))
    with pytest.raises(InputError, match=re.escape("the corpus has no utterance 'u1_0'")):
        split.split([], 1, known=set(), **options(written.folder, 1))


def test_a_class_without_a_number_is_refused(written):
    other = SimpleNamespace(**{**vars(written.run), "classes": ["ang", "calm", "sad"]})
    with pytest.raises(InputError, match="no number for the class 'calm'"):
        tables.analyse(other, written.folder, seed=1)
