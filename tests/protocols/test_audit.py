"""Each kind of leak, planted in a fold, is caught by the audit and by the script that gates training.

Covers: protocols/audit_facts, protocols/fold_facts.
"""

import gc
import json
from dataclasses import replace

import pytest
from _audits import BY_ID, DIGESTS, clean, line, run_script
from conftest import utterance

from emospace.core.errors import InputError
from emospace.protocols.audit import Leak, Stray, audit_children, audit_fold
from emospace.protocols.fold_facts import fold_facts, lacks, normalise_text
from emospace.protocols.fold_tables import LABELS, child_of
from emospace.report.trust import cautions


def leaks(table, rows=BY_ID, digests=DIGESTS, shared=()):
    return {leak.kind for leak in audit_fold("fold0", table, rows, digests, shared)}


def test_a_clean_fold_has_no_leak_and_reports_text_overlap():
    assert audit_fold("fold0", clean(), BY_ID, DIGESTS) == []
    facts = fold_facts(clean(), BY_ID)
    assert facts["n"] == {"train": 2, "dev": 1, "test": 1}
    assert (facts["test_texts"], facts["test_texts_in_train"]) == (1, 1)


def moved(name, **fields):
    return BY_ID | {name: replace(BY_ID[name], **fields)}


PLANTED = {
    "utterance": ([*clean(), line("a1", "test")], BY_ID, DIGESTS),
    "speaker": (clean(), moved("c1", speaker="A"), DIGESTS),
    "dialogue": (clean(), moved("b1", dialogue="d3"), DIGESTS),
    "recording": (clean(), BY_ID, DIGESTS | {"c1.wav": "digest of a1.wav"}),
    "augmented child": ([*clean(), line("c1_bt", "train", parent="c1")], BY_ID, DIGESTS),
    "test label": ([*clean()[:3], line("c1", "test", label="neu")], BY_ID, DIGESTS),
    "repeated row": ([*clean(), line("b1", "dev")], BY_ID, DIGESTS),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_of_leak_is_caught(kind):
    assert kind in leaks(*PLANTED[kind])


PAIRS = [("train", "dev"), ("train", "test"), ("dev", "test")]
SIDE_OF = {"train": "a1", "dev": "b1", "test": "c1"}
CROSSING = {  # kind -> rows and digests with one such leak between the sides of two given rows
    "speaker": lambda one, other: (moved(other, speaker=BY_ID[one].speaker), DIGESTS),
    "dialogue": lambda one, other: (moved(other, dialogue=BY_ID[one].dialogue), DIGESTS),
    "recording": lambda one, other: (BY_ID, DIGESTS | {f"{other}.wav": DIGESTS[f"{one}.wav"]}),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("kind", CROSSING)
def test_nothing_crosses_between_any_two_sides(kind, pair):
    assert leaks(clean(), *CROSSING[kind](*(SIDE_OF[side] for side in pair))) == {kind}


@pytest.mark.parametrize("pair", PAIRS)
def test_no_utterance_is_on_two_sides(pair):
    one, other = (SIDE_OF[side] for side in pair)
    table = [*clean(), line(one, pair[1])]
    assert "utterance" in leaks([row for row in table if row["utterance"] != other])


@pytest.mark.parametrize("name", LABELS)
def test_every_label_of_a_test_row_is_a_leak(name):
    assert leaks([*clean()[:3], line("c1", "test", **{name: "1.5"})]) == {"test label"}


def films(**of_row):
    """All rows with films, distinct unless given."""
    rows = {name: replace(row, video=of_row.get(name, f"{name}.avi")) for name, row in BY_ID.items()}
    return rows, DIGESTS | {row.video: f"digest of {row.video}" for row in rows.values()}


def test_a_film_on_two_sides_is_caught_by_path_and_by_content():
    rows, digests = films()
    assert leaks(clean(), rows, digests) == set()
    assert leaks(clean(), rows, digests | {"c1.avi": digests["a1.avi"]}) == {"recording"}
    assert leaks(clean(), *films(c1="a1.avi")) == {"recording"}
    assert leaks(clean(), rows, digests | {"c1.avi": digests["a1.wav"]}) == {
        "recording"
    }  # the extracted sound of a film


def test_a_segmented_recording_may_not_cross_sides():
    rows = moved("a1", whole=False, audio="d.wav") | {"c1": replace(BY_ID["c1"], whole=False, audio="d.wav")}
    assert leaks(clean(), rows, DIGESTS | {"d.wav": "digest"}) == {"recording"}


def test_partners_share_only_the_recordings_of_a_shared_dialogue():
    dialogue, shared = {"dialogue": "d2", "video": "d2.avi", "whole": False, "audio": "d2.wav"}, [("dev", "test")]
    rows = BY_ID | {name: replace(BY_ID[name], **dialogue) for name in ("b1", "c1")}
    digests = DIGESTS | {"d2.avi": "film", "d2.wav": "sound"}
    assert leaks(clean(), rows, digests, shared) == set()
    assert leaks(clean(), rows, digests) == {"dialogue", "recording"}
    elsewhere = rows | {"c1": replace(rows["c1"], dialogue="d3")}
    assert leaks(clean(), elsewhere, digests, shared) == {"recording"}
    copied = rows | {"c1": replace(rows["c1"], video="copy.avi")}
    assert leaks(clean(), copied, digests | {"copy.avi": "film"}, shared) == {"recording"}
    whole = {name: replace(row, whole=True) for name, row in rows.items()}  # then a sound belongs to one utterance
    assert leaks(clean(), whole, digests, shared) == {"recording"}
    cut = {
        name: replace(row, audio=f"{name}.wav") for name, row in whole.items()
    }  # the film still belongs to the dialogue
    assert leaks(clean(), cut, digests, shared) == set()
    assert leaks(clean(), rows | {"a1": replace(rows["b1"], speaker="A")}, digests, shared) == {"dialogue", "recording"}


@pytest.mark.parametrize("medium", ["audio", "video"])
def test_a_medium_needs_a_digest_unless_it_is_absent(medium):
    assert leaks(clean(), moved("c1", audio="", video="")) == set()
    with pytest.raises(
        InputError, match=r"unseen\.mov: 'c1' refers to it, but it has no digest.*run the workflow again"
    ):
        leaks(clean(), moved("c1", **{medium: "unseen.mov"}))


@pytest.mark.parametrize(
    ("row", "reason"), [(line("a1", "trian"), "is in 'trian'"), (line("a1", "train") | {"utterance": "z"}, "no 'z'")]
)
def test_an_unknown_side_or_utterance_is_refused(row, reason):
    with pytest.raises(InputError, match=reason):
        leaks([*clean(), row])


def test_an_augmented_child_outside_train_is_a_leak_even_beside_its_parent():
    assert "augmented child" in leaks([*clean(), line("c1_bt", "test", parent="c1")])


def test_dialogues_may_be_shared_between_dev_and_test_but_not_with_train():
    rows = moved("b1", dialogue="d3")
    assert leaks(clean(), rows, shared=[("dev", "test")]) == set()
    assert leaks(clean(), moved("c1", dialogue="d1"), shared=[("train", "test")]) == {"dialogue"}


def test_text_is_compared_by_its_words():
    assert normalise_text("  Où est-il?! ") == normalise_text("ou est il")
    assert normalise_text("你好") == "你好"


def test_texts_differ_by_their_words_alone():
    assert normalise_text("It's  10 o'clock\n") == "it s 10 o clock" != normalise_text("It's 11 o'clock")
    assert normalise_text("?!") == normalise_text("") == ""


def test_leaks_are_ordered_by_sides_kind_and_name():
    rows = BY_ID | {name: replace(BY_ID[name], speaker="X", dialogue="dx") for name in ("a1", "b1", "c1")}
    found = audit_fold("fold7", clean(), rows, DIGESTS)
    assert [(leak.kind, leak.sides, leak.what) for leak in found] == [
        (kind, pair, what) for pair in PAIRS for kind, what in (("speaker", "X"), ("dialogue", "dx"))
    ]
    assert str(found[0]) == "fold fold7: speaker 'X' is in train and in dev"
    both = BY_ID | {name: replace(BY_ID["c1"], utterance=name, dialogue=f"e{name}") for name in ("a1", "a2")}
    table = [*clean(), line("a2", "test"), line("a1", "test")]
    crossing = [x for x in audit_fold("fold7", table, both, DIGESTS) if x.kind in ("utterance", "dialogue")]
    assert [leak.what for leak in crossing] == ["a1", "a2", "ea1", "ea2"]  # by name, independent of the table's order


@pytest.mark.parametrize("side", ["dev", "test"])
def test_a_child_outside_train_is_reported_with_its_side(side):
    parent = {"dev": "b1", "test": "c1"}[side]
    child = line(f"{parent}~bt", side, parent=parent)
    found = audit_fold("fold0", [*clean(), child], BY_ID, DIGESTS)
    assert found == [Leak("fold0", "augmented child", ("train", side), f"{parent}~bt")]


def test_a_child_in_train_beside_its_parent_is_no_leak():
    assert audit_fold("fold0", [*clean(), child_of(line("a1", "train"), "bt")], BY_ID, DIGESTS) == []


def test_only_train_may_repeat_a_row():
    assert audit_fold("fold0", [*clean(), line("a1", "train"), line("a1", "train")], BY_ID, DIGESTS) == []
    found = audit_fold("fold0", [*clean(), line("c1", "test")], BY_ID, DIGESTS)
    assert found == [Leak("fold0", "repeated row", ("test", "test"), "c1")]
    assert str(found[0]) == "fold fold0: repeated row 'c1' is in test and in test again"


def test_a_row_on_train_and_test_has_a_label_on_train_only():
    table = [*clean(), line("a1", "test")]
    assert "test label" not in leaks(table) and "utterance" in leaks(table)
    assert "test label" in leaks([*clean(), line("a1", "test", label="neu")])


def test_a_test_label_is_reported_with_its_row():
    table = [*clean()[:3], line("c1", "test", arousal="1.5")]
    assert audit_fold("fold0", table, BY_ID, DIGESTS) == [Leak("fold0", "test label", ("train", "test"), "c1")]


def test_an_invalid_row_is_refused_with_the_name_of_its_fold():
    for row in (
        line("a1", "trian"),
        line("a1", "train") | {"utterance": "z"},
        line("c1~x", "train", "c1") | {"parent": "z"},
    ):
        with pytest.raises(InputError) as refused:
            audit_fold("fold5", [*clean(), row], BY_ID, DIGESTS)
        assert refused.value.file == "fold fold5" and refused.value.remedy


# Children -----------------------------------------------------------------------------------------------------


FAULTS = {
    "is in dev; augmented rows belong to train": {"split": "dev"},
    "is in test; augmented rows belong to train": {"split": "test"},
    "has the parent 'z', which is not in the fold": {"parent": "z"},
    "has a parent in dev": {"parent": "b1", "utterance": "b1~bt", "speaker": "B"},
    "has a parent in test": {"parent": "c1", "utterance": "c1~bt", "speaker": "C", "label": "", "gender": ""},
    "is not named after its parent 'a1' and the view 'bt'": {"utterance": "a1~tts"},
    "has part '7', but its parent has '0'": {"part": "7"},
    "has row '7', but its parent has '0'": {"row": "7"},
    "has speaker 'B', but its parent has 'A'": {"speaker": "B"},
    "has label 'sad', but its parent has 'neu'": {"label": "sad"},
    "has gender 'M', but its parent has 'F'": {"gender": "M"},
    "has valence '1', but its parent has ''": {"valence": "1"},
    "has arousal '1', but its parent has ''": {"arousal": "1"},
    "has dominance '1', but its parent has ''": {"dominance": "1"},
}


@pytest.mark.parametrize("why", FAULTS)
def test_each_fault_of_a_child_is_reported_alone(why):
    child = child_of(line("a1", "train"), "bt") | FAULTS[why]
    valid = child_of(line("a2", "train"), "bt")
    assert audit_children("fold0", clean(), [valid, child], "bt") == [Stray("fold0", child["utterance"], why)]
    assert str(Stray("fold0", child["utterance"], why)) == f"fold fold0: augmented child {child['utterance']!r} {why}"


def test_valid_children_pass_and_repeated_ones_are_reported():
    children = [child_of(line(name, "train"), "bt") for name in ("a1", "a2")]
    assert audit_children("fold0", clean(), children, "bt") == []
    twice = [Stray("fold0", "a1~bt", "occurs twice")]
    assert audit_children("fold0", clean(), [*children, children[0]], "bt") == twice
    assert audit_children("fold0", [*clean(), children[0]], children, "bt") == twice
    every = audit_children("fold0", clean(), [children[0] | {"split": "dev", "label": "sad"}], "bt")
    assert [stray.why[:9] for stray in every] == ["is in dev", "has label"]


# The script ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PLANTED)
def test_the_script_fails_and_writes_nothing(kind, tmp_path):
    done = run_script(tmp_path, *PLANTED[kind])
    assert done.returncode == 1
    assert kind in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "audit.json").exists()


def test_a_declared_leak_passes_and_is_counted(tmp_path):
    done = run_script(tmp_path, *PLANTED["speaker"], leaky=True)
    assert done.returncode == 0, done.stderr
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["leaky"] and audit["leaks"]["speaker"] > 0


def test_test_labels_are_refused_even_in_a_leaky_protocol(tmp_path):
    assert run_script(tmp_path, *PLANTED["test label"], leaky=True).returncode == 1


def test_a_clean_protocol_passes(tmp_path):
    assert run_script(tmp_path, clean(), BY_ID, DIGESTS).returncode == 0
    assert json.loads((tmp_path / "audit.json").read_text())["ok"] is True
    assert str(tmp_path / "fold0.csv") in json.loads((tmp_path / "audit.json").read_text())["inputs"]


# Composition of sides -----------------------------------------------------------------------------------------


def test_sides_are_counted_by_sex_and_class_and_gaps_are_reported(tmp_path):
    rows = moved("a2", gender="M", speaker="A2", label="sad") | {"b1": replace(BY_ID["b1"], gender="")}
    done = run_script(tmp_path, clean(), rows, DIGESTS)
    audit = json.loads((tmp_path / "audit.json").read_text())
    one = {"speakers": 1, "rows": 1}
    assert audit["folds"]["fold0"]["sex"] == {"train": {"F": one, "M": one}, "dev": {"": one}, "test": {"F": one}}
    assert audit["folds"]["fold0"]["class"]["train"] == {"neu": one, "sad": one}
    assert audit["folds"]["fold0"]["class"]["test"] == {
        "neu": one
    }  # from the manifest, since the table has no test labels
    missing = ["dev has no F", "dev has no M", "test has no M", "dev has no sad", "test has no sad"]
    assert audit["lacks"] == {what: ["fold0"] for what in missing}
    assert all(f"fold0: {what}" in done.stderr for what in missing)
    warnings = cautions([], [audit | {"recipe": {"protocol": "p"}}], [], [])
    assert any(c["level"] == "warn" and "test has no M in fold0" in c["text"] for c in warnings)


def test_children_are_not_counted_and_a_class_of_test_alone_is_reported():
    table = [*clean(), line("a1~x", "train", parent="a1")]
    facts = fold_facts(table, moved("c1", label="sad"))
    assert facts["sex"]["train"] == {"F": {"speakers": 1, "rows": 2}}
    assert lacks({"fold0": facts}) == {f"{side} has no sad": ["fold0"] for side in ("train", "dev")} | {
        "test has no neu": ["fold0"]
    }
    assert lacks({"fold0": fold_facts(table, BY_ID)}) == {}


def test_unknown_values_are_counted_but_never_missing():
    rows = moved("a2", gender="", label="", speaker="A2") | {"c1": replace(BY_ID["c1"], text="?!")}
    rows |= {"b1": replace(BY_ID["b1"], gender="M", text="")}
    facts = fold_facts(clean(), rows)
    one = {"speakers": 1, "rows": 1}
    assert facts["sex"] == {"train": {"": one, "F": one}, "dev": {"M": one}, "test": {"F": one}}
    assert facts["class"] == {"train": {"": one, "neu": one}, "dev": {"neu": one}, "test": {"neu": one}}
    assert facts["speakers"] == {"train": ["A", "A2"], "dev": ["B"], "test": ["C"]}
    assert (facts["test_texts"], facts["test_texts_in_train"]) == (0, 0)
    missing = {"train has no M": ["fold0"], "dev has no F": ["fold0"], "test has no M": ["fold0"]}
    assert lacks({"fold0": facts}) == missing
    assert lacks({"fold0": facts, "fold1": facts}) == {what: ["fold0", "fold1"] for what in missing}


def test_a_text_absent_from_train_does_not_recur():
    facts = fold_facts([*clean(), line("b1", "test")], moved("b1", text="something else"))
    assert (facts["test_texts"], facts["test_texts_in_train"]) == (2, 1)


# At scale -----------------------------------------------------------------------------------------------------


class Counted(dict):
    """A dict that counts its lookups."""

    lookups = 0

    def __getitem__(self, key):
        self.lookups += 1
        return super().__getitem__(key)


def large(size):
    rows = [
        utterance(f"{i:06d}", speaker=f"s{i % 30}", dialogue=f"d{i % 30}", audio=f"{i}.wav", text=str(i))
        for i in range(size)
    ]
    place = {"parent": "", "part": "0", "row": "0", **dict.fromkeys(LABELS, "")}
    sides = ["test", "dev", *["train"] * 28]
    table = [
        {"utterance": r.utterance, "speaker": r.speaker, "split": sides[i % 30]} | place for i, r in enumerate(rows)
    ]
    return table, Counted({row.utterance: row for row in rows}), Counted({row.audio: row.audio for row in rows})


def test_the_audit_looks_each_row_up_a_few_times_and_allocates_few_objects():
    """With an object per row, the garbage collector would traverse all of them repeatedly."""
    table, rows, digests = large(20_000)
    passes = []
    gc.collect()
    gc.callbacks.append(watch := lambda phase, _: passes.append(phase))
    try:
        assert audit_fold("fold0", table, rows, digests) == []
        assert fold_facts(table, rows)["n"]["test"] == 667
    finally:
        gc.callbacks.remove(watch)
    assert passes.count("start") <= 3
    assert rows.lookups <= 2 * len(table) and digests.lookups <= len(table)
