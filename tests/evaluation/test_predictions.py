"""Truth and predictions from files: what belongs together is joined, and what does not fit is refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from _results import CLASSES, LABELS, corpus, read_csv, rows, run, write_csv

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.evaluation.predictions import read_run, read_truth
from emospace.protocols.fold_tables import LABELS as HIDDEN
from emospace.protocols.fold_tables import child_of, write_table
from emospace.runs.run_files import read_outputs

CODES = LABELS["map"]


def line(row, side: str) -> dict:
    place = {"utterance": row.utterance, "parent": "", "corpus": "toy", "part": "0", "row": "0", "split": side}
    place |= {"speaker": row.speaker}
    return place | dict.fromkeys(HIDDEN, "") | ({"label": CODES[row.label]} if side != "test" else {})


class Tree:
    """A corpus of 36 rows, leave one of its three sessions out; fold tables by hand, predictions as `train` writes."""

    def __init__(self, folder):
        self.folder, self.rows = folder, rows()
        corpus(folder, self.rows)
        self.tables = [folder / f"data/protocols/toy/session/fold-{k}.csv" for k in range(3)]
        for path, sides in zip(self.tables, plugin.find("splits", "session").split(self.rows, 3), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_table(path, [line(row, side) for row, side in zip(self.rows, sides, strict=True)])

    def truth(self, *, leaky: bool = False, covers: bool = True, mapping=CODES):
        found = [replace(row, label=mapping.get(row.label, "")) for row in self.rows]
        return read_truth(found, self.tables, CLASSES, leaky=leaky, covers=covers)

    def change(self, path, how) -> None:
        write_csv(path, how(read_csv(path)))


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path)


# Truth -------------------------------------------------------------------------------------------------------------


def test_truth_is_in_the_order_of_the_manifest_and_knows_each_row(tree):
    truth = tree.truth()
    assert [row.utterance for row in truth.rows] == [row.utterance for row in tree.rows] and truth.classes == CLASSES
    assert [CLASSES[k] for k in truth.label] == [CODES[row.label] for row in tree.rows]
    assert truth.fold.tolist() == [f"fold-{row.session[1]}" for row in tree.rows]
    assert truth.speakers == ["S0F", "S0M", "S1F", "S1M", "S2F", "S2M"]
    assert [truth.speakers[k] for k in truth.speaker] == [row.speaker for row in tree.rows]
    assert (truth.clusters.unit, truth.clusters.count) == ("speaker", 6)


def test_rows_without_a_class_are_no_truth_but_tell_who_talks_with_whom(tree):
    tree.rows += [replace(tree.rows[0], utterance=f"S0x_{s}", label="xxx", dialogue="met", speaker=s) for s in "FM"]
    tree.rows[-2:] = [replace(row, speaker=f"S0{row.speaker}") for row in tree.rows[-2:]]
    truth = tree.truth()
    assert (
        len(truth.rows) == len(truth.clusters.member) == 36 and truth.clusters.count == 5
    )  # the two of session 0 are one


def test_a_text_is_repeated_if_train_says_the_same_words(tree):
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]
    shouted = {row.utterance: replace(row, text=row.text.upper() + "!") for row in tree.rows if row.session == "S0"}
    tree.rows = [shouted.get(row.utterance, row) for row in tree.rows]
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]
    tree.rows = [replace(row, text="") for row in tree.rows]  # nothing is known of a row without text
    assert not tree.truth().repeated.any()


def test_only_train_texts_of_the_own_fold_count(tree):
    """A text of session 0 recurs in session 1: it trains in fold 2, and watches in fold 0 or trains in fold 1 only."""
    wanted = {"S0impro_F000": "said twice", "S1impro_F000": "said twice"}
    tree.rows = [replace(row, text=wanted.get(row.utterance, row.utterance)) for row in tree.rows]
    truth = tree.truth()
    home = dict(zip((row.utterance for row in truth.rows), truth.repeated.tolist(), strict=True))
    assert {name for name, repeated in home.items() if repeated} == {"S1impro_F000"}  # fold 0 has session 1 in dev


def test_an_augmented_child_says_what_its_parent_says(tree):
    def children(lines):
        train = [found for found in lines if found["split"] == "train"]
        return [found for found in lines if found["split"] != "train"] + [child_of(found, "text_bt") for found in train]

    for path in tree.tables:
        tree.change(path, children)
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]


def test_train_rows_that_the_manifest_lacks_have_no_text(tree):
    for path in tree.tables:
        tree.change(path, lambda lines: [*lines, line(tree.rows[0], "train") | {"utterance": "stranger"}])
    assert len(tree.truth().rows) == 36


def first(lines, side: str = "test") -> int:
    return next(k for k, found in enumerate(lines) if found["split"] == side)


def without_first(lines):
    return [found for k, found in enumerate(lines) if k != first(lines)]


def with_first(**cells):
    return lambda lines: [found | (cells if k == first(lines) else {}) for k, found in enumerate(lines)]


def refused(call, file, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        call()
    assert error.value.file == str(file) and error.value.remedy


def test_a_row_tested_in_two_folds_is_refused(tree):
    tree.change(tree.tables[1], lambda lines: [found | {"split": "test"} for found in lines])
    refused(tree.truth, tree.tables[1], r"^.*'S0impro_F000' is tested in fold-0 already")


def test_a_row_never_tested_is_refused_unless_the_protocol_is_declared_leaky(tree):
    tree.change(tree.tables[0], without_first)
    refused(tree.truth, tree.tables[0].parent, "no fold tests 'S0impro_F000'")
    left = [row.utterance for row in tree.rows[1:]]
    for truth in (tree.truth(leaky=True), tree.truth(covers=False)):
        assert [row.utterance for row in truth.rows] == left


def test_a_row_without_a_usable_label_cannot_be_tested(tree):
    tree.change(tree.tables[2], with_first(utterance="nobody"))
    refused(tree.truth, tree.tables[2], "it tests 'nobody', which the manifest does not hold")
    refused(lambda: tree.truth(mapping={"ang": "ang"}, leaky=True), tree.tables[0], "tests 'S0.*, which the manifest")


def test_a_table_that_is_not_there_is_refused(tree):
    tree.tables[1].unlink()
    refused(tree.truth, tree.tables[1], "no such file")


# Predictions -------------------------------------------------------------------------------------------------------


def test_predictions_are_in_the_order_of_the_truth_whatever_that_of_files_rows_and_columns(tree):
    folders, truth = run(tree.folder, seeds=(2, 11), gender=True), tree.truth()
    for folder in folders:
        fraction = dict(zip([row.utterance for row in tree.rows], np.linspace(0, 1, 36), strict=True))
        scale = 1 if folder.name.endswith("11") else 0.5

        def number(lines, fraction=fraction, scale=scale):
            cells = [(scale * fraction[found["utterance"]], found) for found in lines]
            found = [f | {"ang": x, "hap": 0.25 * (1 - x), "neu": 0.75 * (1 - x), "gender_F": x} for x, f in cells]
            return [dict(reversed(one.items())) for one in reversed(found)]

        tree.change(folder / "probabilities.csv", number)
    found, place = read_run(folders[::-1], truth), np.linspace(0, 1, 36)
    assert found.seeds == [2, 11]
    for values, gender, share in zip(found.probabilities, found.gender, (place / 2, place), strict=True):
        assert values == pytest.approx(np.array([share, (1 - share) / 4, 3 * (1 - share) / 4]).T)
        assert gender == pytest.approx(share)


def test_gender_is_there_only_where_every_row_and_seed_has_it(tree):
    folders = run(tree.folder, seeds=(1,), gender=True)
    assert read_run(folders, tree.truth()).gender.tolist() == [[0.75] * 36]
    tree.change(folders[0] / "probabilities.csv", lambda ls: [{k: v for k, v in f.items() if "_" not in k} for f in ls])
    assert read_run(folders, tree.truth()).gender is None


def test_rows_of_dev_may_say_anything(tree):
    folders = run(tree.folder)
    path = folders[0] / "probabilities.csv"
    before = read_run(folders, tree.truth()).probabilities
    tree.change(path, lambda lines: [f | ({"ang": "?"} if f["split"] == "dev" else {}) for f in lines])
    tree.change(path, lambda lines: sorted(lines, key=lambda f: f["split"]))  # dev first
    assert (read_run(folders, tree.truth()).probabilities == before).all()


@pytest.mark.parametrize("cells", [("1", "0", "0"), ("0", "0.0", "1.0009"), ("0.3333", "0.3333", "0.3333")])
def test_a_certain_guess_and_one_of_few_digits_are_distributions(tree, cells):
    folders = run(tree.folder, gender=True)
    for gender in ("0", "1"):
        change = with_first(**dict(zip(CLASSES, cells, strict=True)), gender_F=gender)
        tree.change(folders[0] / "probabilities.csv", change)
        found = read_run(folders, tree.truth())
        assert found.probabilities[0, 0].tolist() == [float(cell) for cell in cells]
        assert found.gender[0, 0] == float(gender)


FAULTS = {
    "not a number": (with_first(ang="nan"), r"line \d+ \('S0impro_F000'\) holds .*no distribution"),
    "no sum of one": (with_first(ang="0.9", hap="0.9"), r"line \d+ \('S0.*no distribution"),
    "too small a sum": (with_first(ang="0.2", hap="0.2", neu="0.2"), r"line \d+ \('S0.*no distribution"),
    "a little too much": (with_first(ang="0.501", hap="0.501", neu="0"), "no distribution"),
    "negative": (with_first(ang="1.5", hap="-0.7", neu="0.2"), "no distribution"),
    "not even a figure": (with_first(ang="high"), r"line \d+ \('S0.*lacks a probability of one of ang, hap, neu"),
    "no such column": (lambda ls: [{k: v for k, v in ln.items() if k != "hap"} for ln in ls], "lacks a probability"),
    "row twice": (lambda ls: [*ls, ls[first(ls)]], "'S0impro_F000' is predicted twice by seed 1"),
    "dev row sold as test": (
        lambda ls: [ln | {"split": "test"} for ln in ls],
        "is a test row of fold-1, not of fold-0",
    ),
    "unknown row": (with_first(utterance="S9impro_F000"), "is a test row of no fold, not of fold-0"),
    "gender too large": (lambda ls: [ln | {"gender_F": "1.2"} for ln in ls], "1.2 for gender_F, which is no"),
    "gender negative": (lambda ls: [ln | {"gender_F": "-0.1"} for ln in ls], "-0.1 for gender_F, which is no"),
    "gender no figure": (lambda ls: [ln | {"gender_F": "she"} for ln in ls], "holds she for gender_F"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_predictions_that_do_not_fit_are_refused_with_file_and_row(tree, fault):
    change, reason = FAULTS[fault]
    folders = run(tree.folder)
    tree.change(folders[0] / "probabilities.csv", change)
    refused(lambda: read_run(folders, tree.truth()), folders[0] / "probabilities.csv", reason)


@pytest.mark.parametrize("fault", ["not a number", "negative", "not even a figure", "no such column"])
def test_a_second_stage_is_refused_what_evaluation_is_refused(tree, fault):
    change, reason = FAULTS[fault]
    folder = run(tree.folder)[0]
    assert read_outputs(folder, CLASSES).values[""].shape[1] == 3
    tree.change(folder / "probabilities.csv", change)
    refused(lambda: read_outputs(folder, CLASSES), folder / "probabilities.csv", reason)


def test_a_table_of_other_columns_is_no_fold_table(tree):
    tree.change(tree.tables[1], lambda lines: [{k: v for k, v in one.items() if k != "parent"} for one in lines])
    refused(tree.truth, tree.tables[1], "its columns are")


def test_the_line_of_a_fault_is_that_of_the_file(tree):
    folders = run(tree.folder)
    path = folders[0] / "probabilities.csv"
    tree.change(path, with_first(ang="high"))
    number = next(k for k, text in enumerate(path.read_text().splitlines(), 1) if "high" in text)
    refused(lambda: read_run(folders, tree.truth()), path, rf"line {number} \('S0")


def test_a_seed_that_lacks_a_row_or_a_fold_is_refused(tree):
    folders = run(tree.folder, seeds=(1, 2))
    home = folders[0].parent
    refused(lambda: read_run(folders[:-1], tree.truth()), home, "seed 2 has no prediction for 'S2impro_F000'")
    tree.change(folders[0] / "probabilities.csv", without_first)
    refused(lambda: read_run(folders, tree.truth()), home, "seed 1 has no prediction for 'S0impro_F000'")


# Dimensions --------------------------------------------------------------------------------------------------------


def with_dimensions(tree, values: dict) -> list:
    folders = run(tree.folder)
    for folder in folders:
        path = folder / "probabilities.csv"
        write_csv(path, [one | values for one in read_csv(path)])
    return folders


def test_dimensions_are_read_where_every_row_has_them(tree):
    truth = tree.truth()
    folders = with_dimensions(tree, {"valence": "2.5", "arousal": "-1", "dominance": "4"})
    assert read_run(folders, truth).dimensions.tolist() == [[[2.5, -1.0, 4.0]] * 36]
    path = folders[0] / "probabilities.csv"
    write_csv(path, [{k: v for k, v in one.items() if k != "arousal"} for one in read_csv(path)])
    found = read_run(folders, truth).dimensions  # one fold without arousal: no arousal
    assert np.isnan(found[..., 1]).all() and found[..., [0, 2]].tolist() == [[[2.5, 4.0]] * 36]
    assert read_run(run(tree.folder), truth).dimensions is None


@pytest.mark.parametrize("wrong", ["nan", "inf", "high"])
def test_dimensions_that_are_no_numbers_are_refused(tree, wrong):
    folders = with_dimensions(tree, {"valence": "2.5", "arousal": wrong, "dominance": "4"})
    with pytest.raises(InputError, match=rf"line \d+ \('S0.*holds {wrong} for arousal"):
        read_run(folders, tree.truth())
