"""Encoders that keep their contract are encoded; violations are refused with file and utterance.

Covers: core/sidecars, features/encoders/_vectors, features/encoders/table, views/ids.
"""

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import utterance

from emospace.core import manifest, plugin, store
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.core.sidecars import about
from emospace.features.embedding import check_loaded, encode, write_store
from emospace.features.encoders import table
from emospace.plan.outside_files import digests
from emospace.views import ids
from workflow_scripts import embed

PLANTED = """
import numpy as np

VIEWS = ("ids",)


def load(*, scale: float = 1.0):
    def features(items, utterances):
        return [np.full((1, 3), scale * len(name), np.float32) for name in utterances]

    return features
"""
WIDE = np.float32([[1, 2, 3]])


def encoded(encoder, items=("ab", "", "c"), folder: Path | None = None) -> list[np.ndarray]:
    names = [f"u{i}" for i in range(len(items))]
    return list(encode(items, names, lambda: encoder, "emospace/features/encoders/mine.py"))


def test_encoders_get_utterances_with_their_items_and_no_empty_items():
    calls = []

    def encoder(items, utterances):
        calls.append((items, utterances))
        return [np.float32([[len(item)]]) for item in items]

    encoder.batch = 2
    matrices = encoded(encoder, ["", "ab", "", "c", "def"])
    assert calls == [(["ab"], ["u1"]), (["c", "def"], ["u3", "u4"])]
    assert [m.tolist() for m in matrices] == [[], [[2]], [], [[1]], [[3]]]
    assert list(encode(["", ""], ["a", "b"], None, "")) and not calls[2:]  # nothing is loaded


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([WIDE], "it returned 1 for 2 items, 'u0' to 'u2'"),
        ([WIDE] * 3, "it returned 3 for 2 items"),
        (iter([WIDE, WIDE]), "it returned list_iterator for 2 items"),
        (None, "it returned NoneType for 2 items"),
        ([WIDE, WIDE[0]], r"for 'u2' it returned float32 of shape \(3,\), not floats of shape \(T, D\)"),
        ([WIDE, WIDE.astype(int)], "for 'u2' it returned int64"),
        ([[[1.0]], WIDE], "for 'u0' it returned list"),
        ([WIDE, WIDE * np.nan], "for 'u2' it returned values that are not finite"),
        ([WIDE, WIDE.astype(float) * 1e39], "for 'u2' it returned values that are not finite"),
        ([WIDE, WIDE[:, :2]], "for 'u2' it returned the width 2, for 'u0' 3"),
        ([np.empty((2, 0), np.float32)] * 2, "for 'u0' it returned the width 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_invalid_output_is_refused_with_file_and_utterance(answer, words, tmp_path):
    with pytest.raises(InputError, match=f"emospace/features/encoders/mine.py: {words}"):
        names = ["u0", "u1", "u2"]
        write_store(
            tmp_path / "f.npy",
            encode(
                ["ab", "", "c"], names, lambda: lambda items, utterances: answer, "emospace/features/encoders/mine.py"
            ),
        )
    assert not list(tmp_path.iterdir())


def test_a_row_without_steps_is_missing(tmp_path):
    facts = write_store(tmp_path / "f.npy", encoded(lambda items, utterances: [np.empty((0, 9), np.float32), WIDE]))
    assert (facts["rows"], facts["missing"], facts["dim"], facts["steps"]) == (3, 2, 3, 1)


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        (lambda items: 0, r"cannot be called with \(items, utterances\)"),
        (None, "cannot be called"),
        (SimpleNamespace(), "cannot be called"),
    ],
)
def test_the_result_of_load_is_checked(loaded, words):
    with pytest.raises(InputError, match=words):
        check_loaded(loaded, "mine.py")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("facts", {"layers": 2}, r"facts\['layers'\] is 2"),
        ("batch", 0, "batch is 0"),
        ("batch", 1.5, "batch is 1.5"),
        ("facts", {"a": {1}}, "JSON"),
        ("facts", [1], "list"),
    ],
)
def test_attributes_of_a_loaded_encoder_are_checked(name, value, words):
    def encoder(items, utterances): ...

    assert check_loaded(encoder, "mine.py") == {}
    setattr(encoder, name, value)
    with pytest.raises(InputError, match=f"mine.py: .*{words}"):
        check_loaded(encoder, "mine.py")


# The job ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A part of four utterances with the view ids."""
    monkeypatch.chdir(tmp_path)
    rows = [utterance(f"u{i}") for i in range(4)]
    manifest.write(Path("part.csv"), rows)
    ids.extract(rows, Path(), Path("view.csv"))
    write_json(Path("view.json"), {})
    return tmp_path


def job(encoder: str, files=(), known=("part.csv",), **options) -> dict:
    """Run the job in this process; return its sidecar."""
    paths = {n: Path(n) for n in ("view.csv", "view.json", "part.csv", "f.npy", "f.json")}
    names = ("view", "view_sidecar", "manifest", "out", "sidecar")
    args = SimpleNamespace(**dict(zip(names, paths.values(), strict=True)), weights=None, threads=1)
    args.known = [Path(path) for path in known]
    recipe = {"feature": "ids.x", "plugin": encoder, "reader": "ids", "options": options, "files": digests([*files])}
    embed.job(args, recipe)
    return read_json(Path("f.json"))


@pytest.fixture
def plant(monkeypatch, tmp_path):
    """Function that writes an encoder into a folder that belongs to emospace/features/encoders."""
    import emospace.features.encoders

    monkeypatch.setattr(
        emospace.features.encoders, "__path__", [*emospace.features.encoders.__path__, str(tmp_path / "planted")]
    )
    real = plugin.names
    folder = tmp_path / "planted"
    monkeypatch.setattr(plugin, "names", lambda plugins: [*real(plugins), *(p.stem for p in folder.glob("*.py"))])

    def write(name: str, text: str) -> str:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        return name

    return write


def test_freed_memory_stays_in_the_process_while_an_encoder_computes(part, plant, monkeypatch):
    calls = []
    monkeypatch.setattr(embed, "keep_freed_memory", lambda: calls.append(Path("f.npy").exists()))
    job(plant("planted_kept", PLANTED), scale=0.5)
    assert calls == [False]  # once, before anything is written


def test_an_encoder_needs_neither_facts_nor_packages(part, plant):
    facts = job(plant("planted_plain", PLANTED), scale=0.5)
    features = store.Ragged.open(Path("f.npy"), 4)
    assert features.values.tolist() == [[1, 1, 1]] * 4
    assert (facts["encoding"], facts["holds"], facts["rate"], facts["missing"]) == ({}, "embedding", None, 0)


def test_a_failed_job_leaves_no_files(part, plant):
    name = plant("planted_short", PLANTED.replace("for name in utterances]", "for name in utterances[1:]]"))
    with pytest.raises(InputError, match=r"planted_short.py: it returned 3 for 4 items, 'u0' to 'u3'"):
        job(name)
    assert not Path("f.npy").exists() and not Path("f.json").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("VIEWS = ('ids',)\nimport no_such_package\ndef load(): ...", "it cannot be imported"),
        ("def load(): ...", "it has no VIEWS"),
        ("VIEWS = 1\ndef load(): ...", "VIEWS is 1"),
        ("VIEWS = ('ids',)", "it has no function load"),
        ("VIEWS = ('ids',)\ndef load(view): ...", "load.. takes view, which is never passed"),
        ("VIEWS = ('ids',)\nRATE = 'high'\ndef load(): ...", "RATE is 'high'"),
    ],
)
def test_an_invalid_encoder_is_refused_when_planned(text, words, plant):
    name = plant(f"planted_{abs(hash(text))}", text)
    with pytest.raises(InputError, match=f"encoders/{name}.py: {words}"):
        plugin.find("encoders", name)


def test_an_option_named_like_a_key_of_its_block_is_refused(plant):
    name = plant("planted_by", "VIEWS = ('ids',)\ndef load(*, by: int = 1): ...")
    with pytest.raises(InputError, match=r"planted_by.py: the option 'by' of load.. has the name of a key"):
        plugin.check_keys("encoders", name, "load", {"by", "select"})


# Precomputed vectors ---------------------------------------------------------------------------------------------


def vectors(form: str, rows: dict[str, list]) -> dict:
    """Write vectors in one of the formats; return the options that name them."""
    if form == "csv":
        lines = [",".join([name, *map(str, row)]) for name, row in rows.items()]
        Path("v.csv").write_text("\n".join(["utterance,a,b", *lines, ""]))
        return {"file": "v.csv"}
    if form == "npy":
        np.save("v.npy", np.array([*rows.values()], float))
        Path("v.txt").write_text("\n".join([*rows, ""]))
        return {"file": "v.npy", "ids": "v.txt"}
    if form in ("columns", "lists"):
        return {"file": parquet(form, rows)}
    Path("v").mkdir()
    for name, row in rows.items():
        np.save(f"v/{name}.npy", np.array(row, np.float32))
    return {"file": "v"}


def parquet(form: str, rows: dict[str, list]) -> str:
    """Write vectors into a Parquet file, one number or one list a cell; pandas puts the index last."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="an extra: requirements-extra.txt")
    index = pandas.Index([*rows], name="utterance")
    if form == "lists":
        frame = pandas.DataFrame({"vector": [*rows.values()]}, index)
    else:
        frame = pandas.DataFrame([*rows.values()], index, columns=["a", "b"])
    frame.to_parquet("v.parquet")
    return "v.parquet"


FORMS = ["csv", "npy", "folder", "columns", "lists"]


@pytest.mark.parametrize("form", FORMS)
def test_vectors_are_looked_up_by_utterance_and_may_be_missing(form, part):
    options = vectors(form, {"u3": [1.5, 2], "u0": [0, -1]})
    facts = job("table", files=options.values(), **options)
    features = store.Ragged.open(Path("f.npy"), 4)
    assert features.lengths.tolist() == [1, 0, 0, 1] and features.values.tolist() == [[0, -1], [1.5, 2]]
    assert facts["missing"] == 2 and facts["encoding"]["utterances"] == 2
    assert facts["recipe"]["files"].keys() == {*options.values()}  # their digests


@pytest.mark.parametrize("form", FORMS)
def test_vectors_of_unknown_utterances_are_left_out_if_the_config_says_so(form, part):
    options = vectors(form, {"u9": [3, 4], "u0": [0, -1], "x": [5, 6]})
    with pytest.raises(InputError, match=r"'u9' is not an utterance .*\(nor are 1 others\).*`unknown: leave_out`"):
        job("table", files=options.values(), **options)
    facts = job("table", files=options.values(), unknown="leave_out", **options)
    assert (facts["missing"], facts["encoding"]["utterances"], facts["encoding"]["left_out"]) == (3, 1, 2)
    with pytest.raises(InputError, match="none of its 3 utterances belongs to the config's corpora"):
        table.load(**options, unknown="leave_out", known={"a"})


def test_steps_are_the_rows_of_a_table_or_of_an_array_in_a_folder(part):
    Path("v.csv").write_text("utterance,a\nu1,1\nu0,5\nu1,2\n")
    job("table", file="v.csv", steps=True)
    assert store.Ragged.open(Path("f.npy"), 4)[1].tolist() == [[1], [2]]
    with pytest.raises(InputError, match=r"v.csv: row 2: 'u1' occurs again, first in row 0. .*steps"):
        job("table", file="v.csv")
    job("table", **vectors("folder", {"u1": [[1, 2], [3, 4]]}))
    assert store.Ragged.open(Path("f.npy"), 4)[1].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("form", "rows", "words"),
    [
        ("csv", {"u0": [1, 2], "u9": [1, 2]}, "v.csv: row 1: 'u9' is not an utterance .* did you mean 'u"),
        ("npy", {"u0": [1, 2], "zzzz": [1, 2]}, "v.txt: row 1: 'zzzz' is not an utterance"),
        ("folder", {"u9": [1, 2]}, "v/u9.npy: 'u9' is not an utterance"),
        ("csv", {"u0": [1, 2], "u1": [1, "inf"]}, "v.csv: row 1: it holds a value that is not finite"),
        ("csv", {"u0": [1, "two"]}, "v.csv: row 0: a cell is not a number"),
        ("csv", {"u0": [1]}, "v.csv: row 0: it has 2 cells, but the header has 3"),
        ("npy", {"u0": [1, 2], "u1": [np.nan, 2]}, "v.npy: row 1: it holds a value that is not finite"),
        ("folder", {"u0": [1, 2], "u1": [1e39, 2]}, "v/u1.npy: row 0: it holds a value that is not finite"),
        ("folder", {"u0": [1, 2], "u1": [1, 2, 3]}, "v/u1.npy: its width is 3, but that of v/u0.npy is 2"),
        ("folder", {"u0": [[[1.0]]]}, "v/u0.npy: it holds float32 of shape"),
        ("csv", {"u0": [1, 2], "u1": [1, "nan"]}, "v.csv: row 1: it holds a value that is not finite"),
        ("columns", {"u0": [1, 2], "u1": [1, None]}, "v.parquet: row 1: it holds a value that is not finite"),
        ("columns", {"u0": [1, "b"]}, "v.parquet: its column 'b' holds .*string, not numbers"),
        ("columns", {"u9": [1, 2]}, "v.parquet: row 0: 'u9' is not an utterance"),
        ("lists", {"u0": [1.0, 2], "u1": [1.0, None]}, "v.parquet: row 1: it holds a value that is not finite"),
        ("lists", {"u0": [1.0, 2], "u1": [1.0]}, "v.parquet: row 1: its width is 1, but that of row 0 is 2"),
        ("lists", {"u0": ["a", "b"]}, "v.parquet: its lists do not hold numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_invalid_vectors_are_refused_with_file_and_row(form, rows, words, part):
    options = vectors(form, rows)
    with pytest.raises(InputError, match=words):
        job("table", **options)
    assert not Path("f.npy").exists()


def test_pickles_are_refused(part):
    np.save("v.npy", np.array([{}], object), allow_pickle=True)
    Path("v.txt").write_text("u0\n")
    with pytest.raises(InputError, match=r"v.npy: it is not a readable array"):
        job("table", file="v.npy", ids="v.txt")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"file": "none.npy"}, "config: there is no file or folder none.npy"),
        ({"file": "v.npy"}, "config: v.npy does not name the utterances of its rows"),
        ({"file": "v.txt"}, "config: v.txt is neither"),
        ({"file": "v", "ids": "v.txt"}, "`ids` is for a .npy only"),
    ],
)
def test_an_unreadable_table_is_refused_when_planned(options, words, part):
    vectors("npy", {"u0": [1, 2], "u1": [1, 2]})
    Path("v").mkdir()
    with pytest.raises(InputError, match=words):
        plugin.check_options("encoders", "table", "load", options, "config")
    np.save("v.npy", np.ones((3, 2)))
    with pytest.raises(InputError, match=r"v.txt: it names 2 utterances, but v.npy has 3 rows"):
        table.load(file="v.npy", ids="v.txt", known=["u0", "u1"])


def test_parquet_files_need_pyarrow_and_must_be_intact(part, monkeypatch):
    Path("v.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"v\.parquet: it is not a readable Parquet file"):
        pytest.importorskip("pyarrow", reason="an extra: requirements-extra.txt")
        table.load(file="v.parquet", known=["u0"])
    monkeypatch.setattr("emospace.core.extras.version", absent)
    with pytest.raises(InputError, match=r"pyarrow is not installed\. run: pip install pyarrow -c constr"):
        plugin.check_options("encoders", "table", "load", {"file": "v.parquet"}, "config")


def absent(package: str):
    raise PackageNotFoundError(package)


def test_changed_vectors_change_the_recipe_and_stop_a_planned_job(part):
    options = vectors("folder", {"u0": [1, 2]})
    before = digests(["v"])
    assert digests(["v"]) == before
    np.save("v/u0.npy", np.float32([1, 3]))
    assert digests(["v"]) != before
    with pytest.raises(InputError, match="v: it changed while the workflow was running"):
        embed.refuse_changed(before)
    Path("v/u0.npy").rename("v/u1.npy")
    assert len({*before.values(), *digests(["v"]).values()}) == 2
    with pytest.raises(InputError, match="none: no such file"):
        digests(["none"])
    job("table", files=["v"], **options)


# Descriptions of inputs ------------------------------------------------------------------------------------------


def test_inputs_are_described_by_the_sidecars_of_their_parts(tmp_path):
    recorded = {
        "0": ("audio.voice", "cepstral", 16_000),
        "1": ("audio.voice", "cepstral", 16_000),
        "2": ("t.x", "embedding", None),
    }
    for part, (name, holds, rate) in recorded.items():
        write_json(tmp_path / part, {"recipe": {"feature": name}, "holds": holds, "rate": rate})
    write_json(tmp_path / "v", {"recipe": {"view": "audio"}, "sample_rate": 16_000})
    write_json(tmp_path / "n", {"recipe": {"feature": "a.n"}, "holds": "x", "rate": 8, "encoding": {"names": ["one"]}})
    write_json(tmp_path / "m", {"recipe": {"feature": "a.n"}, "holds": "x", "rate": 8, "encoding": {}})
    paths = [tmp_path / name for name in "012vnm"]
    assert about(paths) == {
        "a.n": {"holds": "x", "rate": 8, "layers": 1, "columns": ["one"]},
        "audio.voice": {"holds": "cepstral", "rate": 16_000, "layers": 1},
        "t.x": {"holds": "embedding", "rate": None, "layers": 1},
        "audio": {"holds": "", "rate": 16_000, "layers": 1},
    }
    write_json(paths[1], {"recipe": {"feature": "audio.voice"}, "holds": "cepstral", "rate": 8000})
    with pytest.raises(InputError, match=r"1: it records .*8000.* for 'audio.voice', but .*0 records .*16000"):
        about(paths)


def test_models_get_the_number_of_layers_side_by_side(tmp_path):
    paths = [tmp_path / name for name in "012"]

    def write(*counts):
        for path, layers in zip(paths, counts, strict=True):
            write_json(path, {"recipe": {"feature": "audio.states"}, "holds": "embedding", "layers": layers})

    for counts in ((None, 3, 3), (3, None, 3), (3, 3, None)):  # in one part, every row is missing
        write(*counts)
        assert about(paths) == {"audio.states": {"holds": "embedding", "rate": None, "layers": 3}}
    write(3, None, 2)
    with pytest.raises(InputError, match=r"2: it records .*'layers': 2.* for 'audio.states', but .*0 records"):
        about(paths)


LAYERED = """
import numpy as np

VIEWS = ("ids",)


def load(*, layers: int = 3):
    def features(items, utterances):
        return [np.zeros((1, 6), np.float32) for _ in utterances]

    features.facts = {"layers": list(range(layers))}
    return features
"""


def test_the_sidecar_records_the_number_of_layers(part, plant):
    name = plant("planted_layers", LAYERED)
    facts = job(name)
    assert facts["layers"] == 3 and facts["encoding"]["layers"] == [0, 1, 2]
    assert about([Path("f.json")])["ids.x"]["layers"] == 3
    with pytest.raises(InputError, match="it names 4 layers, but its features have the width 6"):
        job(name, layers=4)


def test_parts_of_different_widths_are_refused_with_both_files(tmp_path):
    stores = []
    for part, width in (("0", 0), ("1", 3), ("2", 4)):
        write_store(tmp_path / f"{part}.npy", [np.ones((width and 1, width), np.float32)])
        stores.append(store.Ragged.open(tmp_path / f"{part}.npy"))
    assert store.concatenate(stores[:2]).values.shape == (1, 3)
    with pytest.raises(InputError, match=r"2.npy: it has steps of shape \(4,\), .*1.npy of \(3,\)"):
        store.concatenate(stores)
