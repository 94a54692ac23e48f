"""Words are split and counted as in speech recognition, whatever the punctuation and the script.

Covers: core/words.
"""

import pytest

from emospace.core.words import word_error_rate, words


def test_words_are_normalised_and_exclude_tags_and_punctuation():
    assert words("Don\u2019t! [LAUGHTER] Stop -- it's ÉTÉ_3.") == ["don't", "stop", "it's", "été", "3"]
    assert words("[BREATHING] ... \U0001f600") == [] and words("مرحبا بك") == ["مرحبا", "بك"]


@pytest.mark.parametrize(
    ("truth", "said", "rate"),
    [
        ("the dogs sit by the door", "The dogs sit, by the door.", 0),
        ("the dogs sit by the door", "dogs sit by a door now", 0.5),
        ("a b", "", 1),
        ("", "a b", 2),
        ("", "", 0),
        ("a", "b c d", 3),
    ],
)
def test_word_error_rate(truth, said, rate):
    assert word_error_rate(truth, said) == rate


def test_the_word_error_rate_of_many_pairs_is_pooled():
    assert word_error_rate(["a b", "c d e"], ["a b", "c x"]) == 2 / 5
    with pytest.raises(ValueError):
        word_error_rate(["a", "b"], ["a"])
