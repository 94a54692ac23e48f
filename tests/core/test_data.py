"""Rows of a fold: selected and hidden together with everything that belongs to them; children keep their parents."""

import numpy as np

from emospace.core.data import Rows
from emospace.core.store import Ragged


def rows() -> Rows:
    """Three originals and a child of the second; the third has no sound."""
    steps = [np.full((n, 2), i, np.float32) for i, n in enumerate([1, 2, 0, 3])]
    return Rows(
        utterances=["a", "b", "c", "b2"],
        speakers=["s", "t", "t", "t"],
        inputs={"x": Ragged(np.concatenate(steps), np.array([0, 1, 3, 3, 6])), "text": ["one", "", "", "two"]},
        label=np.array([0, 1, 2, 1]),
        gender=np.array([0, 1, 1, 1]),
        vad=np.arange(12, dtype=np.float32).reshape(4, 3),
        parent=np.array([-1, -1, -1, 1]),
        run_probabilities={"run:r": np.eye(4, dtype=np.float32)},
    )


def test_rows_are_originals_unless_they_name_a_parent():
    some = Rows(["a", "b"], ["s", "s"], {}, np.zeros(2), np.zeros(2), np.zeros((2, 3)))
    assert len(some) == 2 and some.parent.tolist() == [-1, -1]


def test_a_selection_takes_every_array_in_the_given_order_and_renumbers_parents():
    taken = rows().take(np.array([3, 0, 1]))
    assert taken.utterances == ["b2", "a", "b"] and taken.speakers == ["t", "s", "t"]
    assert taken.parent.tolist() == [2, -1, -1]
    assert taken.inputs["text"] == ["two", "one", ""] and taken.inputs["x"].lengths.tolist() == [3, 1, 2]
    assert taken.inputs["x"].values[:, 0].tolist() == [3, 3, 3, 0, 1, 1]
    assert taken.label.tolist() == [1, 0, 1] and taken.gender.tolist() == [1, 0, 1]
    assert taken.vad[:, 0].tolist() == [9, 0, 3]
    assert taken.run_probabilities["run:r"].argmax(1).tolist() == [3, 0, 1]


def test_an_empty_selection_keeps_the_width_of_its_inputs():
    none = rows().take(np.array([], int))
    assert len(none) == 0 and none.inputs["x"].values.shape == (0, 2) and none.vad.shape == (0, 3)


def test_a_row_is_present_if_any_input_of_it_is():
    assert rows().present().tolist() == [True, True, False, True]
    assert rows().only("text").present().tolist() == [True, False, False, True]


def test_hidden_inputs_are_missing_in_every_row_and_others_are_unchanged():
    hidden = rows().hiding(["x", "run:r"])
    assert hidden.present().tolist() == [True, False, False, True] and hidden.run_probabilities == {}
    assert hidden.inputs["x"].values.shape == (0, 2) and len(hidden.inputs["x"]) == 4
    assert rows().hiding(["text"]).inputs["text"] == [""] * 4
    assert [*rows().hiding(["text"]).run_probabilities] == ["run:r"]
