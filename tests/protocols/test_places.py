"""Where the stores of a corpus hold an utterance: parts are counted separately, in the order of the manifest."""

from conftest import utterance

from emospace.protocols.places import places, positions


def test_the_row_of_an_utterance_is_counted_within_its_part():
    rows = [utterance(name, part=part) for name, part in zip("abcde", "01001", strict=True)]
    assert positions(rows) == {"a": 0, "b": 0, "c": 1, "d": 2, "e": 1}


def test_each_corpus_has_parts_of_its_own():
    one, two = [utterance("a", part="1"), utterance("b", part="1")], [utterance("c", part="1")]
    assert places({"one": one, "two": two}) == {
        "a": {"corpus": "one", "part": "1", "row": 0},
        "b": {"corpus": "one", "part": "1", "row": 1},
        "c": {"corpus": "two", "part": "1", "row": 0},
    }
