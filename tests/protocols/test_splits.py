"""Splits test every row once, keep speakers apart, balance folds and reject unsuitable corpora.

Covers: protocols/splits/_dealing, protocols/splits/_rotation, protocols/splits/actors, protocols/splits/copied,
protocols/splits/random, protocols/splits/random_shares, protocols/splits/session, protocols/splits/speaker,
protocols/splits/stratified.
"""

import hashlib
import json
import random
import sys
from collections import Counter
from dataclasses import replace

import _results
import pytest
from conftest import utterance

import emospace.protocols.splits
from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.protocols.fold_tables import LABELS


def corpus(sessions=5, per_speaker=3):
    return [
        utterance(f"Ses0{s}{g}_{i}_{g}", session=str(s), speaker=f"{s}{g}", gender=g, dialogue=f"d{s}{i}")
        for s in range(sessions)
        for g in "FM"
        for i in range(per_speaker)
    ]


def split(name, rows, folds, seed=0, **options):
    """Call a split as the workflow does."""
    module = plugin.find("splits", name)
    given = plugin.offered(module.split, seed=seed, known={row.utterance for row in rows})
    return module.split(rows, folds, **given, **options)


@pytest.mark.parametrize(("name", "folds"), [("session", 5), ("speaker", 10), ("actors", 5), ("random", 5)])
def test_every_row_is_test_once_and_no_side_is_empty(name, folds):
    rows = corpus()
    assignment = split(name, rows, folds, seed=3)
    assert len(assignment) == folds
    assert all(set(sides) == {"train", "dev", "test"} for sides in assignment)
    assert [sum(sides[i] == "test" for sides in assignment) for i in range(len(rows))] == [1] * len(rows)


@pytest.mark.parametrize(
    ("name", "rows", "folds", "digest"),
    [
        ("session", corpus(), 5, "deabaa97c0da8d77"),
        ("speaker", corpus(), 10, "9e3890e779708022"),
        ("actors", None, 6, "c28551941a8310a5"),
        ("random", None, 5, "525c67d14fbf33b6"),
    ],
)
def test_splits_equal_those_of_the_published_results(name, rows, folds, digest):
    sides = split(name, rows or lopsided(3), folds, seed=7)
    assert hashlib.sha256(json.dumps(sides).encode()).hexdigest().startswith(digest)


PLANTED = '''"""Train on what was said first, test on what was said last."""


LEAKY = True  # speakers are on all sides


def split(rows, folds, *, seed, dev: float = 0.25):
    ordered = sorted(row.start for row in rows)
    early, late = ordered[len(rows) // 2], ordered[int(len(rows) * (0.5 + dev))]
    return [["train" if r.start < early else "dev" if r.start < late else "test" for r in rows]] * folds
'''


def test_a_split_is_one_file_that_follows_its_contract(tmp_path, monkeypatch):
    """Optional parts of the contract get their defaults."""
    (tmp_path / "by_time.py").write_text(PLANTED, encoding="utf-8")
    monkeypatch.setattr(plugin, "_folder", lambda kind: tmp_path)
    monkeypatch.setattr(emospace.protocols.splits, "__path__", [*emospace.protocols.splits.__path__, str(tmp_path)])
    module = plugin.find("splits", "by_time")
    assert (module.FOLDS, module.COVERS, module.SHARES_DIALOGUES, module.FILES) == (5, False, (), ())
    module.check(1, ["train"])
    plugin.check_options("splits", "by_time", "split", {"dev": 0.1}, "config: protocols: p")
    with pytest.raises(InputError, match=r"protocols: p: dev: it is .x.\. it must be a valid number"):
        plugin.check_options("splits", "by_time", "split", {"dev": "x"}, "config: protocols: p")
    rows = [utterance(f"u{i}", start=float(i)) for i in range(8)]
    assert split("by_time", rows, 1, dev=0.25) == [["train"] * 4 + ["dev"] * 2 + ["test"] * 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FOLDS = 3\n", r"it has no function split\(\). see Split in docs/contracts.md"),
        ("def split(rows, number): ...\n", r"split\(\) takes \(rows, number\), not \(rows, folds\). see Split"),
        (PLANTED + "FOLDS = '3'\n", "FOLDS is '3'. it must be a valid integer; see Split"),
        (PLANTED + "SHARES_DIALOGUES = 'dev'\n", "SHARES_DIALOGUES is 'dev'. .*see Split"),
        ("import nothing\n", "it cannot be imported"),
    ],
)
def test_a_split_that_breaks_its_contract_is_refused_with_file_and_contract(tmp_path, monkeypatch, text, words):
    (tmp_path / "wrong.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(plugin, "_folder", lambda kind: tmp_path)
    monkeypatch.setattr(emospace.protocols.splits, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "emospace.protocols.splits.wrong", raising=False)
    plugin.find.cache_clear()
    with pytest.raises(InputError, match=f"emospace/protocols/splits/wrong.py: {words}"):
        plugin.find("splits", "wrong")
    plugin.find.cache_clear()


@pytest.mark.parametrize(("name", "folds"), [("session", 5), ("speaker", 10), ("actors", 5)])
def test_no_speaker_is_on_two_sides(name, folds):
    rows = corpus()
    for sides in split(name, rows, folds, seed=3):
        of = {side: {r.speaker for r, s in zip(rows, sides, strict=True) if s == side} for side in set(sides)}
        assert not (of["train"] & of["test"] or of["train"] & of["dev"] or of["dev"] & of["test"])


def test_session_splits_five_sessions_three_one_one():
    rows = corpus()
    sides = split("session", rows, 5, 0)[4]
    assert {r.session for r, s in zip(rows, sides, strict=True) if s == "test"} == {"4"}
    assert {r.session for r, s in zip(rows, sides, strict=True) if s == "dev"} == {"0"}
    assert len({r.session for r, s in zip(rows, sides, strict=True) if s == "train"}) == 3


def test_the_partner_of_the_test_speaker_is_dev():
    rows = corpus()
    sides = split("speaker", rows, 10, 0)[0]
    assert {r.speaker for r, s in zip(rows, sides, strict=True) if s == "test"} == {"0F"}
    assert {r.speaker for r, s in zip(rows, sides, strict=True) if s == "dev"} == {"0M"}


def test_random_depends_on_the_seed_but_not_on_the_order_of_rows():
    rows = corpus()
    forward = dict(zip([r.utterance for r in rows], split("random", rows, 5, 1)[0], strict=True))
    backward = dict(zip([r.utterance for r in rows[::-1]], split("random", rows[::-1], 5, 1)[0], strict=True))
    other = dict(zip([r.utterance for r in rows], split("random", rows, 5, 2)[0], strict=True))
    assert forward == backward
    assert forward != other


def test_fold_tables_do_not_depend_on_the_number_of_parts(tmp_path):
    """Rows keep their order, so that a seed draws the same batches."""
    seen = []
    for parts in (1, 2, 3):
        rows = [replace(row, part=str(int(row.session[1:]) % parts)) for row in _results.rows()]
        rows.sort(key=lambda row: (row.part, row.utterance))  # the order in which the parts of a manifest are joined
        _results.corpus(folder := tmp_path / str(parts), rows)
        _results.protocol(folder)
        tables = [_results.read_csv(path) for path in sorted(folder.glob("data/protocols/toy/session/*.csv"))]
        seen.append([[row | {"part": "", "row": ""} for row in table] for table in tables])
    assert seen[0] == seen[1] == seen[2] and len(seen[0]) == 3


def test_random_folds_differ_by_at_most_a_row():
    rows = corpus()[:-4]
    for fold, sides in enumerate(assignment := split("random", rows, 5, 1)):
        assert set(Counter(sides).values()) <= {5, 6, 15, 16, 17} and len(assignment) == 5
        dev = {i for i, side in enumerate(sides) if side == "dev"}
        assert dev == {i for i, side in enumerate(assignment[(fold + 1) % 5]) if side == "test"}


def test_leave_one_out_follows_the_order_of_names_and_the_next_group_is_dev():
    rows = corpus()[::-1]
    for fold, sides in enumerate(split("session", rows, 5, 0)):
        assert sides == [{fold: "test", (fold + 1) % 5: "dev"}.get(int(row.session), "train") for row in rows]
    names = sorted({row.speaker for row in rows})
    for name, sides in zip(names, split("speaker", rows, 10, 0), strict=True):
        partner = {row.speaker for row in rows if row.session == name[0]} - {name}
        assert sides == [
            "test" if row.speaker == name else "dev" if row.speaker in partner else "train" for row in rows
        ]


# Actors -------------------------------------------------------------------------------------------------------


def ravdess_layout(actors: int) -> list:
    """Odd actors are men, even ones women; all have the same rows, in eight classes."""
    return [
        utterance(f"{n:02d}-{i}", speaker=f"Actor_{n:02d}", gender="FM"[n % 2], label=str(i % 8))
        for n in range(1, actors + 1)
        for i in range(16)
    ]


def lopsided(seed: int, women: int = 11, men: int = 9) -> list:
    """Actors with different numbers of rows and shares of classes."""
    draw, rows = random.Random(seed), []
    for n, gender in enumerate("F" * women + "M" * men):
        weights = [draw.random() ** 2 for _ in range(5)]
        labels = draw.choices("abcde", weights, k=draw.randint(20, 50))
        rows += [utterance(f"{n}-{i}", speaker=f"{n:02d}", gender=gender, label=x) for i, x in enumerate(labels)]
    return rows


def dealt(rows: list, folds: int) -> dict[str, int]:
    """The fold in which each actor is test."""
    assignment = split("actors", rows, folds, seed=0)
    return {r.speaker: k for k, sides in enumerate(assignment) for r, s in zip(rows, sides, strict=True) if s == "test"}


def chi_squared(rows: list, fold_of: dict[str, int]) -> float:
    """Pearson's chi-squared statistic of folds against classes, by its definition."""
    cells = Counter((fold_of[r.speaker], r.label) for r in rows)
    folds, labels = Counter(fold_of[r.speaker] for r in rows), Counter(r.label for r in rows)
    expected = {(f, c): folds[f] * labels[c] / len(rows) for f in folds for c in labels}
    return sum((cells[key] - n) ** 2 / n for key, n in expected.items())


@pytest.mark.parametrize("actors", [18, 24])
@pytest.mark.parametrize("folds", [3, 4, 5, 6, 8, 9])
def test_every_side_of_every_fold_has_equal_shares_of_the_sexes(actors, folds):
    rows = ravdess_layout(actors)
    for sides in split("actors", rows, folds, seed=0):
        for side in ("train", "dev", "test"):
            sexes = dict({(r.speaker, r.gender) for r, s in zip(rows, sides, strict=True) if s == side})
            counts = Counter(sexes.values())
            assert counts["F"] and counts["M"]
            assert abs(counts["F"] - len(sexes) / 2) <= 1  # one half, up to one actor


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("folds", [3, 5, 6])
def test_folds_are_balanced_by_size_sex_and_class(seed, folds):
    rows = lopsided(seed)
    fold_of, gender = dealt(rows, folds), {r.speaker: r.gender for r in rows}
    for which in ("F", "M", "FM"):
        sizes = Counter(fold for name, fold in fold_of.items() if gender[name] in which)
        assert len(sizes) == folds and max(sizes.values()) - min(sizes.values()) <= 1
    in_turn = {name: i % folds for i, name in enumerate(sorted(gender))}  # women come first
    assert chi_squared(rows, fold_of) < 0.5 * chi_squared(rows, in_turn)
    same = {which: [n for n in fold_of if gender[n] == which] for which in "FM"}
    swaps = [fold_of | {a: fold_of[b], b: fold_of[a]} for g in same.values() for a in g for b in g]
    assert (
        chi_squared(rows, fold_of) < min(chi_squared(rows, other) for other in swaps) + 1.001
    )  # no useful swap remains


def test_actors_of_any_other_group_can_be_dev():
    rows, seen = ravdess_layout(18), {}
    first = split("actors", rows, 6, dev=1)
    for dev in range(1, 6):
        for fold, sides in enumerate(split("actors", rows, 6, dev=dev)):
            assert [s == "test" for s in sides] == [s == "test" for s in first[fold]]
            at = [i for i, s in enumerate(sides) if s == "dev"]
            assert [i for i, s in enumerate(first[(fold + dev) % 6]) if s == "test"] == at
            seen.setdefault(fold, set()).update(at)
    for fold, sides in enumerate(first):  # over the five choices, each actor that is not test is dev once
        assert seen[fold] == {i for i, s in enumerate(sides) if s != "test"}
    with pytest.raises(InputError, match=r"it is 5, and there are 4 groups beside test.*set 1 to 4"):
        plugin.find("splits", "actors").check(5, ("train", "dev", "test"), dev=5)


def test_equal_actors_are_dealt_in_turn_and_a_lost_clip_changes_nothing():
    rows = ravdess_layout(18)
    women, men = ([f"Actor_{n:02d}" for n in range(1, 19) if n % 2 == odd] for odd in (0, 1))
    in_turn = {name: i % 6 for i, name in enumerate([*women, *men])}
    assert dealt(rows, 6) == in_turn
    assert in_turn["Actor_02"] == in_turn["Actor_14"]  # separating them would improve the balance only marginally
    for lost in (["01-0"], ["02-0", "14-0"], ["02-1", "02-9", "14-1"]):
        assert dealt([row for row in rows if row.utterance not in lost], 6) == in_turn


def test_actors_who_share_a_dialogue_or_recording_stay_together():
    talks = [
        ("a", "d1", ""),
        ("b", "d1", ""),
        ("b", "d2", ""),
        ("c", "d2", ""),
        ("d", "d3", "x.wav"),
        ("e", "d4", "x.wav"),
    ]
    talks += [("f", "d5", ""), ("g", "d6", "y.wav"), ("h", "d7", "z.wav")]
    rows = [utterance(f"u_{k}", speaker=who, dialogue=d, audio=file) for k, (who, d, file) in enumerate(talks)]
    for order in (rows, rows[::-1]):
        fold_of = dealt(order, 3)
        assert fold_of["a"] == fold_of["b"] == fold_of["c"] and fold_of["d"] == fold_of["e"]
    alone = [replace(row, dialogue=row.utterance, audio="") for row in rows]
    assert len(set(dealt(alone, 8).values())) == 8  # nobody shares anything


def test_dealing_depends_on_the_rows_alone():
    rows = lopsided(7)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert dealt(rows, 5) == dealt(shuffled, 5)
    assert split("actors", rows, 5, seed=1) == split("actors", rows, 5, seed=2)


def test_partly_unknown_genders_are_dealt_independently_of_row_order():
    rows = ravdess_layout(12)
    rows = [replace(row, gender="") if row.utterance in ("03-0", "04-7", "08-15") else row for row in rows]
    assert dealt(rows, 5) == dealt(rows[::-1], 5) == dealt(sorted(rows, key=lambda row: row.label), 5)


# The script ---------------------------------------------------------------------------------------------------


def test_the_split_sees_classes_and_test_rows_have_no_labels(tmp_path):
    """Codes hap and exc are one class, so actors with either count as equal."""
    rows = [
        utterance(f"{n}-{i}", speaker=f"{n}", gender="F", label=label, valence=2.5, arousal=3.5, dominance=4.5)
        for n in range(6)
        for i, label in enumerate(["ang", "ang", "neu", "neu", *["hap" if n % 3 else "exc"] * 9])
    ]
    _results.corpus(tmp_path, rows)
    _results.protocol(tmp_path, split="actors")
    tables = [_results.read_csv(path) for path in sorted(tmp_path.glob("data/protocols/toy/session/*.csv"))]
    tested = [{line["speaker"] for line in table if line["split"] == "test"} for table in tables]
    assert tested == [{"0", "3"}, {"1", "4"}, {"2", "5"}]
    for line in (line for table in tables for line in table):
        labels = [line[name] for name in LABELS]
        hidden = line["split"] == "test"
        assert labels == ([""] * 5 if hidden else [labels[0], "F", "2.5", "3.5", "4.5"]) and bool(labels[0]) != hidden


def test_a_class_without_rows_is_refused_and_excluded_rows_are_counted(tmp_path):
    _results.corpus(tmp_path, [*_results.rows(), utterance("S9_x", label="xxx"), utterance("S9_y", label="odd")])
    _results.protocol(tmp_path)
    counted = {"odd": {"name": "odd", "rows": 1}, "xxx": {"name": "no agreement", "rows": 1}}
    for file in ("data/protocols/toy/session.json", "data/audit/toy/session.json"):
        assert read_json(tmp_path / file)["left_out"] == counted
    _results.corpus(tmp_path, [row for row in _results.rows() if row.label not in ("hap", "exc")])
    with pytest.raises(AssertionError, match=r"makes hap of hap, exc.*no row has such a label.*ang 12, neu 6"):
        _results.protocol(tmp_path)


def test_a_speaker_without_a_partner_is_refused_with_the_session():
    with pytest.raises(InputError, match="speaker 4F has no partner in session '4' to serve as dev"):
        split("speaker", corpus()[:-3], 9, seed=0)


@pytest.mark.parametrize(
    ("name", "folds", "rows", "remedy"),
    [
        ("session", 5, corpus(sessions=4), "4 sessions, .* 5 folds.*set folds: 4"),
        ("speaker", 9, corpus(), "10 speakers, .* 9 folds.*set folds: 10"),
        ("speaker", 9, corpus()[:-3], "use the split 'actors'"),
        ("actors", 19, ravdess_layout(18), "18 actors cannot make 19 folds.*folds <= actors"),
        ("actors", 6, corpus(), r"5 actors \(10, but some share dialogues\) cannot make 6 folds.*folds <= actors"),
        ("actors", 2, corpus(), "3 <= folds"),
        ("session", 2, corpus(sessions=2), "set folds: 2"),
        ("speaker", 2, corpus(sessions=1), "set folds: 2"),
        ("random", 2, corpus(), "set folds: 2"),
    ],
)
def test_an_unsuitable_corpus_is_refused_with_a_remedy(name, folds, rows, remedy):
    with pytest.raises(InputError, match=remedy) as refused:
        split(name, rows, folds, 0)
    assert refused.value.file == f"split: {name}" and refused.value.remedy


def test_three_folds_are_enough():
    rows = corpus(sessions=3)
    assert [len(split(name, rows, 3)) for name in ("session", "random", "actors")] == [3, 3, 3]
    assert len(split("actors", ravdess_layout(6), 6, 0)) == 6  # as many folds as actors


# As published ------------------------------------------------------------------------------------------------------


def test_copies_of_a_rare_class_fall_on_both_sides_of_a_random_split():
    rows = [replace(row, label="rare" if i % 15 == 0 else "common") for i, row in enumerate(corpus(per_speaker=15))]
    (sides,) = split("copied", rows, 1, seed=3, copies={"rare": 20}, test=0.2)
    pairs = list(zip(sides, rows, strict=True))
    by_class = {name: [one for one, row in pairs if row.label == name] for name in ("rare", "common")}
    total = 140 + 10 * 20
    assert Counter(side for one in sides for side in one)["test"] == 68 == -(-total // 5)
    assert all(len(one) - one.count("dev") == 20 and {*one} == {"train", "dev", "test"} for one in by_class["rare"])
    assert all(one in (["train"], ["dev", "test"]) for one in by_class["common"])
    (without,) = split("copied", rows, 1, seed=3, copies={"rare": 20}, test=0.2, dev=False)
    assert without == [[side for side in one if side != "dev"] for one in sides]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"copies": {"raer": 2}}, "'raer' is not a class of the protocol"), ({"copies": {"rare": 2}}, "'rare' is not")],
)
def test_copies_of_an_unknown_class_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        split("copied", corpus(), 1, **options)


def test_the_random_split_with_copies_has_one_fold_and_two_sides():
    check = plugin.find("splits", "copied").check
    for folds, test in ((2, 0.2), (1, 0.0), (1, 1.0)):
        with pytest.raises(InputError):
            check(folds, ["train", "test"], test=test)


@pytest.mark.parametrize(("groups", "folds"), [("session", 5), ("actors", 5)])
def test_choosing_on_test_changes_dev_alone(groups, folds):
    rows = corpus()
    clean, chosen = split(groups, rows, folds), split("chosen_on_test", rows, folds, groups=groups)
    expected = {"train": ("train",), "dev": (), "test": ("dev", "test")}
    assert chosen == [[expected[side] for side in fold] for fold in clean]


def test_the_stratified_split_has_the_published_sizes_and_the_same_share_of_classes():
    labels = ["neutral"] * 96 + [f"other{k}" for k in range(7) for _ in range(192)]
    rows = [utterance(f"u{i:04d}", label=label) for i, label in enumerate(labels)]
    sides = split("stratified", rows, 1, seed=42)[0]
    assert Counter(sides) == {"train": 979, "dev": 173, "test": 288}
    for side, share in {"test": 0.2, "dev": 0.12, "train": 0.68}.items():
        counts = Counter(row.label for row, one in zip(rows, sides, strict=True) if one == side)
        assert all(abs(counts[name] - total * share) < 1 for name, total in Counter(labels).items())
    assert split("stratified", rows[::-1], 1, seed=42)[0] == sides[::-1] != split("stratified", rows, 1, seed=43)[0]


def test_the_stratified_split_refuses_folds_and_shares_without_rows():
    check = plugin.find("splits", "stratified").check
    for arguments, reason in {(2, ("train",)): "one random split", (1, ("dev",)): "it is 0"}.items():
        with pytest.raises(InputError, match=reason):
            check(*arguments, dev=0.0)


def test_the_random_split_by_shares_has_the_published_sizes_and_ignores_classes():
    rows = [utterance(f"u{i:04}", label="ang" if i < 1103 else "neu") for i in range(5531)]
    sides = split("random_shares", rows, 1, seed=42)[0]
    assert Counter(sides) == {"train": 3318, "dev": 1106, "test": 1107}
    shares = {side: Counter(row.label for row, s in zip(rows, sides, strict=True) if s == side) for side in set(sides)}
    assert len({round(count["ang"] / count.total(), 4) for count in shares.values()}) == 3
    assert split("random_shares", rows[::-1], 1, seed=42)[0] == sides[::-1]
    assert split("random_shares", rows, 1, seed=43)[0] != sides
    with pytest.raises(InputError, match="folds"):
        plugin.find("splits", "random_shares").check(5, ["train", "dev", "test"])
