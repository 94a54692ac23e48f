"""Protocols that train on fewer rows: what is drawn, what the audit demands of it, what is refused.

Covers: protocols/draw_audit.
"""

import copy
import json
from collections import Counter

import pytest
from _results import CLASSES, LABELS, corpus, protocol, read_csv, rows, write_csv
from conftest import shipped, utterance

from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.plan.plan import Plan
from emospace.protocols.audit_facts import audit_draw
from emospace.protocols.dividing import NOT_DRAWN, divide, left_out
from emospace.protocols.drawing import Draw, drawn, of_protocol
from emospace.report.balance import balance
from emospace.report.trust import cautions

ACTORS = [
    utterance(f"{a:02}{c}{i}", speaker=f"a{a:02}", label=f"c{c}", dialogue=f"{a}{c}{i}")
    for a in range(14)
    for c in range(8)
    for i in range(4 if c == 0 else 8)  # as in RAVDESS
]
FOLD = [["test"] if row.speaker == "a00" else ["dev"] if row.speaker == "a01" else ["train"] for row in ACTORS]


def train(count: int, number: int = 1, seed: int = 1, rows=ACTORS, fold=FOLD) -> list:
    sides = drawn([fold], rows, Draw(count, number), seed=seed, where="p")[0]
    held = [(row, s) for row, s in zip(rows, sides, strict=True) if s and s != ["train"]]
    assert held == [(row, s) for row, s in zip(rows, fold, strict=True) if "train" not in s]
    return [row for row, s in zip(rows, sides, strict=True) if s == ["train"]]


@pytest.mark.parametrize("count", [8, 90, 180, 360])
def test_a_draw_is_balanced_by_class_and_speaker_and_leaves_dev_and_test_alone(count):
    members = train(count)
    assert len(members) == count
    for name, groups in (("label", 8), ("speaker", 12)):
        counts = Counter(getattr(row, name) for row in members)
        assert len(counts) == min(groups, count) and max(counts.values()) - min(counts.values()) <= 1
    cells = Counter((row.label, row.speaker) for row in members)
    assert max(cells.values()) <= -(-count // 96) + 1


def test_more_rows_of_a_draw_contain_the_fewer_and_draws_seeds_and_folds_differ():
    few, more = ({row.utterance for row in train(n)} for n in (90, 180))
    assert few < more and {row.utterance for row in train(90)} == few
    assert {row.utterance for row in train(90, 2)} != few != {row.utterance for row in train(90, seed=2)}
    folds = drawn([FOLD, FOLD], ACTORS, Draw(90, 1), seed=1, where="p")
    assert folds[0] != folds[1]


def test_the_order_of_rows_has_no_effect():
    few = {row.utterance for row in train(90)}
    assert {row.utterance for row in train(90, rows=ACTORS[::-1], fold=FOLD[::-1])} == few


def test_a_class_that_is_used_up_leaves_its_turns_to_the_others_and_a_repeated_row_counts_once():
    counts = Counter(row.label for row in train(500))
    assert counts.pop("c0") == 48 and max(counts.values()) - min(counts.values()) <= 1
    doubled = [sides * 2 if sides == ["train"] else sides for sides in FOLD]
    assert len(train(720, fold=doubled)) == 720


def test_too_many_rows_are_refused():
    with pytest.raises(InputError, match="fold 0 has 720 train rows, fewer than train_rows: 721"):
        train(721)


# Built and audited ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A corpus of five sessions; a protocol that trains on 12 of its 36 rows per fold."""
    folder = tmp_path_factory.mktemp("built")
    corpus(folder, rows(sessions=5))
    protocol(folder, "few", folds=5, train_rows=12, draw=2)
    return folder


def audited(built, table=None, sidecar=None):
    """The facts of the audit, with another table of fold 0 or another sidecar."""
    from emospace.protocols import protocol_rows

    base = built / "data/protocols/toy"
    corpora = protocol_rows.read([built / "data/manifest/toy.csv"])
    digests = {path: path for row in corpora["toy"] for path in (row.audio, row.video) if path}
    folds = sorted((base / "few").glob("*.csv"))
    if table is not None:
        write_csv(built / "fold0.csv", table)
        folds[0] = built / "fold0.csv"
    return audit_draw(folds, corpora, digests, sidecar or read_json(base / "few.json"), base / "few.json")


def test_the_audit_and_the_report_state_the_draw(built):
    audit = read_json(built / "data/audit/toy/few.json")
    assert audit["draw"] == {"train_rows": 12, "draw": 2, "of": {f"fold{k}": 36 for k in range(5)}} == audited(built)
    assert all(facts["n"] == {"train": 12, "dev": 12, "test": 12} for facts in audit["folds"].values())
    assert "rows left out of train by a draw" in audit["checked"]
    words = "draw 2 of 12 of 36 train rows per fold; dev and test are complete"
    assert balance(audit)["draw"] == words
    told = next(item for item in cautions([], [audit], [], []) if "trains on 12 rows" in item["title"])
    assert words in told["text"] and told["level"] == "warn"
    assert read_json(built / "data/protocols/toy/few.json")["left_out"] == {}


def test_the_audit_refuses_rows_left_out_of_dev_or_test(built):
    table = read_csv(built / "data/protocols/toy/few/fold0.csv")
    for side in ("dev", "test"):
        lost = next(line for line in table if line["split"] == side)
        with pytest.raises(InputError, match=f"11 {side} rows instead of 12"):
            audited(built, [line for line in table if line is not lost])
        about = copy.deepcopy(read_json(built / "data/protocols/toy/few.json"))
        about["draw"]["before"]["fold0"][side] -= 1  # even if the count agrees
        about["draw"]["before"]["fold0"]["train"] += 1
        with pytest.raises(InputError, match="is left out, but belongs to dev or test"):
            audited(built, [line for line in table if line is not lost], about)


def test_the_audit_refuses_another_number_of_train_rows_and_an_unbalanced_draw(built):
    table = read_csv(built / "data/protocols/toy/few/fold0.csv")
    lost = next(line for line in table if line["split"] == "train")
    with pytest.raises(InputError, match="11 train rows instead of 12"):
        audited(built, [line for line in table if line is not lost])
    others = [line for line in table if line["split"] == "train" and line["label"] == "ang"]
    about = copy.deepcopy(read_json(built / "data/protocols/toy/few.json"))
    about["draw"]["train_rows"] = 12 - len(others)
    about["draw"]["before"]["fold0"]["train"] = 36
    for fold in list(about["draw"]["before"])[1:]:
        del about["draw"]["before"][fold]
    with pytest.raises(InputError, match="train has 0 rows of 'ang'"):
        audited_one(built, [line for line in table if line not in others], about)


def audited_one(built, table, about):
    from emospace.protocols import protocol_rows
    from emospace.protocols.draw_audit import draw_faults, refuse_faults

    corpora = protocol_rows.read([built / "data/manifest/toy.csv"])
    members = protocol_rows.by_class(corpora, {"toy": LABELS})
    digests = {path: path for row in corpora["toy"] for path in (row.audio, row.video) if path}
    before, count = about["draw"]["before"]["fold0"], about["draw"]["train_rows"]
    refuse_faults({"fold0": draw_faults(table, members, digests, before, count)}, built / "few.json")


# Planned --------------------------------------------------------------------------------------------------------


def planned(**options) -> Plan:
    config = shipped("config.yaml")
    config["protocols"]["few"] = {"corpus": "demo", "split": "session", "labels": "iemocap4"} | options
    config["runs"] = {"few": {"model": "linear_probe", "protocol": "few", "inputs": ["audio.mfcc"]}}
    config["protocols"] = {"few": config["protocols"]["few"]}
    return Plan(config)


REFUSED = [
    ({"train_rows": 0}, "0 is less than the minimum of 1"),
    ({"train_rows": 3}, "3 rows cannot contain all 4 classes"),
    ({"train_rows": 20, "draw": 0}, "0 is less than the minimum of 1"),
    ({"draw": 2}, "it has `draw` without `train_rows`"),
    ({"train_rows": 20, "split": "random", "leaky": True}, "no audit can tell that only train rows are left out"),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED)
def test_a_draw_that_makes_no_sense_is_refused_when_planning(options, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=reason):
        planned(**options)


def test_only_recipes_of_draws_name_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = read_json(planned(train_rows=20).recipes["make_protocol", "few"])
    assert of_protocol(recipe) == Draw(20, 1)
    assert of_protocol(read_json(planned().recipes["make_protocol", "few"])) is None


def test_a_protocol_from_corpus_to_corpus_draws_from_the_corpora_to_train_on(tmp_path):
    from _results import plan_of

    here = rows(sessions=5)
    there = [utterance(f"t{i}", label=CLASSES[i % 3], speaker="T", dialogue=f"t{i}") for i in range(6)]
    recipe = plan_of() | {
        "train": ["toy"],
        "corpora": {"toy": "toy", "far": "toy"},
        "folds": 5,
        "train_rows": 9,
        "draw": 1,
    }
    recipe["labels"] = {"toy": LABELS, "far": {"name": "own", "map": {name: name for name in CLASSES}}}
    corpora, files = {"toy": here, "far": there}, [tmp_path / "toy.csv", tmp_path / "far.csv"]
    division = divide(corpora, recipe, files)
    assert Counter(side for sides in division.assignment[0] for side in sides) == {"train": 9, "dev": 12, "test": 6}
    lost = left_out(corpora, division, recipe, {"toy": {}, "far": {}})
    assert lost == {NOT_DRAWN: {"name": "not drawn for training", "rows": 39}}
    assert json.dumps(division.before_the_draw()[0]) == '{"train": 48, "dev": 12, "test": 6, "idle": []}'
