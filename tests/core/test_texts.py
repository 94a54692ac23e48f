"""Tables of texts: cleaned without a change of words; generated texts have flags, and given texts have none."""

import pytest

from emospace.core import texts
from emospace.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  I\tsaid\n so ", "I said so"),
        ("e\u0301te\u0301", "été"),
        ("[LAUGHTER] Don't!", "[LAUGHTER] Don't!"),
        ("", ""),
    ],
)
def test_texts_are_cleaned_of_blanks_and_composed_and_keep_words_case_and_tags(text, cleaned):
    assert texts.clean(text) == cleaned


def test_generated_texts_have_flags(tmp_path):
    path = tmp_path / "made.csv"
    texts.write(path, ["a", "b", "c"], ["one", "two", ""], flag=["", texts.CUT_OFF, "unchanged"])
    assert texts.read(path) == texts.read_made(path) == ["one", "two", ""]
    assert texts.read_flags(path) == ["", "cut off", "unchanged"] and texts.read_cut(path) == [False, True, False]


def test_given_texts_are_not_taken_for_generated_ones(tmp_path):
    texts.write(tmp_path / "given.csv", ["a"], ["one"])
    assert texts.read(tmp_path / "given.csv") == ["one"]
    for read in (texts.read_made, texts.read_flags, texts.read_cut):
        with pytest.raises(InputError, match=r"given\.csv"):
            read(tmp_path / "given.csv")


def test_there_is_one_text_for_each_utterance(tmp_path):
    with pytest.raises(ValueError):
        texts.write(tmp_path / "t.csv", ["a", "b"], ["one"])
    assert not (tmp_path / "t.csv").exists()


def test_a_table_of_texts_is_known_by_its_header(tmp_path):
    texts.write(tmp_path / "t.csv", ["a"], ["one"], flag=[""])
    (tmp_path / "other.csv").write_text("utterance,score\na,1\n")
    assert texts.is_table(tmp_path / "t.csv") and not texts.is_table(tmp_path / "other.csv")
