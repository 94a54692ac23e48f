"""The frames_aug view makes one reproducible draw per utterance, and reports bad pictures and invalid transforms."""

import inspect
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, utterance
from PIL import Image

from emospace.core.errors import InputError
from emospace.media.pictures import EPOCH, Frames
from emospace.views import frames, frames_aug
from emospace.views.frames_aug import ALLOWED, DEFAULT, apply, build, draw

FLIP = [{"name": "HorizontalFlip"}]
SIZE = (96, 64)  # width, height


def extract(source: Path, out: Path, names: list[str], **options):
    return frames_aug.augment([utterance(name) for name in names], source, out, **options)


def picture(number: int) -> np.ndarray:
    """Smooth colours, uint8 (64, 96, 3), which every transform of the list changes."""
    coarse = np.random.default_rng(number).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC))


def jpeg(pixels: np.ndarray) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=95)
        return file.getvalue()


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


def pack(path: Path, rows: dict[str, list[bytes]]) -> Path:
    """Write a frames view."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, row in rows.items():
            for k, content in enumerate(row):
                archive.writestr(zipfile.ZipInfo(f"{name}/{k}.jpg", EPOCH), content)
    return path


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    """Twelve utterances with three pictures each."""
    rows = {f"u{i:02d}": [jpeg(picture(3 * i + k)) for k in range(3)] for i in range(12)}
    return pack(tmp_path_factory.mktemp("parent") / "0.zip", rows)


def ids(path: Path) -> list[str]:
    with Frames(path) as view:
        return list(view.counts)


def read(path: Path) -> dict[str, list[bytes]]:
    with Frames(path) as view:
        return {name: view.row(name) for name in view.counts}


def test_the_copy_has_the_entries_of_its_parent(parent, tmp_path):
    problems, facts = extract(parent, tmp_path / "a.zip", [*ids(parent), "none"], seed=0)
    assert problems == []
    assert (facts["rows"], facts["missing"], facts["frames"]) == (13, 1, 36)
    assert sum(facts["transforms"].values()) == 12 and list(facts["transforms"]) == [e["name"] for e in DEFAULT]
    with zipfile.ZipFile(parent) as old, zipfile.ZipFile(tmp_path / "a.zip") as new:
        assert new.namelist() == old.namelist()
        assert {(e.date_time, e.compress_type) for e in new.infolist()} == {(EPOCH, zipfile.ZIP_STORED)}
        for name in new.namelist():
            image = Image.open(io.BytesIO(new.read(name)))
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SIZE)
            assert new.read(name) != old.read(name)


def test_bytes_depend_on_the_seed_but_not_on_the_process(parent, tmp_path):
    """A process with another hash seed and number of threads writes the same bytes; another seed gives others."""
    extract(parent, tmp_path / "a.zip", ids(parent), seed=0)
    code = (
        "import sys, json; sys.path += ['tests', 'tests/views']; from pathlib import Path;"
        "from test_frames_aug import extract;"
        "extract(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), seed=0)"
    )
    command = [sys.executable, "-c", code, str(parent), str(tmp_path / "b.zip"), json.dumps(ids(parent))]
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    extract(parent, tmp_path / "c.zip", ids(parent), seed=1)
    first, second, third = ((tmp_path / f"{n}.zip").read_bytes() for n in "abc")
    assert first == second != third


def test_a_picture_does_not_depend_on_order_neighbours_or_number_of_pictures(parent, tmp_path):
    names = ids(parent)
    extract(parent, tmp_path / "all.zip", names, seed=3)
    extract(parent, tmp_path / "back.zip", names[::-2], seed=3)
    fewer = pack(tmp_path / "fewer.zip", {name: row[:1] for name, row in read(parent).items()})
    extract(fewer, tmp_path / "one.zip", names, seed=3)
    whole, back, one = (read(tmp_path / f"{n}.zip") for n in ("all", "back", "one"))
    assert list(back) == names[::-2] and all(back[name] == whole[name] for name in back)
    assert all(one[name] == whole[name][:1] for name in names)


def uniform(path: Path) -> bool:
    """Are the pictures of each utterance equal?"""
    rows = read(path)
    return len(rows) > 0 and all(len({bytes(p) for p in row}) == 1 for row in rows.values())


def test_one_draw_for_all_pictures_of_an_utterance(tmp_path, monkeypatch):
    """Equal pictures stay equal; the same check detects transforms that draw anew for each picture."""
    equal = [jpeg(picture(0))] * 4
    source = pack(tmp_path / "equal.zip", {f"u{i}": equal for i in range(24)})
    extract(source, tmp_path / "a.zip", ids(source), seed=0)
    assert uniform(tmp_path / "a.zip")
    assert len({row[0] for row in read(tmp_path / "a.zip").values()}) > 10, "each utterance has its own draw"
    monkeypatch.setattr(frames_aug, "apply", lambda transform, _number, image: transform(image=image)["image"])
    extract(source, tmp_path / "b.zip", ids(source), seed=0)
    assert not uniform(tmp_path / "b.zip")


def test_a_transform_applies_to_all_pictures_of_an_utterance_or_none(parent, tmp_path):
    """With flip and grey, either all pictures of an utterance are mirrored or all are grey."""
    _, facts = extract(parent, tmp_path / "a.zip", ids(parent), seed=0, transforms=[*FLIP, {"name": "ToGray"}])
    old, new = read(parent), read(tmp_path / "a.zip")
    flipped = 0
    for name in old:
        changes = set()
        for before, after in zip(old[name], new[name], strict=True):
            mirrored = np.abs(pixels(after) - pixels(before)[:, ::-1]).mean() < 5
            grey = np.ptp(pixels(after), axis=2).max() <= 3
            assert mirrored != grey
            changes.add(mirrored)
        assert len(changes) == 1
        flipped += changes.pop()
    assert facts["transforms"] == {"HorizontalFlip": flipped, "ToGray": 12 - flipped} and 0 < flipped < 12


def test_exactly_one_transform_is_applied(tmp_path, monkeypatch):
    source = pack(tmp_path / "s.zip", {f"u{i}": [jpeg(picture(i))] * 2 for i in range(30)})
    applied = []
    real = frames_aug.apply

    def spy(transform, number, image):
        applied.append(type(transform).__name__)
        changed = real(transform, number, image)
        assert transform.params, "the transform was skipped"
        return changed

    built = build(DEFAULT)
    monkeypatch.setattr(frames_aug, "build", lambda _: built)
    monkeypatch.setattr(frames_aug, "apply", spy)
    _, facts = extract(source, tmp_path / "a.zip", ids(source), seed=0)
    assert len(applied) == 60
    assert {name: 2 * n for name, n in facts["transforms"].items()} == Counter(applied)


def test_all_six_transforms_are_drawn_equally_often():
    """6,000 ids: each count is within four standard deviations (29) of 1,000; sequential ids give no pattern."""
    chosen = [draw(0, f"Ses01F_impro01_F{i:03d}", 6)[0] for i in range(6000)]
    assert all(abs(n - 1000) < 4 * 29 for n in Counter(chosen).values()) and len(set(chosen)) == 6
    pairs = Counter(pairwise(chosen))
    assert len(pairs) == 36 and max(pairs.values()) < 240  # 167 expected, standard deviation 13
    assert len({draw(0, str(i), 6)[1] for i in range(1000)}) == 1000
    assert draw(0, "Ses01F_impro01_F000", 6) == (3, 2024116753), "draws have changed since this test was written"
    assert draw(1, "a", 1 << 60) != draw(0, "a", 1 << 60) != draw(0, "b", 1 << 60)


def test_the_allowed_options_match_those_of_the_library():
    """ALLOWED is a literal so that planning needs no import; this test compares it with the library."""
    import albumentations

    excluded = {"p", "fit_output", "num_output_channels", "ensure_safe_range"}
    for name, known in ALLOWED.items():
        assert set(known) == set(inspect.signature(getattr(albumentations, name)).parameters) - excluded, name


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.filterwarnings("ignore:ShiftScaleRotate is a special case")
def test_every_allowed_transform_keeps_the_shape_and_is_reproducible(name):
    listed = {entry["name"]: entry for entry in DEFAULT}
    [transform] = build([listed.get(name, {"name": name})])
    source = picture(1)
    results = [apply(transform, number, source) for number in (5, 6, 5)]
    assert all(result.shape == source.shape and result.dtype == np.uint8 for result in results)
    assert (results[0] == results[2]).all()
    assert (source == picture(1)).all(), "the source is not modified"


def test_strengths_of_the_default_list():
    """albumentations uses the limits of the list, rather than silently replacing them by its defaults."""
    flip, light, shift, hue, blur, grey = build(DEFAULT)
    assert (light.brightness_limit, light.contrast_limit) == ((-0.2, 0.2), (-0.2, 0.2))
    assert shift.translate_percent == {"x": (-0.0625, 0.0625), "y": (-0.0625, 0.0625)}
    assert shift.scale == {"x": (0.9, 1.1), "y": (0.9, 1.1)} and shift.rotate == (-20, 20) and shift.border_mode == 4
    assert (hue.hue_shift_limit, hue.sat_shift_limit, hue.val_shift_limit) == ((-20, 20), (-30, 30), (-20, 20))
    assert blur.blur_limit == (3, 7) and {t.p for t in (flip, light, shift, hue, blur, grey)} == {1.0}


def test_unreadable_pictures_are_reported_and_the_others_kept(parent, tmp_path):
    """Garbage, half a JPEG, an empty entry and another format are reported; the other pictures of the row are kept."""
    good = jpeg(picture(0))
    with io.BytesIO() as file:
        Image.fromarray(picture(0)).save(file, "PNG")
        png = file.getvalue()
    bad = {"garbage": b"\xff\xd8 no picture", "cut": good[: len(good) // 2], "empty": b"", "png": png}
    rows = {name: [good, content, good] for name, content in bad.items()}
    source = pack(tmp_path / "bad.zip", rows | {"lost": [b""], "fine": [good]})
    problems, facts = extract(source, tmp_path / "a.zip", ids(source), seed=0, transforms=FLIP)
    assert [(p.utterance, p.file, p.reason) for p in problems] == [
        *((name, f"{name}/1.jpg", "unreadable") for name in bad),
        ("lost", "lost/0.jpg", "unreadable"),
    ]
    assert all("cannot be decoded" in p.detail and p.remedy and not p.dropped for p in problems)
    assert facts == {"rows": 6, "missing": 1, "frames": 9, "transforms": {"HorizontalFlip": 5}}
    kept = read(tmp_path / "a.zip")
    assert {name: len(row) for name, row in kept.items()} == dict.fromkeys(bad, 2) | {"fine": 1}
    clean = pack(tmp_path / "clean.zip", {"cut": [good, good]})
    extract(clean, tmp_path / "b.zip", ["cut"], seed=0, transforms=FLIP)
    assert read(tmp_path / "b.zip")["cut"] == kept["cut"]


def test_a_damaged_byte_in_the_zip_fails_its_checksum(parent, tmp_path):
    content = bytearray(parent.read_bytes())
    with zipfile.ZipFile(parent) as archive:
        entry = archive.getinfo("u03/1.jpg")
    content[entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2] ^= 0xFF
    broken = tmp_path / "broken.zip"
    broken.write_bytes(content)
    problems, facts = extract(broken, tmp_path / "a.zip", ids(broken), seed=0)
    assert [p.file for p in problems] == ["u03/1.jpg"] and "CRC" in problems[0].detail and facts["frames"] == 35


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_parent_that_is_not_a_zip_is_rejected_and_leaves_no_output(content, tmp_path):
    source = tmp_path / "p.zip"
    if content:
        source.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.zip: not a readable zip"):
        extract(source, tmp_path / "out" / "a.zip", ["u"], seed=0)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ([], "have at least 1 item"),
        ("HorizontalFlip", "be a list"),
        (["HorizontalFlip"], "item 1 must be a mapping"),
        ([{"nmae": "ToGray"}], "unexpected option 'nmae'. did you mean 'name'"),
        ([{"name": "HorizontalFlipp"}], "'HorizontalFlipp'.*did you mean 'HorizontalFlip'"),
        ([{"name": "Lambda"}], "no transform 'Lambda'"),
        ([{"name": "ReplayCompose"}], "no transform 'ReplayCompose'"),
        ([{"name": ["ToGray"]}], "name: it is .*it must be a valid string"),
        ([{"name": "ToGray", "option": {}}], "'option'.*did you mean 'options'"),
        ([{"name": "ToGray", "options": [1]}], "options: it is .*it must be a mapping"),
        ([{"name": "GaussianBlur", "options": {"blur_limits": 3}}], "'blur_limits'.*did you mean 'blur_limit'"),
        ([{"name": "HorizontalFlip", "options": {"p": 0.5}}], "unexpected option 'p'. leave it out"),
        ([{"name": "ToGray", "options": {"num_output_channels": 1}}], "num_output_channels"),
        ([{"name": "Affine", "options": {"fit_output": True}}], "fit_output"),
        ([{"name": "GaussianBlur", "options": {"blur_limit": "wide"}}], "GaussianBlur rejects its options.*blur_limit"),
        ([{"name": "GaussianBlur", "options": {"blur_limit": [3, 7], "sigma_limit": [0, 0]}}], "rejects its options"),
        ([{"name": "HueSaturationValue", "options": {"hue_shift_limit": "much"}}], "HueSaturationValue rejects"),
    ],
)
def test_an_invalid_list_is_rejected(transforms, message):
    with pytest.raises(InputError, match=message) as error:
        build(transforms, "config.yaml: views: frames_aug")
    assert str(error.value).startswith("config.yaml: views: frames_aug: ")


def test_the_list_can_be_written_in_a_config_file():
    """YAML and JSON have lists instead of tuples, and options may be absent or null."""
    parsed = json.loads(json.dumps([*DEFAULT, {"name": "ToGray", "options": None}]))
    for one, other in zip(build(DEFAULT), build(parsed), strict=False):
        assert (apply(one, 9, picture(2)) == apply(other, 9, picture(2))).all()


def test_the_import_is_light_and_does_not_use_the_network():
    """Planning imports the module alone; `build` disables the version check before it imports albumentations."""
    code = (
        "import sys; from emospace.views import frames_aug; heavy = {'albumentations', 'cv2', 'PIL', 'torch', 'tqdm'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "import urllib.request; opened = []; urllib.request.OpenerDirector.open = lambda *a, **k: opened.append(a);"
        "import socket; real = socket.socket.connect; socket.socket.connect = lambda *a: opened.append(a);"
        "frames_aug.build([{'name': 'ToGray'}]); assert not opened, opened; assert 'albumentations' in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)


def test_real_films(grid, tmp_path):
    """Frames of GRID films keep their entries and sizes; each is changed, and the bytes are reproducible."""
    films = sorted(grid.glob("*.mpg"))[:6]
    rows = [utterance(f"g_{film.stem}", video=film.name, end=2.0) for film in films]
    problems, _ = frames.extract(rows, grid, tmp_path / "0.zip", frames=4, extractor="pyav")
    assert not problems
    names = [row.utterance for row in rows]
    problems, facts = extract(tmp_path / "0.zip", tmp_path / "a.zip", names, seed=0)
    extract(tmp_path / "0.zip", tmp_path / "b.zip", names, seed=0)
    assert not problems and facts["frames"] == 4 * len(films)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    old, new = read(tmp_path / "0.zip"), read(tmp_path / "a.zip")
    for name in names:
        for before, after in zip(old[name], new[name], strict=True):
            assert pixels(after).shape == pixels(before).shape
            assert 1 < np.abs(pixels(after) - pixels(before)).mean() < 100


def test_the_documented_list_is_the_default():
    page = (ROOT / "docs/augmentation.md").read_text(encoding="utf-8")
    documented = yaml.safe_load(re.search(r"```yaml\s+(transforms:.*?)```", page, re.DOTALL)[1])["transforms"]
    assert documented == DEFAULT
