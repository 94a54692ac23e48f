"""Children of train rows follow the gate's verdicts, pass an audit that detects planted faults, and enter training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from _results import corpus, protocol, read_csv, rows, script, write_csv

from emospace.core import store, texts
from emospace.core.errors import InputError
from emospace.protocols.audit import audit_children
from emospace.protocols.fold_tables import child_of
from emospace.runs.folds import read_fold

VIEW = "text_bt"
VERDICTS = {False: ("pass", ""), True: ("fail", "too far")}
ABOUT = {"protocol": "session", "corpus": "toy", "split": "session", "leaky": False, "view": VIEW, "options": {}}


class Toy:
    """A toy corpus with its protocol and the children of each fold, written by the scripts of the workflow."""

    def __init__(self, folder: Path):
        self.folder, self.rows = folder, rows()
        self.base = folder / "data/protocols/toy/session"
        self.folds = [self.base / f"fold{i}.csv" for i in range(3)]
        self.children = [folder / f"children/fold{i}.{VIEW}.csv" for i in range(3)]

    def build(self, failing: int) -> None:
        corpus(self.folder, self.rows)
        protocol(self.folder)
        for fold, children in zip(self.folds, self.children, strict=True):
            train = [line["utterance"] for line in read_csv(fold) if line["split"] == "train"]
            verdict = [
                dict(zip(("utterance", "verdict", "reason"), (name, *VERDICTS[i < failing]), strict=True))
                for i, name in enumerate(train)
            ]
            write_csv(children.with_suffix(".gate.csv"), verdict)
            self.make(fold, children)

    def make(self, fold: Path, out: Path, check: bool = True):
        files = {"fold": fold, "gate": out.with_suffix(".gate.csv"), "out": out, "sidecar": out.with_suffix(".json")}
        arguments = [word for name, file in files.items() for word in (f"--{name}", file)]
        return script(self.folder, "make_children", {"options": {}}, "--view", VIEW, *arguments, check=check)

    def audit(self, check: bool = True, leaky: bool = False):
        manifest = self.folder / "data/manifest/toy"
        arguments = ["--manifest", f"{manifest}.csv", "--manifest-sidecar", f"{manifest}.json"]
        arguments += ["--protocol", f"{self.base}.json", "--folds", *self.folds, "--children", *self.children]
        arguments += ["--digests", self.folder / "digests.sha256", "--out", self.folder / "children.json"]
        return script(self.folder, "audit_children", ABOUT | {"leaky": leaky}, *arguments, check=check)

    def edit(self, change, fold: int = 0) -> None:
        """Update the first child of a fold with `change(child, lines of the fold's table)`."""
        lines, table = read_csv(self.children[fold]), read_csv(self.folds[fold])
        lines[0] = lines[0] | change(lines[0], table)
        write_csv(self.children[fold], lines)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "toy"
    toy = Toy(folder)
    toy.build(failing=3)
    toy.audit()
    return folder


@pytest.fixture
def toy(built, tmp_path) -> Toy:
    """A copy of the children and their audit, to damage; the first three rows of each fold failed the gate."""
    shutil.copytree(built, tmp_path / "toy")
    return Toy(tmp_path / "toy")


def test_rows_that_passed_have_a_child_with_the_fields_of_the_parent(toy):
    parents = {line["utterance"]: line for line in read_csv(toy.folds[0])}
    train = [name for name, line in parents.items() if line["split"] == "train"]
    lines = read_csv(toy.children[0])
    assert [line["parent"] for line in lines] == train[3:]
    for line in lines:
        parent = parents[line["parent"]]
        assert line["label"] == parent["label"] != ""
        assert line == parent | {"utterance": f"{line['parent']}~text_bt", "parent": line["parent"]}
    facts = json.loads(toy.children[0].with_suffix(".json").read_text())
    assert (facts["train"], facts["children"]) == (12, 9)


@pytest.mark.parametrize("lost", [True, False])
def test_a_gate_of_other_rows_is_rejected(toy, lost):
    table = toy.children[0].with_suffix(".gate.csv")
    lines = read_csv(table)
    write_csv(table, lines[1:] if lost else [*lines, lines[0] | {"utterance": "stranger"}])
    done = toy.make(toy.folds[0], toy.children[0], check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (lines[0]["utterance"] if lost else "stranger") in done.stderr


def test_a_table_without_children_is_complete(tmp_path):
    none = Toy(tmp_path)
    none.build(failing=99)
    assert none.children[0].read_text().startswith("utterance,parent,corpus,part,row")
    none.audit()
    assert json.loads((tmp_path / "children.json").read_text())["children"] == dict.fromkeys(
        ("fold0", "fold1", "fold2"), 0
    )


def test_correct_children_pass_the_audit(toy):
    audit = json.loads((toy.folder / "children.json").read_text())
    assert audit["ok"] is True and audit["leaks"] == {} and audit["view"] == VIEW
    assert audit["children"] == {"fold0": 9, "fold1": 9, "fold2": 9}


def of(side: str):
    """Return a change that makes the child that of a row on this side, with that row's fields."""

    def change(child: dict, table: list[dict]) -> dict:
        return child_of(next(line for line in table if line["split"] == side), VIEW)

    return change


PLANTED = {
    "parent in dev": of("dev"),
    "parent in test": of("test"),
    "is in dev": lambda child, table: {"split": "dev"},
    "is in test": lambda child, table: {"split": "test"},
    "has label": lambda child, table: {"label": {"ang": "neu"}.get(child["label"], "ang")},
    "has gender": lambda child, table: {"gender": "M" if child["gender"] == "F" else "F"},
    "has row": lambda child, table: {"row": str(int(child["row"]) + 1)},
    "not in the fold": lambda child, table: {"parent": "stranger", "utterance": "stranger~text_bt"},
    "occurs twice": lambda child, table: {"utterance": table[0]["utterance"]},
    "is not named after": lambda child, table: {"utterance": f"{child['parent']}~frames_aug"},
}


@pytest.mark.parametrize("message", PLANTED)
def test_a_planted_fault_fails_the_audit(toy, message):
    (toy.folder / "children.json").unlink()
    toy.edit(PLANTED[message])
    table, children = read_csv(toy.folds[0]), read_csv(toy.children[0])
    assert any(message in str(fault) for fault in audit_children("fold0", table, children, VIEW))
    for leaky in (False, True):  # a protocol may be declared leaky, but not its children
        (toy.base.with_suffix(".json")).write_text(
            json.dumps({"split": "session", "leaky": leaky, "shares_dialogues": []})
        )
        done = toy.audit(check=False, leaky=leaky)
        assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
        assert not (toy.folder / "children.json").exists()


def test_a_row_that_occurs_twice_in_train_has_one_child(toy):
    table = read_csv(toy.folds[0])
    duplicate = next(line for line in table if line["utterance"] == read_csv(toy.children[0])[0]["parent"])
    write_csv(toy.folds[0], [*table, duplicate])
    before = toy.children[0].read_bytes()
    toy.make(toy.folds[0], toy.children[0])
    assert toy.children[0].read_bytes() == before
    toy.audit()


# Training ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(toy) -> Toy:
    """The toy with features, an augmented copy of one, and texts, whose values identify their view and row."""
    for name, sign in (("text.sbert", 1), ("text_bt.sbert", -1), ("audio.mfcc", 1)):
        values = [np.full((1, 2), sign * (i + 1), np.float32) for i in range(len(toy.rows))]
        (toy.folder / name).mkdir()
        store.write(toy.folder / name / "0.npy", values, dtype=np.float32)
        (toy.folder / name / "0.json").write_text(json.dumps({"recipe": {"feature": name}}))
    names = [row.utterance for row in toy.rows]
    texts.write(toy.folder / "text/0.csv", names, [f"words {i}" for i in range(len(names))])
    texts.write(toy.folder / "1.csv", names, [f"mots {i}" for i in range(len(names))], flag=[""] * len(names))
    (toy.folder / "text_bt").mkdir()
    (toy.folder / "1.csv").rename(toy.folder / "text_bt/0.csv")
    return toy


def read(toy: Toy, **more):
    inputs = {name: [toy.folder / name / "0.npy"] for name in ("text.sbert", "audio.mfcc")} | {
        "text": [toy.folder / "text/0.csv"]
    }
    exchanged = {"text.sbert": [toy.folder / "text_bt.sbert/0.npy"], "text": [toy.folder / "text_bt/0.csv"]}
    about = {
        "children": {VIEW: toy.children[0]},
        "exchanged": {VIEW: exchanged},
        "readers": {"text": texts.read},
    } | more
    return read_fold(toy.folds[0], toy.base.with_suffix(".json"), inputs, **about)


def test_a_child_is_its_parent_with_one_modality_exchanged(stored):
    fold, plain = read(stored), read(stored, children=None, exchanged=None)
    train = fold.train
    assert (len(plain.train), len(train)) == (12, 21)
    assert train.parent.tolist() == [-1] * 12 + list(range(3, 12))
    for i in range(12, 21):
        parent = train.parent[i]
        assert train.utterances[i] == f"{train.utterances[parent]}~text_bt"
        assert train.speakers[i] == train.speakers[parent]
        assert train.label[i] == train.label[parent] >= 0
        assert (train.inputs["audio.mfcc"][i] == train.inputs["audio.mfcc"][parent]).all()
        assert (train.inputs["text.sbert"][i] == -train.inputs["text.sbert"][parent]).all()
        assert train.inputs["text"][i] == train.inputs["text"][parent].replace("words", "mots")
    for side in ("dev", "test"):
        rows, same = getattr(fold, side), getattr(plain, side)
        assert rows.utterances == same.utterances and (rows.parent == -1).all()
        assert (rows.inputs["text.sbert"].values == same.inputs["text.sbert"].values).all()
        assert (rows.inputs["text.sbert"].values > 0).all()
    assert (plain.train.inputs["text.sbert"].values == train.inputs["text.sbert"].values[:12]).all()


def test_dev_rows_have_children_for_a_model_that_asks(stored):
    fold, plain = read(stored, dev_children=True), read(stored)
    count = len(plain.dev)
    assert fold.dev.parent.tolist() == [-1] * count + list(range(count))  # all of them, as no gate judged them
    assert [name.removesuffix("~text_bt") for name in fold.dev.utterances] == plain.dev.utterances * 2
    assert fold.dev.label[count:].tolist() == plain.dev.label.tolist()
    for name, sign in (("text.sbert", -1), ("audio.mfcc", 1)):
        values = plain.dev.inputs[name].values
        assert (fold.dev.inputs[name].values == np.concatenate([values, sign * values])).all()
    assert (fold.test.parent == -1).all() and fold.train.utterances == plain.train.utterances
    assert fold.dev.originals().utterances == plain.dev.utterances


@pytest.mark.parametrize("message", ["parent in dev", "parent in test", "is in dev", "not in the fold"])
def test_a_fold_with_a_child_of_another_row_than_a_train_row_is_rejected(stored, message):
    stored.edit(PLANTED[message])
    with pytest.raises(InputError, match="not the child of a train row"):
        read(stored)


def test_a_child_of_a_child_or_one_that_exchanges_nothing_is_rejected(stored):
    with pytest.raises(InputError, match="exchanges no input"):
        read(stored, exchanged={})
    stored.edit(lambda child, table: {"parent": read_csv(stored.children[0])[1]["utterance"]})
    with pytest.raises(InputError, match="not the child of a train row"):
        read(stored)


def train(toy: Toy, *audits: str, augmented: bool = True, out: str = "out", model: str = "linear_probe", **options):
    """Run the training script on fold 0."""
    recipe = {"plugin": model, "options": options, "run": "probe"}
    arguments = [
        "--fold",
        toy.folds[0],
        "--protocol",
        toy.base.with_suffix(".json"),
        "--audit",
        toy.folder / "data/audit/toy/session.json",
    ]
    arguments += ["--input", "text.sbert", toy.folder / "text.sbert/0.npy", "--seed", 1, "--out", toy.folder / out]
    if augmented:
        arguments += ["--children", toy.children[0], "--child-audits", *(toy.folder / name for name in audits)]
        arguments += ["--exchange", "text.sbert", "text_bt.sbert", toy.folder / "text_bt.sbert/0.npy"]
    return script(toy.folder, "train", recipe, *arguments, check=False)


def test_training_reads_audited_children_and_records_them(stored):
    done = train(stored, "children.json")
    assert done.returncode == 0, done.stderr
    facts = json.loads((stored.folder / "out/run.json").read_text())
    assert facts["children"] == {VIEW: 9} and facts["n"]["train"] == 21
    done = train(stored, augmented=False, out="plain")
    assert done.returncode == 0, done.stderr
    facts = json.loads((stored.folder / "plain/run.json").read_text())
    assert "children" not in facts and facts["n"]["train"] == 12


def test_the_history_scores_copies_of_dev_rows_and_the_predictions_have_none(stored):
    options = {"recurrent": 2, "hidden": 4, "embedding": 3, "epochs": 1}
    done = train(stored, "children.json", model="cross_modal", **options)
    assert done.returncode == 0, done.stderr
    predicted = read_csv(stored.folder / "out/probabilities.csv")
    table = {line["utterance"]: line["split"] for line in read_csv(stored.folds[0]) if line["split"] != "train"}
    assert {line["utterance"]: line["split"] for line in predicted} == table
    history = read_csv(stored.folder / "out/history.csv")
    assert float(history[0]["dev_accuracy_copy"]) >= 0 and float(history[0]["emotion_copy"]) > 0
    facts = json.loads((stored.folder / "out/run.json").read_text())
    assert facts["n"] == {"train": 21, "dev": 12, "test": 12} and facts["facts"]["copies"] == 9


def flip_a_side(table: Path) -> None:
    lines = read_csv(table)
    lines[0]["split"] = {"train": "dev", "dev": "train", "test": "train"}[lines[0]["split"]]
    write_csv(table, lines)


def test_training_rejects_a_fold_table_or_protocol_that_was_not_audited(stored):
    table, protocol = stored.folds[0], stored.base.with_suffix(".json")
    for file, change in ((table, flip_a_side), (protocol, lambda path: path.write_text(path.read_text() + " "))):
        before = file.read_bytes()
        change(file)
        for augmented in (False, True):
            done = train(stored, "children.json", augmented=augmented)
            assert done.returncode == 1 and f"{file}: no audit has seen this table" in done.stderr
            assert "Traceback" not in done.stderr and not (stored.folder / "out").exists()
        file.write_bytes(before)


def test_every_audit_must_have_seen_the_fold_table(stored):
    """The audits of the protocol and of the children must both refer to the current table."""
    of_protocol, of_children = stored.folder / "data/audit/toy/session.json", stored.folder / "children.json"
    for file in (of_protocol, of_children):
        before = json.loads(file.read_text())
        other = {name: digest for name, digest in before["inputs"].items() if not name.endswith("fold0.csv")}
        file.write_text(json.dumps(before | {"inputs": other}))
        assert "no audit has seen this table" in train(stored, "children.json").stderr
        file.write_text(json.dumps(before))
    assert train(stored, "children.json").returncode == 0


def test_training_needs_a_passed_audit_of_the_children(stored):
    assert "no audit has seen" in train(stored).stderr
    (stored.folder / "failed.json").write_text(json.dumps({"ok": False, "inputs": {}}))
    done = train(stored, "children.json", "failed.json")
    assert done.returncode == 1 and "the audit did not pass" in done.stderr
    assert "no such file" in train(stored, "absent.json").stderr


@pytest.mark.parametrize("message", PLANTED)
def test_training_rejects_children_that_changed_after_the_audit(stored, message):
    stored.edit(PLANTED[message])
    done = train(stored, "children.json")
    assert done.returncode == 1 and "no audit has seen" in done.stderr and "Traceback" not in done.stderr
    assert not (stored.folder / "out").exists()
