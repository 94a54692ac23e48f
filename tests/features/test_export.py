"""The export: files contain every number of the stores, and a failure leaves nothing half done.

Covers: features/export_inputs.
"""

import csv
import time

import numpy as np
import pytest
from _results import corpus, read_csv, script
from conftest import utterance

from emospace.core import manifest, store, texts
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.features import export

SHAPES = {"text.sbert": 8, "text_bt.sbert": 8, "frames.clip": 5, "frames_aug.clip": 5, "audio.mfcc": 20}
SHAPES["audio_tts.mfcc"] = 20
LABELS = {"name": "four", "map": {"ang": "ang", "exc": "hap", "hap": "hap", "neu": "neu"}}
ODD = 'He said "no, \u00e9t\u00e9",\nand [SIGH] left.'


def weight_facts(name: str) -> dict:
    """Facts on weights in the sidecar of a feature."""
    encoder = name.split(".")[1]
    weights = None if encoder == "mfcc" else {"name": f"my_{encoder}"}
    return {"recipe": {"feature": name}, "weights": weights, "random_weights": encoder == "clip"}


@pytest.fixture
def home(tmp_path):
    """Nine utterances in two parts, one without pictures, one with a label outside the map; CLIP is random."""
    codes = ["ang", "exc", "hap", "neu", "xxx", "ang", "neu", "exc", "hap"]
    rows = [utterance(f"u{i}", part=str(i % 2), label=code) for i, code in enumerate(codes)]
    rows.sort(key=lambda row: (row.part, row.utterance))
    corpus(tmp_path, rows, name="iemocap")
    random = np.random.default_rng(0)
    for part in "01":
        ids = [row.utterance for row in rows if row.part == part]
        for name, width in SHAPES.items():
            steps = [1 if name.startswith("text") else 3 + i for i in range(len(ids))]
            if name == "frames.clip" and part == "1":
                steps[1] = 0
            matrices = [random.normal(size=(n, width)).astype(np.float32) for n in steps]
            store.write(tmp_path / name / f"{part}.npy", matrices, dtype=np.float32)
            write_json(tmp_path / name / f"{part}.json", weight_facts(name))
        texts.write(tmp_path / f"text/{part}.csv", ids, [f"{ODD} {u}" for u in ids])
        texts.write(tmp_path / f"made/{part}.csv", ids, [f"copy of {u}" for u in ids], flag=[""] * len(ids))
        for name in ("text", "made"):
            write_json(tmp_path / name / f"{part}.json", {})
    return tmp_path


def arguments(home, names=tuple(SHAPES)) -> list:
    given = [word for name in names for word in ("--feature", name, *(f"{name}/{part}.npy" for part in "01"))]
    tables = ["--texts", "text/0.csv", "text/1.csv", "--made", "made/0.csv", "made/1.csv"]
    tables += ["--text-sidecars", *(f"{folder}/{part}.json" for folder in ("text", "made") for part in "01")]
    tables += ["--feature-sidecars", *(f"{name}/{part}.json" for name in names for part in "01")]
    given += ["--manifest-sidecar", "data/manifest/iemocap.json", "--out", "out", "--sidecar", "export.json"]
    return ["--manifest", "data/manifest/iemocap.csv", *given, *tables]


def run(home, *more, check: bool = True):
    return script(home, "export_arrays", {"options": {}, "labels": LABELS}, *arguments(home), *more, check=check)


def test_every_array_is_the_row_of_its_store(home):
    done = run(home)
    rows = manifest.read(home / "data/manifest/iemocap.csv")
    assert set(export.FOLDERS) == {name.split(".")[0] for name in SHAPES}
    arrays = 0
    for name, width in SHAPES.items():
        view = name.split(".")[0]
        for part in "01":
            mine = [row for row in rows if row.part == part]
            for row, matrix in zip(mine, store.Ragged.open(home / name / f"{part}.npy", len(mine)), strict=True):
                path = home / "out" / export.FOLDERS[view] / f"{row.utterance}.npy"
                assert path.exists() == (bool(len(matrix)) and row.label != "xxx")
                if path.exists():
                    array, arrays = np.load(path), arrays + 1
                    assert array.dtype == np.float32 and array.flags.c_contiguous
                    assert (array == {"text": matrix[0], "audi": matrix.T, "fram": matrix}[view[:4]]).all()
                    assert array.shape == (
                        (width,) if "text" in view else matrix.T.shape if "audio" in view else matrix.shape
                    )
    assert arrays == 6 * 8 - 1 and "the config has no feature" not in done.stderr
    assert "frames_embedding lacks 1 utterances, such as u3" in done.stderr


def test_tables_have_the_expected_columns_and_rows(home):
    run(home)
    plain, full = read_csv(home / "out/iemocap.csv"), read_csv(home / "out/iemocap_features.csv")
    assert list(plain[0]) == ["FileName", "Sentences", "Label", "text", "AugmentedText"]
    assert [row["FileName"] for row in plain] == ["u0", "u2", "u6", "u8", "u1", "u3", "u5", "u7"]
    assert plain[0]["Sentences"] == f"{ODD} u0" and plain[0]["AugmentedText"] == "copy of u0"
    assert plain[0]["text"] == "he said no \u00e9t\u00e9 and left u0"
    numbers = {"ang": "1", "exc": "3", "hap": "3", "neu": "0"}
    for row in full:
        assert row["Label_num"] == numbers[row["Label"]] and row["aug_mfcc_embeddings"]
        for name in export.FOLDERS.values():
            assert not row[name] or np.load(home / "out" / row[name]).size
    assert [row["FileName"] for row in full if not row["frames_embedding"]] == ["u3"]
    sidecar = read_json(home / "export.json")
    assert sidecar["missing"]["frames_embedding"] == ["u3"] and sidecar["files"]["mfcc_embeddings"] == 8
    assert (
        sidecar["rows"] == 8
        and sidecar["left_out"] == 1
        and set(sidecar["outputs"]) == {"iemocap.csv", "iemocap_features.csv"}
    )


def test_a_folder_without_a_feature_is_not_created(home):
    script(home, "export_arrays", {"options": {}}, *arguments(home, ["text.sbert", "audio.mfcc"]))
    assert sorted(path.name for path in (home / "out").iterdir() if path.is_dir()) == [
        "mfcc_embeddings",
        "text_embeddings",
    ]


def test_random_weights_are_reported(home):
    stderr = run(home).stderr
    readme = (home / "out/README.txt").read_text()
    features = read_json(home / "export.json")["features"]
    for name in SHAPES:
        folder, random = export.FOLDERS[name.split(".")[0]], name.endswith(".clip")
        assert features[folder] == {
            "feature": name,
            "weights": weight_facts(name)["weights"] and weight_facts(name)["weights"]["name"],
            "random": random,
        }
        assert (f"random weights: the encoder of {name} " in stderr) == random
        line = next(line for line in readme.splitlines() if line.startswith(f"{folder}/: {name}"))
        assert ("RANDOM WEIGHTS" in line) == random
    assert "frames_embedding/: frames.clip, weights my_clip: RANDOM" in readme


def test_one_random_part_marks_the_folder_as_random(home):
    write_json(home / "text.sbert/1.json", weight_facts("text.sbert") | {"random_weights": True})
    run(home)
    assert read_json(home / "export.json")["features"]["text_embeddings"]["random"]


def test_without_a_label_map_every_row_is_exported(home):
    script(home, "export_arrays", {"options": {}}, *arguments(home))
    numbers = {row["Label"]: row["Label_num"] for row in read_csv(home / "out/iemocap_features.csv")}
    assert numbers == {"neu": "0", "ang": "1", "hap": "3", "exc": "4", "xxx": "5"}


def test_an_export_is_byte_stable_and_replaces_an_earlier_one(home):
    run(home)
    first = {path.relative_to(home): path.read_bytes() for path in sorted((home / "out").rglob("*.*"))}
    (home / "out/mfcc_embeddings/stale.npy").write_bytes(b"old")
    run(home)
    assert first == {path.relative_to(home): path.read_bytes() for path in sorted((home / "out").rglob("*.*"))}
    assert not list(home.glob(".out*"))


def test_a_failure_leaves_only_the_earlier_export(home):
    run(home)
    before = sorted(path.name for path in home.iterdir())
    offsets = np.load(home / "audio.mfcc/1.offsets.npy")
    np.save(home / "audio.mfcc/1.offsets.npy", offsets[:-1])
    done = run(home, check=False)
    assert done.returncode == 1 and "audio.mfcc" in done.stderr
    rows = manifest.read(home / "data/manifest/iemocap.csv")

    def fail(row):
        raise InputError("x", "broken", "mend it")

    with pytest.raises(InputError, match="broken"):
        export.write(home / "out", "x", rows, {"audio": fail}, str, str, LABELS["map"], {})
    assert sorted(path.name for path in home.iterdir()) == before and (home / "out/iemocap.csv").exists()


@pytest.mark.parametrize(
    ("name", "words"), [("audio.other", "a second"), ("voice.mfcc", "no feature of one of the six")]
)
def test_features_without_a_folder_are_rejected(home, name, words):
    done = run(home, "--feature", name, "audio.mfcc/0.npy", "audio.mfcc/1.npy", check=False)
    assert done.returncode == 1 and words in done.stderr and not (home / "out").exists()


def test_a_label_map_without_matching_labels_is_rejected(home):
    rows = manifest.read(home / "data/manifest/iemocap.csv")
    with pytest.raises(InputError, match="the labels of the corpus are: ang"):
        export.write(home / "out", "x", rows, {}, str, str, {"zzz": "z"}, {})


def test_many_utterances_are_exported_quickly(tmp_path):
    rows = [utterance(f"u{i:05d}") for i in range(10_000)]
    matrix = np.ones((120, 20), np.float32)
    start = time.perf_counter()
    export.write(
        tmp_path / "out", "x", rows, {"audio": lambda row: matrix}, lambda row: "a", lambda row: "", {"neu": "neu"}, {}
    )
    assert time.perf_counter() - start < 60  # seconds; about 4 on an idle core
    with open(tmp_path / "out/x_features.csv", encoding="utf-8", newline="") as handle:
        assert sum(1 for _ in csv.DictReader(handle)) == 10_000
    assert np.load(tmp_path / "out/mfcc_embeddings/u09999.npy").shape == (20, 120)
