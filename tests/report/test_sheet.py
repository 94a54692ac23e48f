"""Examples of augmented copies: chosen evenly, decodable, escaped, embedded, and absent if the licence forbids it.

Covers: report/sections/augmentation.
"""

import base64
import io
import zipfile

import numpy as np
import pytest
from _reports import EVIL, RECIPE, Page, arguments, tree
from _results import script

from emospace.core import manifest, plugin, store, texts
from emospace.core.provenance import read_json, write_json
from emospace.gate.tables import line, write_scores
from emospace.media.pictures import add, encode
from emospace.report import sheet
from emospace.views import audio_tts, frames_aug, text_bt

SCORES = {
    "text_bt": (text_bt.COLUMNS, {"similarity": 0.81, "changed": 1}),
    "audio_tts": (audio_tts.COLUMNS, {"duration_ratio": 1.1, "loudness_db": -2.5, "word_errors": 0}),
    "frames_aug": (frames_aug.COLUMNS, {"frames": 1, "change": 20.5, "contrast": 0.9}),
}
REASON = {"text_bt": "too far", "audio_tts": "not understood", "frames_aug": "contrast lost"}


def content(uri: str, kind: str) -> bytes:
    head, _, data = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


# Choice -------------------------------------------------------------------------------------------------------------


def lines(passing: int, failing: dict[str, int]) -> tuple[list[dict], list[str]]:
    flaws = [""] * passing + [reason for reason, n in failing.items() for _ in range(n)]
    return [line(f"u{i:03d}", {}, flaw) for i, flaw in enumerate(flaws)], ["abc"[i % 3] for i in range(len(flaws))]


def test_examples_are_spread_over_labels_and_reasons():
    table, labels = lines(40, {"too far": 30, "empty": 1, "unchanged": 9})
    chosen = sheet.choose(table, labels, 9)
    assert [table[i]["verdict"] for i in chosen] == ["pass"] * 6 + ["fail"] * 3
    assert sorted(labels[i] for i in chosen[:6]) == list("aabbcc")
    assert {table[i]["reason"] for i in chosen[6:]} == {"too far", "empty", "unchanged"}


def test_the_choice_depends_on_names_not_on_order():
    table, labels = lines(40, {"too far": 30})
    turned = sheet.choose(table[::-1], labels[::-1], 7)
    names = {table[i]["utterance"] for i in sheet.choose(table, labels, 7)}
    assert names == {table[::-1][i]["utterance"] for i in turned} and names != {f"u{i:03d}" for i in range(7)}


@pytest.mark.parametrize(
    ("passing", "failing", "expected"), [(0, 9, (0, 6)), (9, 0, (6, 0)), (1, 9, (1, 5)), (2, 1, (2, 1))]
)
def test_too_few_of_one_verdict_are_filled_up_with_the_other(passing, failing, expected):
    table, labels = lines(passing, {"empty": failing})
    verdicts = [table[i]["verdict"] for i in sheet.choose(table, labels, 6)]
    assert (verdicts.count("pass"), verdicts.count("fail")) == expected
    assert sheet.choose(table, labels, 0) == [] == sheet.choose([], [], 6)


# Content ------------------------------------------------------------------------------------------------------------


def tone(seconds: float) -> np.ndarray:
    return np.int16(9000 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * 16000)) / 16000))


def test_a_sound_can_be_decoded_and_is_cut():
    import soundfile

    shown = sheet.sound(tone(12.5))
    wave, rate = soundfile.read(io.BytesIO(content(shown["sound"], "audio/mpeg")))
    assert rate == 16000 and shown["seconds"] == 12.5 and len(wave) == pytest.approx(160_000, abs=2500)
    spectrum = np.abs(np.fft.rfft(wave[16000:32000]))
    assert spectrum.argmax() == 300 and wave.std() == pytest.approx(9000 / 2**15 / 2**0.5, rel=0.05)
    assert len(shown["sound"]) < 100_000 and sheet.sound(np.empty(0, np.int16)) == {}
    assert sheet.sound(tone(12.5)) == shown


def test_a_picture_is_scaled_down_and_a_broken_one_is_left_out():
    from PIL import Image

    whole = encode(np.full((400, 720, 3), (200, 30, 30), np.uint8), 90)
    shown = sheet.picture([b"first", whole, b"last"])
    with Image.open(io.BytesIO(content(shown["picture"], "image/jpeg"))) as image:
        assert max(image.size) == sheet.SIDE and np.abs(np.asarray(image)[40, 80] - (200, 30, 30)).max() < 6
    assert sheet.picture([]) == {} == sheet.picture([whole[:300]])


# Report -------------------------------------------------------------------------------------------------------------


def views(folder, rows) -> None:
    """All views of a corpus in one part, with hostile texts; the gate passes two rows of three."""
    ids = [row.utterance for row in rows]
    for name in ("text", "text_bt", "audio_tts/0.spoken", "audio_tts/0.recognised"):
        path = folder / (f"{name}.csv" if "/" in name else f"{name}/0.csv")
        more = {} if name == "text" else {"flag": [""] * len(ids)}
        texts.write(path, ids, [f"{EVIL} {name} {i}" for i in range(len(ids))], **more)
        write_json(path.with_suffix(".json"), {})
    for k, name in enumerate(("audio", "audio_tts")):
        store.write(folder / name / "0.npy", [tone(1 + k) if i else [] for i in range(len(ids))], dtype=np.int16)
        write_json(folder / name / "0.json", {})
    for name in ("frames", "frames_aug"):
        (folder / name).mkdir()
        with zipfile.ZipFile(folder / name / "0.zip", "w") as archive:
            for utterance in ids:
                add(archive, utterance, 0, encode(np.full((64, 64, 3), 90, np.uint8), 90))
        write_json(folder / name / "0.json", {})
    for view, (names, scores) in SCORES.items():
        table = [line(u, scores, "" if i % 3 else REASON[view]) for i, u in enumerate(ids)]
        write_scores(folder / f"gate/{view}.0/0.csv", names, table)
        write_json(folder / f"gate/{view}.0/0.json", {})
        facts = {"corpora": {"toy": "toy"}, "protocol": f"session{EVIL}", "fold": "fold0", "view": view, "rows": 9}
        lost = {"label lost": 4} if view == "audio_tts" else {"too far": 4}
        write_json(folder / f"gate/{view}.json", facts | {"passed": 5, "failed": lost})


def make(folder, view: str, check: bool = True, **options):
    parent, suffix = {"text_bt": ("text", "csv"), "audio_tts": ("audio", "npy"), "frames_aug": ("frames", "zip")}[view]
    given = ["--manifest", "data/manifest/toy.csv", "--manifest-sidecar", "data/manifest/toy.json"]
    given += ["--scores", f"gate/{view}.0/0.csv", "--parent", f"{parent}/0.{suffix}", "--child", f"{view}/0.{suffix}"]
    if view == "audio_tts":
        given += ["--parent-words", "audio_tts/0.recognised.csv", "--child-words", "audio_tts/0.spoken.csv"]
    recipe = {"options": options, "view": view, "sides": list(plugin.find("views", view).SIDES)}
    return script(folder, "make_sheet", recipe, *given, "--out", f"sheets/{view}.json", check=check)


@pytest.fixture(scope="module")
def results_tree(tmp_path_factory):
    folder = tree(tmp_path_factory.mktemp("sheet"))
    views(folder, manifest.read(folder / "data/manifest/toy.csv"))
    for view in SCORES:
        make(folder, view)
    return folder


def report(folder) -> str:
    recipe = RECIPE | {"config": {"seed": 1}}
    more = ["--sheets", *(f"sheets/{view}.json" for view in SCORES), "--gates", *(f"gate/{v}.json" for v in SCORES)]
    script(folder, "make_report", recipe, *arguments(folder), *more)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(results_tree) -> str:
    return report(results_tree)


def test_the_report_shows_counts_and_examples_of_each_view(results_tree, html):
    page = Page(html)
    text = page.text()
    for view, reason in REASON.items():
        assert f"{view} of toy 26 of 39 copies pass the quality gate" in text and f"fail: {reason}" in text
    assert text.count("These examples are material of the corpus toy") == 3 and "similarity 0.81" in text
    # Train rows, passing copies and lost labels of the fold, and the definition of the latter.
    assert text.count("9 5 0") == 2 and text.count("9 5 4 Label lost: a linear probe") == 1
    voices = read_json(results_tree / "sheets/audio_tts.json")["examples"]
    sounds = [1 for item in voices for side in ("before", "after") if "sound" in item[side]]
    assert page.tags.count("article") == 18 and page.tags.count("audio") == len(sounds) >= 10
    assert len([1 for tag, name, value in page.attributes if (tag, name) == ("img", "alt") and value]) == 12


def test_media_are_embedded_and_data_is_escaped(html):
    page = Page(html)
    assert "script" not in page.tags and "<script" not in html.lower()
    sources = [value for tag, name, value in page.attributes if name == "src"]
    assert sources and all(
        value.startswith(("data:audio/mpeg;base64,", "data:image/jpeg;base64,")) for value in sources
    )
    policy = next(value for tag, name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.endswith("media-src data:") and "script-src" not in policy
    # Texts of the text view, its back-translation, and both voices are shown as text.
    assert all(
        f"{EVIL} {name}" in page.text() for name in ("text", "text_bt", "audio_tts/0.spoken", "audio_tts/0.recognised")
    )
    ids = [value for tag, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) and "augmentation" in ids
    assert all(value[1:] in ids for _, name, value in page.attributes if name == "href")


def test_every_sound_has_a_label(html):
    page = Page(html)
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("audio", "aria-label")]
    assert len(labels) == page.tags.count("audio") == len({*labels})
    assert all(label.startswith(("Recording of S", "Synthetic voice of S")) for label in labels)


def test_sheets_and_page_are_byte_stable_and_small(results_tree, html):
    before = {path.name: path.read_bytes() for path in (results_tree / "sheets").iterdir()}
    for view in SCORES:
        make(results_tree, view)
    assert before == {path.name: path.read_bytes() for path in (results_tree / "sheets").iterdir()}
    assert report(results_tree) == html and len(html) < 2_000_000 and str(results_tree) not in html


def test_examples_of_a_closed_corpus_are_shown_only_on_request(results_tree):
    path = results_tree / "data/manifest/toy.json"
    open_corpus = read_json(path)
    write_json(path, open_corpus | {"public": False})
    try:
        make(results_tree, "text_bt")
        closed = read_json(results_tree / "sheets/text_bt.json")
        make(results_tree, "text_bt", examples=2)
        requested = read_json(results_tree / "sheets/text_bt.json")
    finally:
        write_json(path, open_corpus)
        make(results_tree, "text_bt")
    assert closed["examples"] == [] and closed["passed"] == 26 and len(requested["examples"]) == 2


def test_examples_can_be_switched_off_and_there_is_no_section_without_augmentation(results_tree):
    make(results_tree, "audio_tts", examples=0)
    page = Page(report(results_tree))
    make(results_tree, "audio_tts")
    assert "audio" not in page.tags and "audio_tts of toy 26 of 39" in page.text()
    script(results_tree, "make_report", RECIPE, *arguments(results_tree))
    assert "Augmentation" not in (results_tree / "report.html").read_text(encoding="utf-8")
