"""Faulty plug-ins of every kind: planning refuses what it can detect, jobs refuse the rest and leave no outputs.

Each case is an example of docs/contracts.md with one line changed. The error names the plug-in's file, the fault, the
row if there is one, and the contract.

Covers: core/plugin, corpora/_answers, views/_answers.
"""

import datetime
import errno
import re
from pathlib import Path

import numpy as np
import pytest
from _planted import merged, plant, tones
from _planted_world import World, code_of, place_of, plan_of, put, recipes_of, whole
from conftest import Project

from docs.write_contracts import PLACES
from emospace.core import plugin, store
from emospace.core.errors import InputError
from emospace.core.provenance import sha256, write_json

SEE = {example: f"see (Loaded)?{contract} in docs/contracts.md" for example, (contract, _) in PLACES.items()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """All examples, unchanged, installed in this process."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("shelf")
        for example in PLACES:
            put(patch, folder, example, code_of(example))
            plugin.find(*place_of(example))  # loaded now, so that it is restored after a test replaces it
        yield folder


@pytest.fixture
def planted(shelf, monkeypatch, tmp_path):
    """Return a function that replaces an example with a changed copy."""
    monkeypatch.chdir(tmp_path)

    def plant(example: str, old: str = "", new: str = "") -> None:
        code = code_of(example)
        assert code.count(old) == 1 or not old, f"{old!r} is {code.count(old)} times in {example}"
        put(monkeypatch, tmp_path / "wrong", example, code.replace(old, new, 1) if old else new + code)

    return plant


def edited(path: tuple, value) -> dict:
    """Return the config of all examples with one value changed."""
    config = block = whole()
    for key in path[:-1]:
        block[key] = block.get(key) or {}
        block = block[key]
    block[path[-1]] = value
    return config


def refused(example: str, words: str, error: InputError) -> None:
    """Check that the error names file, fault and contract."""
    text = str(error)
    assert f"emospace/{PLACES[example][1]}: " in text and re.search(words, text), text
    # A view that cannot be imported might be augmented or not.
    assert re.search(SEE[example], text) or (example, "cannot be imported" in text) == ("augmented_view", True), text


def test_the_unchanged_examples_can_be_planned(planted, monkeypatch):
    assert recipes_of(plan_of(monkeypatch, whole()))["train", "nearest"]["options"] == {"sharpness": 2.0}


# Refused at planning time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", PLACES)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("raise ValueError('no')\n", "ValueError: no"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def (\n", "SyntaxError"),
    ],
)
def test_a_failing_import_is_refused_at_planning_time(planted, monkeypatch, example, line, words):
    planted(example, new=line)
    with pytest.raises(InputError) as caught:
        plan_of(monkeypatch, whole())
    refused(example, f"it cannot be imported .{words}", caught.value)


COLUMNS = 'COLUMNS = ["gain", "clipped"]'

UNPLANNED = [  # example, old, new, words
    # Missing attributes, or attributes of the wrong type.
    ("corpus", "CITATION =", "CITE =", "it has no CITATION"),
    ("corpus", 'CODES = {"hi": "high tone", "lo": "low tone"}', 'CODES = ["hi", "lo"]', r"CODES is \['hi', 'lo'\]"),
    ("view", 'KIND = "contour"', "", "it has no KIND"),
    ("view", 'SUFFIX = ".npy"', 'SUFFIX = ".npz"', "SUFFIX is '.npz'"),
    ("view", 'MEDIUM = "audio"', 'ENVIRONMENT = "sound"', "ENVIRONMENT is 'sound'"),
    ("augmented_view", COLUMNS, "", "it has no COLUMNS"),
    ("augmented_view", COLUMNS, 'COLUMNS = "gain"', "COLUMNS is 'gain'"),
    ("augmented_view", COLUMNS, 'COLUMNS = ["gain", "verdict"]', "COLUMNS is .* where 'verdict' is already taken"),
    ("augmented_view", 'PARENT = "audio"', 'PARENT = "adio"', "PARENT is 'adio'.*did you mean 'audio'"),
    ("augmented_view", 'PARENT = "audio"', 'PARENT = "louder"', "PARENT is 'louder', which is not a view"),
    ("augmented_view", COLUMNS, f'{COLUMNS}\nSTEPS = {{"calm": print}}', "STEPS is"),
    ("encoder", 'VIEWS = ["contour"]', "", "it has no VIEWS"),
    ("encoder", 'HOLDS = "moments"', "WEIGHTS = 1", "WEIGHTS is 1"),
    ("model", "DETERMINISTIC = True", 'DETERMINISTIC = "yes"', "DETERMINISTIC is 'yes'"),
    ("model", 'return ["distances"]', "return [3]", r"extras\(\) gives \[3\]"),
    ("model", 'return ["distances"]', "return 3", r"extras\(\) raised TypeError"),
    ("model", 'return ["unscaled"]', "return 1 / 0", r"checkpoints\(\) raised ZeroDivisionError"),
    ("two_stage_model", 'INPUTS = ["run"]', 'INPUTS = ["runs"]', r"INPUTS is \['runs'\]"),
    ("split", "COVERS = True", 'COVERS = "all"', "COVERS is 'all'"),
    ("split", "COVERS = True", 'FILES = ["table"]', r"FILES has 'table', which is not an option of split\(\)"),
    ("split", "    if folds < 3:", "    if folds < none:", r"check\(\) raised NameError"),
    ("metric", 'TITLE = "MP"', "", "it has no TITLE"),
    ("metric", 'TITLE = "MP"', 'TITLE = "MP"\nNEEDS = "words"', "NEEDS is 'words'"),
    ("section", "ORDER = 5", "", "it has no ORDER"),
    ("section", "best.run }}", "best.run }", "line . of its template"),
    ("analysis", "OUTPUTS =", "OUTPUT =", "it has no OUTPUTS"),
    ("analysis", '"mistakes.mp4"]', '"../mistakes.mp4"]', "OUTPUTS is .* not '../mistakes.mp4'"),
    # Missing functions, or functions with other arguments.
    ("corpus", "def group(path)", "def group(file)", r"group\(\) takes \(file\), not \(path\)"),
    ("corpus", "def index(", "def read(", r"it has no function index\(\)"),
    ("corpus", "def group(path)", "def group(path, *, depth)", r"group\(\) takes depth, which is never passed"),
    ("view", "def extract(rows, root, out", "def extract(rows, out", r"extract\(\) takes \(rows, out\), not"),
    ("view", "def read(path, rows)", "def read(path, rows, *, rate)", r"read\(\) takes rate, which is never passed"),
    ("augmented_view", "def augment(rows, parent, out,", "def augment(rows, out,", r"augment\(\) takes \(rows, out\)"),
    ("augmented_view", "(rows, parent, child, *", "(rows, child, *", r"score\(\) takes \(rows, child\), not"),
    ("augmented_view", "def score(", "def judge(", r"it has no function score\(\)"),
    ("encoder", "load(*, order", "load(order, *, more", r"load\(\) takes order, which is never passed"),
    ("model", "def train(fold, *", "def train(data, *", r"train\(\) takes \(data\), not \(fold\)"),
    ("model", "def apply(trained, rows)", "def apply(trained, rows, *, fold)", r"takes fold, which is never passed"),
    ("two_stage_model", "def apply(trained, rows)", "def predict(trained, rows)", r"it has no function apply\(\)"),
    ("split", "def split(rows, folds", "def split(folds, rows", r"split\(\) takes \(folds, rows\), not"),
    ("split", "def check(folds, sides", "def check(sides", r"check\(\) takes \(sides\), not \(folds, sides\)"),
    ("metric", "def value(sums)", "def value(sums, *, classes)", r"value\(\) takes classes, which is never passed"),
    ("metric", "def statistics(truth, ", "def statistics(", r"statistics\(\) takes \(predicted\), not"),
    (
        "section",
        "def gather(results)",
        "def gather(results, config)",
        r"gather\(\) takes config, which is never passed",
    ),
    ("analysis", "def analyse(run, out, *", "def analyse(out, *", r"analyse\(\) takes \(out\), not \(run, out\)"),
]


@pytest.mark.parametrize(("example", "old", "new", "words"), UNPLANNED)
def test_a_broken_contract_is_refused_at_planning_time(planted, monkeypatch, example, old, new, words):
    planted(example, old, new)
    with pytest.raises(InputError) as caught:
        plan_of(monkeypatch, whole())
    refused(example, words, caught.value)


STEPPED = "from emospace.core.steps import Step\n\n\ndef calm(rows, source, out, *, by: int = 1): ...\n\n\n"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("Step(print)", "make of the step 'calm' does not take .rows, source, out."),
        ("Step(calm, environment='sound')", "environment of the step 'calm' is 'sound'"),
        ("Step(calm, 'loud')", "the step 'calm' reads 'loud'"),
    ],
)
def test_a_faulty_step_is_refused_at_planning_time(planted, monkeypatch, step, words):
    planted("augmented_view", COLUMNS, f'{STEPPED}STEPS = {{"calm": {step}}}\n{COLUMNS}')
    with pytest.raises(InputError) as caught:
        plan_of(monkeypatch, whole())
    refused("augmented_view", words, caught.value)


OPTIONS = [  # place in the config, value, words
    (("corpora", "tones", "options"), {"shortest": "long"}, "corpora: tones: options: shortest: it is 'long'"),
    (("views", "loudness", "window"), 0, "views: loudness: window: it is 0. it must be greater than 0"),
    (("views", "louder", "most"), "12", "views: louder: most: it is '12'. it must be a valid number"),
    (("views", "louder", "most"), [1.0], r"views: louder: most: it is \[1.0\]"),
    (("views", "louder", "most_clipped"), 0.1, "views: louder: 'most_clipped' belongs to its gate"),
    (("gate", "louder", "most_clipped"), 2, "gate: louder: most_clipped: it is 2. it must be less than or equal to 1"),
    (("gate", "louder", "min_agreement"), 0.1, "gate: louder: the gate got an unexpected option 'min_agreement'"),
    (("features", "loudness.moments", "order"), 1.5, "loudness.moments: order: it is 1.5"),
    (("features", "loudness.moments", "order"), True, "loudness.moments: order: it is True"),
    (("runs", "nearest", "sharpness"), -1, "runs: nearest: sharpness: it is -1. it must be greater than 0"),
    (("runs", "stacked", "ridge"), "1", "runs: stacked: ridge: it is '1'"),
    (("protocols", "turns", "start"), "first", "protocols: turns: start: it is 'first'. it must be a valid integer"),
    (("protocols", "turns", "folds"), 2, "alternating: 2 folds leave nobody for train. ask for 3"),
    (("analyses", "mistakes", "most"), None, "analyses: mistakes: most: it is None"),
    (("metrics",), [{"UA": {"of": 1}}], "config: metrics: 0"),
    (("sections",), [{"results": {"of": 1}}], "config: sections: 0"),
]


@pytest.mark.parametrize(("path", "value", "words"), OPTIONS)
def test_an_option_of_the_wrong_type_is_refused_at_planning_time(planted, monkeypatch, path, value, words):
    with pytest.raises(InputError, match=words):
        plan_of(monkeypatch, edited(path, value))


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), [float("nan")], float("inf"), {1: {2}}])
def test_a_value_that_json_cannot_hold_is_refused_for_an_untyped_option(planted, monkeypatch, value):
    planted("encoder", "order: Count = 2", "order: Count = 2, more=None")
    with pytest.raises(InputError, match=r"loudness.moments: more: it is .* it must consist of text"):
        plan_of(monkeypatch, edited(("features", "loudness.moments", "more"), value))


@pytest.mark.parametrize(
    ("example", "function", "words"),
    [
        ("encoder", "check_load", "check_load.. raised KeyError: 'order_'"),
        ("model", "check_train", "check_train.. raised KeyError"),
        ("split", "check_split", "check_split.. raised KeyError"),
        ("view", "check_extract", "check_extract.. raised KeyError"),
        ("augmented_view", "check_augment", "check_augment.. raised KeyError"),
        ("analysis", "check_analyse", "check_analyse.. raised KeyError"),
    ],
)
def test_an_exception_in_a_check_of_options_names_its_file(planted, monkeypatch, example, function, words):
    planted(example, new=f"def {function}(**options):\n    return options['order_']\n\n\n")
    with pytest.raises(InputError, match=f"emospace/{PLACES[example][1]}: {words}"):
        plan_of(monkeypatch, whole())


@pytest.mark.parametrize("function", ["leaky", "check_source"])
def test_an_exception_in_a_function_of_a_view_names_its_file(planted, monkeypatch, function):
    example = "view" if function == "leaky" else "augmented_view"
    takes = "**options" if function == "leaky" else "kind, **options"
    planted(example, new=f"def {function}({takes}):\n    raise KeyError('kind_')\n\n\n")
    with pytest.raises(InputError) as caught:
        plan_of(monkeypatch, whole())
    refused(example, rf"{function}\(\) raised KeyError", caught.value)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            "run:nearest.embeddings",
            "'nearest' has no output 'embeddings': emospace/models/nearest_mean.py declares dist",
        ),
        ("run:probe.embeddings", "'probe' has no output 'embeddings': emospace/models/linear_probe.py declares none"),
        ("run:nearest.gates", "'nearest' has no output 'gates': emospace/models/nearest_mean.py declares distances"),
        ("run:in_turn", "its parent 'in_turn' has another protocol, turns"),
        ("run:nobody", "there is no 'nobody' in runs"),
        ("run:stacked", "which reads it in turn"),
        ("audio.mfcc", "the model 'stacked' does not read 'audio.mfcc', a feature"),
    ],
)
def test_an_output_that_the_parent_does_not_store_is_refused_at_planning_time(planted, monkeypatch, item, words):
    with pytest.raises(InputError, match=f"config: runs: stacked: .*{words}"):
        plan_of(monkeypatch, edited(("runs", "stacked", "inputs"), [item]))


SPEAKERS = [f"s{k:02d}_{'FM'[k % 2]}_{label}_0" for k in range(6) for label in ("hi", "lo")]
SIDES = ["train", "dev", "test"] * 4
TABLE = "utterance,side\n" + "".join(f"{name},{side}\n" for name, side in zip(SPEAKERS, SIDES, strict=True))


def by_table(text: str) -> dict:
    Path("sides.csv").write_text(text, encoding="utf-8")
    turns = {"corpus": "tones", "split": "table", "labels": "tones", "file": "sides.csv"}
    return edited(("protocols", "turns"), turns)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",test", ",train", "sides.csv: fold 0 has no row on the side 'test'. add rows, or declare"),
        (",dev", ",train", "sides.csv: fold 0 has no row on the side 'dev'"),
        (",test", ",tset", "sides.csv: line 4: 's01_M_hi_0' is on the side 'tset'. sides are"),
        (",side", ",part", "sides.csv: its columns are"),
        ("s00_F_lo_0,dev\n", "s00_F_lo_0\n", "sides.csv: line 3: it has more or fewer cells"),
        ("s00_F_lo_0,dev\n", "s00_F_hi_0,train\n", "sides.csv: line 3: .* is on the side 'train' of fold 0 already"),
    ],
)
def test_a_faulty_table_of_sides_is_refused_at_planning_time(planted, monkeypatch, old, new, words):
    with pytest.raises(InputError, match=words):
        plan_of(monkeypatch, by_table(TABLE.replace(old, new)))


# Refused by the job ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(shelf, tmp_path_factory) -> World:
    """The artifacts of the unchanged plug-ins for a few tones."""
    config = whole()
    model = {"model": "nearest_mean", "protocol": "turns", "inputs": ["loudness.moments"]}
    second = {"model": "stacked", "protocol": "turns", "inputs": ["run:probe", "run:probe.distances"]}
    base = {"model": "linear_probe", "protocol": "turns", "inputs": ["loudness.moments"]}
    config |= {"runs": {"base": base, "probe": model, "stacked": second}, "metrics": ["UA", "macro_precision"]}
    config["runs"]["louder"] = {"model": "linear_probe", "protocol": "tones", "inputs": ["audio.mfcc"]}
    config |= {"sections": ["in_one_sentence"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("world"))
        artifacts = World(Path.cwd(), recipes_of(plan_of(patch, config)))
        artifacts.make()
    return artifacts


ROW = " 's00_F_hi_0'"  # the first row of the manifest
JOBS = [  # job, example, old, new, words
    (
        "index",
        "corpus",
        "    return int(name.stem",
        "    return (name.stem",
        r"group\('s0.*returned 's0.\[1:\]'|group.* returned",
    ),
    ("index", "corpus", "    import soundfile\n", "    import soundfile_\n", r"index\(\) raised ModuleNotFoundError"),
    ("index", "corpus", "label=label,\n", "emotion=label,\n", r"index\(\) raised TypeError: .*'emotion'"),
    ("index", "corpus", "label=label,\n", "label=None,\n", rf"index\(\), Utterance 0,{ROW}: its label is None"),
    ("index", "corpus", "end=seconds", 'end=f"{seconds}"', rf"Utterance 0,{ROW}: its end is '0.5', not float"),
    ("index", "corpus", "return rows, problems", "return rows", r"index\(\) returned .*\(rows, problems\)"),
    ("index", "corpus", "return rows, problems", "return rows, ['bad']", "it is 'bad', not a Problem"),
    ("index", "corpus", "", "def words(root, rows):\n    return []\n\n\n", r"words\(\) tells of 0 rows, there are 12"),
    ("index", "corpus", "", "def words(root, rows):\n    return [3] * 12\n\n\n", rf"words\(\) tells 3 of{ROW}"),
    ("merge", "corpus", "", "def expected(rows, **o):\n    return [3]\n\n\n", r"expected\(\), Problem 0: it is 3"),
    ("merge", "corpus", "", "def expected(rows, **o):\n    return 1 / 0\n\n\n", r"expected\(\) raised ZeroDivision"),
    ("extract", "view", "for row in rows)", "for row in rows[1:])", "wrote .* holds 11 rows, the manifest 12"),
    ("extract", "view", "1, keepdims=True", "1", rf"wrote a row 0,{ROW}, that has shape"),
    (
        "extract",
        "view",
        "power + 1e-10",
        "power - 9",
        rf"wrote a row 0,{ROW}, that holds values that are not finite",
    ),
    ("extract", "view", "sound.read(round", "sound.read(row.sound", r"extract\(\) raised AttributeError: .*'sound'"),
    ("extract", "view", '{"unit": "dB"}', '{"unit": {1}}', r"extract\(\) returned"),
    ("extract", "view", '{"unit": "dB"}', '{"unit": float("nan")}', r"extract\(\) returned"),
    ("extract", "view", '{"unit": "dB"}', '{"inputs": 1}', r"extract\(\) returned the fact 'inputs'"),
    ("extract", "view", '{"unit": "dB"}', '{"rows": 3}', "its facts say rows: 3, and its file has 12"),
    ("extract", "view", "return problems, {", "return [3], {", r"extract\(\) returned"),
    (
        "extract",
        "view",
        "    store.write(out, items, dtype=np.float32, dim=1)\n",
        "",
        r"extract\(\) did not write 0.npy",
    ),
    ("extract", "view", "return store.Ragged.open(path, len(rows))", "return path.rows", "reading what .* Attribute"),
    (
        "extract",
        "view",
        "return store.Ragged.open(path, len(rows))",
        "return [np.full(3, np.nan)] * 12",
        rf"wrote .*item 0,{ROW}, holds values that are not finite",
    ),
    ("augment", "augmented_view", "zip(sound, gains, strict=True)", "zip(sound, gains[1:])", "holds 11 rows"),
    ("augment", "augmented_view", "np.clip(np", "np.clop(np", r"augment\(\) raised AttributeError"),
    ("augment", "augmented_view", "np.clip(", "np.stack([item] * 2, 1) + np.resize(", r"augment\(\) "),
    ("augment", "augmented_view", "return [], {}", "return {}", r"augment\(\) returned"),
    ("augment", "augmented_view", "return [], {}", 'return [], {"seen": {1}}', r"augment\(\) returned"),
    ("score", "augmented_view", '"clipped": float', '"cut": float', rf"score\(\) gave{ROW} .*'clipped'"),
    ("score", "augmented_view", '"gain": float(gain)', '"gain": np.nan', rf"score\(\) gave{ROW} nan as gain"),
    ("score", "augmented_view", '"gain": float(gain)', '"gain": "6"', rf"score\(\) gave{ROW} '6' as gain"),
    ("score", "augmented_view", 'else ""}', "else None}", r"score\(\) gave 's.*' the reason None"),
    ("score", "augmented_view", "for old, new in pairs]", "for old, new in [*pairs][1:]]", "scores of 11 rows"),
    ("score", "augmented_view", "return [scores(", "return [1 or scores(", rf"score\(\) gave{ROW} 1, not a dict"),
    ("score", "augmented_view", "old.astype(float)", "old.astyp(float)", r"score\(\) raised AttributeError"),
    ("embed", "encoder", "    def encode(", "    open('weights')\n\n    def encode(", r"load\(\) raised FileNotFound"),
    ("embed", "encoder", "return encode\n", "return 3\n", r"the result of load\(\) cannot be called"),
    ("embed", "encoder", '{"order": order}', '{"order": {order}}', "facts cannot be written as JSON"),
    ("embed", "encoder", '{"order": order}', '{"order": float("nan")}', "facts cannot be written as JSON"),
    ("embed", "encoder", "encode.batch = 16", "encode.batch = 0", "batch is 0"),
    ("embed", "encoder", "for item in items]", "for item in items[1:]]", f"it returned 11 for 12 items,{ROW} to"),
    ("embed", "encoder", "item.mean()", "item.men()", f"called with{ROW} to .* raised AttributeError"),
    ("embed", "encoder", "[[mean, *", "[[np.nan, *", f"for{ROW} it returned values that are not finite"),
    ("embed", "encoder", "np.float32)", "np.int64)", f"for{ROW} it returned int64 of shape"),
    (
        "embed",
        "encoder",
        "range(2, order + 1)",
        "range(2, order + int(item[0, 0] * 1e3) % 2)",
        r"for 's.*' it returned the width ., for 's.*' .",
    ),
    (
        "train",
        "model",
        "    return Trained(",
        "    return 3\n    return Trained(",
        r"train\(\) returned int, not emospace.core.data.Trained",
    ),
    ("train", "model", "fold.train.label == k", "fold.train.emotion == k", r"train\(\) raised AttributeError"),
    ("train", "model", '{"round": 1, "sharpness"', '{"round": {1}, "sharpness"', "Trained.facts cannot be written"),
    ("train", "model", '"spread": float(table.std())', '"spread": "wide"', "Trained.history has in entry 1 'wide'"),
    ("train", "model", '"scale": table.std(0) + 1e-6', '"scale": table.std(0) * np.nan', r"state\['scale'\] holds NaN"),
    ("train", "model", 'checkpoints={"unscaled"', 'checkpoints={"raw"', "Trained.checkpoints has 'raw', which"),
    (
        "train",
        "model",
        'extras={"distances"',
        'extras={"length"',
        "Output.extras has 'length', which extras.. does not",
    ),
    ("train", "model", "weights.sum(1, keepdims=True)", "2", "Output.probabilities has .* no distribution"),
    ("train", "model", "np.arange(len(rows) + 1))", "np.array([0, len(rows)]))", "'distances'. has 1 rows, not 4"),
    (
        "train",
        "model",
        'extras={"distances": ragged})',
        'extras={"distances": ragged}, embeddings=distances)',
        "Output.embeddings holds an array, but EMBEDDINGS is False",
    ),
    (
        "train",
        "model",
        "DETERMINISTIC = True",
        "EMBEDDINGS = True",
        "Output.embeddings is None, but EMBEDDINGS is True",
    ),
    (
        "stack",
        "two_stage_model",
        "np.exp(4 *",
        "np.log(0 *",
        r"Output.probabilities holds values in row 0 that are not",
    ),
    ("stack", "two_stage_model", "np.linalg.solve", "np.linalg.sole", r"train\(\) raised AttributeError"),
    ("protocol", "split", '"test", 1', '"tset", 1', r"split\(\) put 's01_M_hi_0' of fold 0 on the side 'tset'"),
    ("protocol", "split", "for row in rows]", "for row in rows[1:]]", r"split\(\) returned 11 of 12 rows for fold 0"),
    ("protocol", "split", "in range(folds)]\n\n\ndef", "in range(2)]\n\n\ndef", r"split\(\) returned 2 folds"),
    ("protocol", "split", 'return {0: "test"', 'return {0: "dev"', "no row on the side 'test'"),
    ("protocol", "split", "row.speaker for", "row.talker for", r"split\(\) raised AttributeError: .*'talker'"),
    ("protocol", "split", "    return [[", "    return None or 3 or [[", r"split\(\) returned 3, not a list"),
    ("protocol", "split", '"train")\n', "3)\n", r"split\(\) put .* on the side 3"),
    ("protocol", "split", '{0: "test", 1', '{0: "dev", 2: "test", 1: "test", 3', "times over the folds|no row on"),
    ("evaluate", "metric", "precision.mean(-1)", "1 + precision.mean(-1)", r"value\(\) returned .* outside"),
    ("evaluate", "metric", "precision.mean(-1)", "precision", r"value\(\)"),
    (
        "evaluate",
        "metric",
        "[truth.label * classes",
        "[1 + truth.emotion * classes",
        r"statistics\(\) raised Attribute",
    ),
    (
        "evaluate",
        "metric",
        "    return np.eye(",
        "    return np.nan * np.eye(",
        r"statistics\(\) returned .* for row 0",
    ),
    ("evaluate", "metric", "+ predicted.label]", "+ predicted.label][1:]", r"statistics\(\) returned shape \(11, 4\)"),
    ("analyse", "analysis", '"mistakes": len(wrong)', '"mistakes": {1}', "facts that analyse.. returned are no JSON"),
    ("analyse", "analysis", 'out / "mistakes.svg"', 'out / "mistakes.png"', "did not write 'mistakes.svg'"),
    ("analyse", "analysis", "truth.rows[i].utterance", "truth.rows[i].name", r"analyse\(\) raised AttributeError"),
    ("report", "section", "    scored = [", "    return [1]\n    scored = [", r"gather\(\) returned a list"),
    ("report", "section", "    scored = [", "    return {}\n    scored = [", "its template raised UndefinedError"),
    ("report", "section", "results.summary if", "results.sumary if", r"gather\(\) raised AttributeError"),
]


@pytest.mark.parametrize(("job", "example", "old", "new", "words"), JOBS)
def test_a_broken_contract_is_refused_by_the_job_which_leaves_no_outputs(
    planted, world, tmp_path, job, example, old, new, words
):
    planted(example, old, new)
    out = tmp_path / "out/tones/made"
    with pytest.raises(InputError) as caught:
        world.train(out, "stacked") if job == "stack" else getattr(world, job)(out)
    refused(example, words, caught.value)
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_unknown_ids_and_sides_without_rows_are_refused_by_the_job(planted, world, tmp_path, monkeypatch):
    config = by_table(TABLE.replace("s03_M_hi_0", "s03_M_ha_0"))
    known = recipes_of(plan_of(monkeypatch, config))["make_protocol", "turns"]
    out = tmp_path / "out"
    monkeypatch.setitem(world.recipes, ("make_protocol", "turns"), known)
    with pytest.raises(InputError, match=r"sides.csv: line 8: the corpus has no utterance .s03_M_ha_0"):
        world.protocol(out)
    # All its test rows belong to a class that the protocol excludes.
    sides = {name: "test" if "_lo_" in name else ("train", "dev")[k % 4 > 1] for k, name in enumerate(SPEAKERS)}
    by_table("utterance,side\n" + "".join(f"{name},{side}\n" for name, side in sides.items()))
    chosen = known | {"labels": {"tones": {"name": "tones", "map": {"hi": "high"}}}, "sides": ["train", "dev", "test"]}
    chosen |= {"files": {"file": sha256(Path("sides.csv"))}}
    monkeypatch.setitem(world.recipes, ("make_protocol", "turns"), chosen)
    with pytest.raises(InputError, match=r"sides.csv: fold 0 has no row on the side 'test'"):
        world.protocol(out)
    assert not out.exists()


def test_parts_of_different_width_are_refused_with_the_name_of_the_encoder(world, tmp_path):
    """Parts of a feature, and copies that replace a row, must have the same width."""
    stores = []
    for part, width in (("0", 3), ("1", 4)):
        path = tmp_path / f"f/tones/loudness.moments/{part}.npy"
        store.write(path, [np.ones((1, width))] * 2, dtype=np.float32)
        write_json(path.with_suffix(".json"), {"recipe": {"feature": "loudness.moments", "plugin": "moments"}})
        stores.append(store.Ragged.open(path))
    words = r"moments/1.npy: it has steps of shape \(4,\), .*moments/0.npy of \(3,\);"
    words += " emospace/features/encoders/moments.py wrote"
    for join in (store.concatenate, lambda stores: store.stack([stores[0][0], stores[1][0]], stores)):
        with pytest.raises(InputError, match=f"{words} it.*see LoadedEncoder in docs/contracts.md"):
            join(stores)


def test_a_full_disk_is_not_blamed_on_a_plug_in():
    with pytest.raises(OSError, match="No space"), plugin.blamed("x.py", "f()", "fix it"):
        raise OSError(errno.ENOSPC, "No space left on device")


# Through Snakemake -------------------------------------------------------------------------------------------------


WRONG = {  # file of the faulty plug-in -> example, old text, new text
    "corpora/noises": ("corpus", "label=label,\n", "emotion=label,\n"),
    "views/quiet": ("view", "for row in rows)", "for row in rows[1:])"),
    "views/odd": ("augmented_view", "return [], {}", 'return [], {"seen": {1}}'),
    "features/encoders/odd": ("encoder", "[[mean, *", "[[np.nan, *"),
    "models/odd": ("model", 'extras={"distances"', 'extras={"length"'),
    "protocols/splits/odd": ("split", '"test", 1', '"tset", 1'),
    "evaluation/metrics/odd": ("metric", "precision.mean(-1)", "1 + precision.mean(-1)"),
    "analyses/odd": ("analysis", '"mistakes": len(wrong)', '"mistakes": {1}'),
    "report/sections/odd": ("section", "results.summary if", "results.sumary if"),
}
CONFIG = {
    "name": "wrong",
    "seed": 1,
    "corpora": {"tones": {"root": "../tones", "parts": 1}},
    "labels": {"tones": {"hi": "high", "lo": "low"}},
    "views": {"loudness": {"window": 0.1}},
    "features": {"loudness.moments": {}},
    "protocols": {"tones": {"corpus": "tones", "split": "alternating", "labels": "tones", "folds": 3}},
    "runs": {"probe": {"model": "linear_probe", "protocol": "tones", "inputs": ["loudness.moments"]}},
    "sections": ["odd"],
    "analyses": {},
}


def with_faulty_plug_ins(config: dict) -> dict:
    """Return the config with a faulty plug-in of every other kind, each where it breaks no other job."""
    probe, tones, one = config["runs"]["probe"], config["protocols"]["tones"], config["corpora"]["tones"]
    features = {"quiet.moments": {}, "loudness.odd": {}, "audio.mfcc": {}, "odd.mfcc": {}}
    runs = {"first": {"model": "odd"}, "third": {"inputs": ["loudness.odd"]}}
    # A separate corpus, because no run trains before all views of its corpus exist.
    runs["second"] = {"inputs": ["quiet.moments"], "protocol": "hums"}
    runs |= {"fourth": {"inputs": ["audio.mfcc"], "augment": ["odd"]}, "fifth": {"protocol": "odd"}}
    runs |= {"sixth": {"protocol": "noises"}}
    noises = {"corpus": "noises", "split": "speaker", "labels": "tones", "folds": 3}
    more = {
        "corpora": {"noises": one, "hums": one | {"reader": "tones"}},
        "views": {"quiet": {}, "odd": {}},
        "features": features,
        "protocols": {"odd": tones | {"split": "odd"}, "noises": noises, "hums": tones | {"corpus": "hums"}},
        "runs": {name: probe | run for name, run in runs.items()},
        "analyses": {"odd": {"runs": ["probe"]}},
    }
    return merged(config, more)


TOLD = [  # error that Snakemake prints for a faulty plug-in, files that must not exist afterwards
    ("corpora/noises.py: index() raised TypeError", "data/manifest/noises/0.*"),
    ("views/quiet.py: quiet.extract() wrote a file that is refused", "data/views/hums/quiet/0.*"),
    ("views/odd.py: odd.augment() returned", "data/augmented/views/tones/odd/0.*"),
    (
        "features/encoders/odd.py: for 's00_F_hi_0' it returned values that are not finite",
        "data/features/tones/loudness.odd/0.*",
    ),
    ("models/odd.py: Output.extras has 'length'", "results/wrong/runs/first/*/*"),
    ("protocols/splits/odd.py: split() put", "results/wrong/protocols/odd*/**"),
    ("analyses/odd.py: the facts that analyse() returned", "results/wrong/analyses/probe/odd/*"),
]


@pytest.mark.slow
@pytest.mark.workflow
def test_jobs_of_faulty_plug_ins_fail_with_one_line_each_and_leave_no_outputs(tmp_path):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    tones(tmp_path / "tones", each=2)
    for example in ("corpus", "view", "encoder", "split"):
        plant(project, example)
    for place, (example, old, new) in WRONG.items():
        code = code_of(example)
        assert old in code
        (project.folder / f"emospace/{place}.py").write_text(code.replace(old, new), encoding="utf-8")
    project.configure(CONFIG)
    output = project.snakemake("report", check=False)
    assert "ERROR emospace/report/sections/odd.py: gather() raised AttributeError" in output, output[-3000:]
    assert not list(project.folder.glob("results/wrong/report.*"))
    project.configure(CONFIG | {"metrics": ["UA", "odd"], "sections": ["results"]})
    output = project.snakemake("report", check=False)
    assert "ERROR emospace/evaluation/metrics/odd.py: value() returned" in output, output[-3000:]
    assert not [path for path in project.folder.glob("results/wrong/evaluation/probe/*") if path.is_file()]
    project.configure(with_faulty_plug_ins(CONFIG) | {"sections": ["results"]})
    output = project.snakemake("report", "analyse", "--keep-going", check=False)
    errors = "\n".join(line for line in output.splitlines() if "ERROR" in line)
    for words, left in TOLD:
        assert f"ERROR emospace/{words}" in errors, errors
        assert not [path for path in project.folder.glob(left) if path.is_file()], left
