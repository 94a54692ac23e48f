"""The map `common`: the emotions that all corpora of a config have, by the names of their codes."""

import pytest

from emospace.core.errors import InputError
from emospace.corpora import cremad, emodb, iemocap, meld, ravdess, savee, tess
from emospace.protocols import labels


def test_codes_of_the_same_emotion_have_one_class_in_all_corpora():
    maps = labels.common({"ravdess": ravdess.CODES, "meld": meld.CODES, "mine": {"z": "Neutral", "w": "angry"}})
    assert maps == {
        "ravdess": {"05": "anger", "01": "neutral"},
        "meld": {"anger": "anger", "neutral": "neutral"},
        "mine": {"w": "anger", "z": "neutral"},
    }
    assert {tuple(labels.classes(mapping)) for mapping in maps.values()} == {("anger", "neutral")}


def test_the_readers_name_the_basic_emotions_alike():
    readers = (ravdess, cremad, emodb, meld, savee, tess, iemocap)
    maps = labels.common({reader.__name__: reader.CODES for reader in readers})
    basic = ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
    assert [labels.classes(mapping) for mapping in maps.values()] == [basic] * len(readers)


def test_corpora_with_fewer_than_two_common_emotions_are_refused():
    with pytest.raises(InputError) as error:
        labels.common({"a": {"1": "joy", "2": "fear"}, "b": {"x": "happy", "y": "sad"}, "c": {"h": "happiness"}})
    assert (
        error.value.reason
        == "the corpora have only happiness in common (a: fear, happiness; b: happiness, sadness; c: happiness)"
    )
    with pytest.raises(InputError, match=r"no emotion in common \(a: fear; b: \?\)"):
        labels.common({"a": {"2": "fear"}, "b": {}})
