"""The leaky split that selects on test differs from the clean split in its dev rows alone."""

import pytest
from conftest import utterance

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.protocols.splits import chosen_on_test


def corpus() -> list:
    """Five sessions of four speakers, none of whom shares a dialogue."""
    names = [(s, f"{s}{k}", "FM"[k % 2]) for s in range(5) for k in range(4)]
    return [
        utterance(f"{name}_{i}", session=str(s), speaker=name, gender=sex, label=("ang", "neu")[i % 2])
        for s, name, sex in names
        for i in range(4)
    ]


@pytest.mark.parametrize("groups", ["session", "actors"])
def test_test_rows_are_also_dev_rows_and_train_rows_are_those_of_the_clean_split(groups):
    clean = plugin.find("splits", groups).split(corpus(), 5)
    leaky = chosen_on_test.split(corpus(), 5, groups=groups)
    expected = {"train": ("train",), "dev": (), "test": ("dev", "test")}
    assert leaky == [[expected[side] for side in fold] for fold in clean]
    assert all(("dev", "test") in fold and () in fold for fold in leaky)


def test_the_groups_are_sessions_by_default():
    assert chosen_on_test.split(corpus(), 5) == chosen_on_test.split(corpus(), 5, groups="session")
    assert chosen_on_test.split(corpus(), 5) != chosen_on_test.split(corpus(), 5, groups="actors")


def test_it_is_declared_leaky_and_needs_a_fold_per_side():
    assert plugin.find("splits", "chosen_on_test").LEAKY
    chosen_on_test.check(3, ("train", "dev", "test"))
    with pytest.raises(InputError, match="folds"):
        chosen_on_test.check(2, ("train", "dev", "test"))
    with pytest.raises(InputError, match=r"groups: it is 'sesion'. it must be 'session' or 'actors'"):
        plugin.check_options("splits", "chosen_on_test", "split", {"groups": "sesion"}, "config: protocols: p")
