"""Protocols put every row in test once and keep speakers apart."""

from dataclasses import replace

import _results
import pytest
from conftest import utterance

from emospace import splits
from emospace.errors import InputError


def corpus(sessions=5, per_speaker=3):
    return [
        utterance(f"Ses0{s}{g}_{i}_{g}", session=str(s), speaker=f"{s}{g}", gender=g, dialogue=f"d{s}{i}")
        for s in range(sessions)
        for g in "FM"
        for i in range(per_speaker)
    ]


@pytest.mark.parametrize(("name", "folds"), [("session", 5), ("speaker", 10), ("actors", 5), ("random", 5)])
def test_every_row_is_test_once_and_every_side_is_filled(name, folds):
    rows = corpus()
    assignment = splits.SPLITS[name](rows, folds, seed=3)
    assert len(assignment) == folds
    assert all(set(sides) == {"train", "dev", "test"} for sides in assignment)
    assert [sum(sides[i] == "test" for sides in assignment) for i in range(len(rows))] == [1] * len(rows)


@pytest.mark.parametrize(("name", "folds"), [("session", 5), ("speaker", 10), ("actors", 5)])
def test_no_speaker_is_on_two_sides(name, folds):
    rows = corpus()
    for sides in splits.SPLITS[name](rows, folds, seed=3):
        of = {side: {r.speaker for r, s in zip(rows, sides, strict=True) if s == side} for side in set(sides)}
        assert not (of["train"] & of["test"] or of["train"] & of["dev"] or of["dev"] & of["test"])


def test_session_is_nested_three_one_one():
    rows = corpus()
    sides = splits.session(rows, 5, 0)[4]
    assert {r.session for r, s in zip(rows, sides, strict=True) if s == "test"} == {"4"}
    assert {r.session for r, s in zip(rows, sides, strict=True) if s == "dev"} == {"0"}
    assert len({r.session for r, s in zip(rows, sides, strict=True) if s == "train"}) == 3


def test_partner_is_dev():
    rows = corpus()
    sides = splits.speaker(rows, 10, 0)[0]
    assert {r.speaker for r, s in zip(rows, sides, strict=True) if s == "test"} == {"0F"}
    assert {r.speaker for r, s in zip(rows, sides, strict=True) if s == "dev"} == {"0M"}


def test_random_depends_on_the_seed_and_not_on_the_order():
    rows = corpus()
    forward = dict(zip([r.utterance for r in rows], splits.random(rows, 5, 1)[0], strict=True))
    backward = dict(zip([r.utterance for r in rows[::-1]], splits.random(rows[::-1], 5, 1)[0], strict=True))
    other = dict(zip([r.utterance for r in rows], splits.random(rows, 5, 2)[0], strict=True))
    assert forward == backward
    assert forward != other


def test_the_number_of_parts_does_not_change_what_a_model_sees(tmp_path):
    """Rows are in the same order, so that the same seed draws the same batches."""
    seen = []
    for parts in (1, 2, 3):
        rows = [replace(row, part=str(int(row.session[1:]) % parts)) for row in _results.rows()]
        rows.sort(key=lambda row: (row.part, row.utterance))  # as parts of a manifest are joined
        _results.corpus(folder := tmp_path / str(parts), rows)
        _results.protocol(folder)
        tables = [_results.read_csv(path) for path in sorted(folder.glob("data/protocols/toy/session/*.csv"))]
        seen.append([[row | {"part": "", "row": ""} for row in table] for table in tables])
    assert seen[0] == seen[1] == seen[2] and len(seen[0]) == 3


@pytest.mark.parametrize(
    ("name", "folds", "rows", "remedy"),
    [
        ("session", 5, corpus(sessions=4), "set folds: 4"),
        ("speaker", 9, corpus(), "set folds: 10"),
        ("speaker", 9, corpus()[:-3], "use the split 'actors'"),
        ("actors", 12, corpus(), "folds <= actors"),
    ],
)
def test_a_corpus_that_does_not_fit_is_refused_with_a_remedy(name, folds, rows, remedy):
    with pytest.raises(InputError, match=remedy):
        splits.SPLITS[name](rows, folds, 0)
