"""Truth and predictions from files: matching rows are joined, and mismatches are rejected with file and row."""

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
    """A corpus of 36 rows under leave-one-session-out over three sessions; predictions in the format of `train`."""

    def __init__(self, folder):
        self.folder, self.rows = folder, rows()
        corpus(folder, self.rows)
        self.tables = [folder / f"data/protocols/toy/session/fold-{k}.csv" for k in range(3)]
        for path, sides in zip(self.tables, plugin.find("splits", "session").split(self.rows, 3), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_table(path, [line(row, side) for row, side in zip(self.rows, sides, strict=True)])

    def truth(self, *, leaky: bool = False, covers: bool = True, mapping=CODES):
        classified = [replace(row, label=mapping.get(row.label, "")) for row in self.rows]
        return read_truth(classified, self.tables, CLASSES, leaky=leaky, covers=covers)

    def change(self, path, how) -> None:
        write_csv(path, how(read_csv(path)))


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path)


# Truth -------------------------------------------------------------------------------------------------------------


def test_truth_is_in_manifest_order_and_complete(tree):
    truth = tree.truth()
    assert [row.utterance for row in truth.rows] == [row.utterance for row in tree.rows] and truth.classes == CLASSES
    assert [CLASSES[k] for k in truth.label] == [CODES[row.label] for row in tree.rows]
    assert truth.fold.tolist() == [f"fold-{row.session[1]}" for row in tree.rows]
    assert truth.speakers == ["S0F", "S0M", "S1F", "S1M", "S2F", "S2M"]
    assert [truth.speakers[k] for k in truth.speaker] == [row.speaker for row in tree.rows]
    assert (truth.clusters.unit, truth.clusters.count) == ("speaker", 6)


def test_rows_without_a_class_are_not_tested_but_show_who_shares_a_dialogue(tree):
    tree.rows += [replace(tree.rows[0], utterance=f"S0x_{s}", label="xxx", dialogue="met", speaker=s) for s in "FM"]
    tree.rows[-2:] = [replace(row, speaker=f"S0{row.speaker}") for row in tree.rows[-2:]]
    truth = tree.truth()
    assert (
        len(truth.rows) == len(truth.clusters.member) == 36 and truth.clusters.count == 5
    )  # the two speakers of session 0 are one cluster


def test_a_text_is_repeated_if_a_train_row_has_the_same_words(tree):
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]
    shouted = {row.utterance: replace(row, text=row.text.upper() + "!") for row in tree.rows if row.session == "S0"}
    tree.rows = [shouted.get(row.utterance, row) for row in tree.rows]
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]
    tree.rows = [replace(row, text="") for row in tree.rows]  # a row without text repeats nothing
    assert not tree.truth().repeated.any()


def test_only_train_texts_of_the_same_fold_count(tree):
    """A text recurs in sessions 0 and 1. Session 1 is dev in fold 0, but session 0 is train in fold 1."""
    texts = {"S0impro_F000": "said twice", "S1impro_F000": "said twice"}
    tree.rows = [replace(row, text=texts.get(row.utterance, row.utterance)) for row in tree.rows]
    truth = tree.truth()
    repeated = dict(zip((row.utterance for row in truth.rows), truth.repeated.tolist(), strict=True))
    assert {name for name, value in repeated.items() if value} == {"S1impro_F000"}  # fold 0 has session 1 in dev


def test_an_augmented_copy_has_the_text_of_its_parent(tree):
    def children(lines):
        train = [cells for cells in lines if cells["split"] == "train"]
        return [cells for cells in lines if cells["split"] != "train"] + [child_of(cells, "text_bt") for cells in train]

    for path in tree.tables:
        tree.change(path, children)
    assert tree.truth().repeated.tolist() == [row.scripted for row in tree.rows]


def test_train_rows_that_the_manifest_lacks_have_no_text(tree):
    for path in tree.tables:
        tree.change(path, lambda lines: [*lines, line(tree.rows[0], "train") | {"utterance": "stranger"}])
    assert len(tree.truth().rows) == 36


def first(lines, side: str = "test") -> int:
    return next(k for k, row in enumerate(lines) if row["split"] == side)


def without_first(lines):
    return [row for k, row in enumerate(lines) if k != first(lines)]


def with_first(**cells):
    return lambda lines: [row | (cells if k == first(lines) else {}) for k, row in enumerate(lines)]


def rejected(call, file, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        call()
    assert error.value.file == str(file) and error.value.remedy


def test_a_row_tested_in_two_folds_is_rejected(tree):
    tree.change(tree.tables[1], lambda lines: [row | {"split": "test"} for row in lines])
    rejected(tree.truth, tree.tables[1], r"^.*'S0impro_F000' is already tested in fold-0")


def test_an_untested_row_is_rejected_unless_the_protocol_is_leaky_or_does_not_cover_all(tree):
    tree.change(tree.tables[0], without_first)
    rejected(tree.truth, tree.tables[0].parent, "no fold tests 'S0impro_F000'")
    left = [row.utterance for row in tree.rows[1:]]
    for truth in (tree.truth(leaky=True), tree.truth(covers=False)):
        assert [row.utterance for row in truth.rows] == left


def test_a_row_without_a_usable_label_cannot_be_tested(tree):
    tree.change(tree.tables[2], with_first(utterance="nobody"))
    rejected(tree.truth, tree.tables[2], "it tests 'nobody', which has no usable label in the manifest")
    rejected(
        lambda: tree.truth(mapping={"ang": "ang"}, leaky=True), tree.tables[0], "tests 'S0.*, which has no usable label"
    )


def test_a_missing_table_is_rejected(tree):
    tree.tables[1].unlink()
    rejected(tree.truth, tree.tables[1], "no such file")


# Predictions -------------------------------------------------------------------------------------------------------


def test_predictions_follow_the_order_of_the_truth_not_of_files_rows_or_columns(tree):
    folders, truth = run(tree.folder, seeds=(2, 11), gender=True), tree.truth()
    for folder in folders:
        fraction = dict(zip([row.utterance for row in tree.rows], np.linspace(0, 1, 36), strict=True))
        scale = 1 if folder.name.endswith("11") else 0.5

        def number(lines, fraction=fraction, scale=scale):
            cells = [(scale * fraction[row["utterance"]], row) for row in lines]
            numbered = [f | {"ang": x, "hap": 0.25 * (1 - x), "neu": 0.75 * (1 - x), "gender_F": x} for x, f in cells]
            return [dict(reversed(one.items())) for one in reversed(numbered)]

        tree.change(folder / "probabilities.csv", number)
    predictions, shares = read_run(folders[::-1], truth), np.linspace(0, 1, 36)
    assert predictions.seeds == [2, 11]
    per_seed = zip(predictions.probabilities, predictions.gender, (shares / 2, shares), strict=True)
    for values, gender, share in per_seed:
        assert values == pytest.approx(np.array([share, (1 - share) / 4, 3 * (1 - share) / 4]).T)
        assert gender == pytest.approx(share)


def test_gender_is_read_only_if_every_row_and_seed_has_it(tree):
    folders = run(tree.folder, seeds=(1,), gender=True)
    assert read_run(folders, tree.truth()).gender.tolist() == [[0.75] * 36]
    tree.change(folders[0] / "probabilities.csv", lambda ls: [{k: v for k, v in f.items() if "_" not in k} for f in ls])
    assert read_run(folders, tree.truth()).gender is None


def test_dev_rows_are_not_checked(tree):
    folders = run(tree.folder)
    path = folders[0] / "probabilities.csv"
    before = read_run(folders, tree.truth()).probabilities
    tree.change(path, lambda lines: [f | ({"ang": "?"} if f["split"] == "dev" else {}) for f in lines])
    tree.change(path, lambda lines: sorted(lines, key=lambda f: f["split"]))  # dev first
    assert (read_run(folders, tree.truth()).probabilities == before).all()


@pytest.mark.parametrize("cells", [("1", "0", "0"), ("0", "0.0", "1.0009"), ("0.3333", "0.3333", "0.3333")])
def test_certain_and_rounded_probabilities_are_distributions(tree, cells):
    folders = run(tree.folder, gender=True)
    for gender in ("0", "1"):
        change = with_first(**dict(zip(CLASSES, cells, strict=True)), gender_F=gender)
        tree.change(folders[0] / "probabilities.csv", change)
        predictions = read_run(folders, tree.truth())
        assert predictions.probabilities[0, 0].tolist() == [float(cell) for cell in cells]
        assert predictions.gender[0, 0] == float(gender)


FAULTS = {
    "not a number": (with_first(ang="nan"), r"line \d+ \('S0impro_F000'\) holds .*no distribution"),
    "sum above one": (with_first(ang="0.9", hap="0.9"), r"line \d+ \('S0.*no distribution"),
    "sum below one": (with_first(ang="0.2", hap="0.2", neu="0.2"), r"line \d+ \('S0.*no distribution"),
    "sum slightly above one": (with_first(ang="0.501", hap="0.501", neu="0"), "no distribution"),
    "negative": (with_first(ang="1.5", hap="-0.7", neu="0.2"), "no distribution"),
    "not numeric": (with_first(ang="high"), r"line \d+ \('S0.*lacks a probability of one of ang, hap, neu"),
    "no such column": (lambda ls: [{k: v for k, v in ln.items() if k != "hap"} for ln in ls], "lacks a probability"),
    "row twice": (lambda ls: [*ls, ls[first(ls)]], "seed 1 predicts 'S0impro_F000' twice"),
    "dev row marked as test": (
        lambda ls: [ln | {"split": "test"} for ln in ls],
        "is a test row of fold-1, not of fold-0",
    ),
    "unknown row": (with_first(utterance="S9impro_F000"), "is a test row of no fold, not of fold-0"),
    "gender too large": (lambda ls: [ln | {"gender_F": "1.2"} for ln in ls], "1.2 for gender_F, which is no"),
    "gender negative": (lambda ls: [ln | {"gender_F": "-0.1"} for ln in ls], "-0.1 for gender_F, which is no"),
    "gender not numeric": (lambda ls: [ln | {"gender_F": "she"} for ln in ls], "holds she for gender_F"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_invalid_predictions_are_rejected_with_file_and_row(tree, fault):
    change, reason = FAULTS[fault]
    folders = run(tree.folder)
    tree.change(folders[0] / "probabilities.csv", change)
    rejected(lambda: read_run(folders, tree.truth()), folders[0] / "probabilities.csv", reason)


@pytest.mark.parametrize("fault", ["not a number", "negative", "not numeric", "no such column"])
def test_a_second_stage_rejects_the_same_predictions_as_evaluation(tree, fault):
    change, reason = FAULTS[fault]
    folder = run(tree.folder)[0]
    assert read_outputs(folder, CLASSES).values[""].shape[1] == 3
    tree.change(folder / "probabilities.csv", change)
    rejected(lambda: read_outputs(folder, CLASSES), folder / "probabilities.csv", reason)


def test_a_table_with_other_columns_is_rejected(tree):
    tree.change(tree.tables[1], lambda lines: [{k: v for k, v in one.items() if k != "parent"} for one in lines])
    rejected(tree.truth, tree.tables[1], "its columns are")


def test_an_error_gives_the_line_number_in_the_file(tree):
    folders = run(tree.folder)
    path = folders[0] / "probabilities.csv"
    tree.change(path, with_first(ang="high"))
    number = next(k for k, text in enumerate(path.read_text().splitlines(), 1) if "high" in text)
    rejected(lambda: read_run(folders, tree.truth()), path, rf"line {number} \('S0")


def test_a_seed_that_lacks_a_row_or_a_fold_is_rejected(tree):
    folders = run(tree.folder, seeds=(1, 2))
    folder = folders[0].parent
    rejected(lambda: read_run(folders[:-1], tree.truth()), folder, "seed 2 has no prediction for 'S2impro_F000'")
    tree.change(folders[0] / "probabilities.csv", without_first)
    rejected(lambda: read_run(folders, tree.truth()), folder, "seed 1 has no prediction for 'S0impro_F000'")


# Dimensions --------------------------------------------------------------------------------------------------------


def with_dimensions(tree, values: dict) -> list:
    folders = run(tree.folder)
    for folder in folders:
        path = folder / "probabilities.csv"
        write_csv(path, [one | values for one in read_csv(path)])
    return folders


def test_a_dimension_is_read_only_if_every_row_has_it(tree):
    truth = tree.truth()
    folders = with_dimensions(tree, {"valence": "2.5", "arousal": "-1", "dominance": "4"})
    assert read_run(folders, truth).dimensions.tolist() == [[[2.5, -1.0, 4.0]] * 36]
    path = folders[0] / "probabilities.csv"
    write_csv(path, [{k: v for k, v in one.items() if k != "arousal"} for one in read_csv(path)])
    dimensions = read_run(folders, truth).dimensions  # arousal is dropped if one fold lacks it
    assert np.isnan(dimensions[..., 1]).all() and dimensions[..., [0, 2]].tolist() == [[[2.5, 4.0]] * 36]
    assert read_run(run(tree.folder), truth).dimensions is None


@pytest.mark.parametrize("wrong", ["nan", "inf", "high"])
def test_non_numeric_dimensions_are_rejected(tree, wrong):
    folders = with_dimensions(tree, {"valence": "2.5", "arousal": wrong, "dominance": "4"})
    with pytest.raises(InputError, match=rf"line \d+ \('S0.*holds {wrong} for arousal"):
        read_run(folders, tree.truth())
