"""The audio_tts chain with real programs and models: Whisper, two tiny translators, espeak-ng, and Whisper again."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _augmented import NAMES, small, tiny_weights
from _results import read_csv
from conftest import TINY, Project, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.core.store import Ragged
from emospace.core.words import word_error_rate
from emospace.corpora import demo
from emospace.speech.translation import Settings, translate
from emospace.views import _translated
from emospace.weights.fetch import fetch
from emospace.weights.record import open_weights

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SEARCH = {"num_beams": 2, "max_source": 24, "max_output": 6}  # so short that some texts are cut off
SILENT, NOISY = "Ses01F_impro01_F002", "Ses02M_impro01_M001"
AWKWARD = {SILENT: "no audio", NOISY: "empty result"}  # utterance -> the recogniser's flag
PARTS, FOLDS = range(3), ("fold0", "fold1", "fold2")
VOICE, FEATURE = "views/demo/audio_tts", "features/demo/audio_tts.mfcc"
RUNS = "results/demo/runs/probe_tts"


def configured(weights: dict[str, dict], root: str) -> dict:
    """The speech of the small demo. The gate accepts everything, as texts of tiny translators are unintelligible."""
    config = small(shipped("config.yaml"))
    speech = {"recognise": {"engine": "whisper", "weights": "hears"}, "translate": {"chain": NAMES, **SEARCH}}
    limits = {"min_duration_ratio": 0, "max_duration_ratio": 100, "max_loudness_db": 100, "max_word_errors": 100}
    probe = {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}
    return config | {
        "corpora": {"demo": {"parts": 3, "options": {"expect_counts": False}, "root": root}},
        "views": {"audio": {}, "audio_tts": speech},
        "features": {"audio.mfcc": {}, "audio_tts.mfcc": {}},
        "weights": weights | {"hears": TINY},
        "runs": {"probe": probe, "probe_tts": probe | {"augment": ["audio_tts"]}},
        "gate": {"audio_tts": limits | {"min_agreement": 0}},
    }


def record(root, utterance: str, level: float) -> None:
    """Replace a recording by noise with this standard deviation (in int16 steps), or by silence."""
    [path] = root.rglob(f"sentences/wav/*/{utterance}.wav")
    wave, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, np.int16(np.random.default_rng(0).normal(0, level, len(wave))), rate)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("speech it's"))
    try:
        fetch("hears", TINY, project.folder / "weights/hears")
    except InputError as error:
        pytest.skip(f"Whisper's weights cannot be had: {error}")
    root = tmp_path_factory.mktemp("recorded") / "demo"
    demo.generate(root, sessions=3, dialogues=1)
    record(root, SILENT, 0)
    record(root, NOISY, 30)
    project.configure(configured(tiny_weights(tmp_path_factory.mktemp("weights")), str(root)))
    project.snakemake("augment", *(f"{RUNS}/{fold}-1/run.json" for fold in FOLDS))
    return project


def view(project: Project, name: str) -> Path:
    return project.folder / "data/augmented/views/demo/audio_tts" / name


def manifest_of(project: Project, part: int) -> list[dict[str, str]]:
    return read_csv(project.folder / f"data/manifest/demo/{part}.csv")


def rows_of(project: Project, step: str) -> dict[str, dict[str, str]]:
    """Utterance -> its line in the table of a step, over all parts."""
    return {row["utterance"]: row for part in PARTS for row in read_csv(view(project, f"{part}.{step}.csv"))}


def lengths(project: Project, folder: str) -> dict[str, int]:
    """Utterance -> number of samples, or of steps of a feature; fails for a store with missing rows."""
    lengths_of = {}
    for part in PARTS:
        names = [row["utterance"] for row in manifest_of(project, part)]
        rows = Ragged.open(project.folder / folder / f"{part}.npy", len(names)).lengths
        lengths_of |= dict(zip(names, rows.tolist(), strict=True))
    return lengths_of


def test_every_step_has_a_line_for_every_row(project):
    for part in PARTS:
        names = [row["utterance"] for row in manifest_of(project, part)]
        for step in ("recognised", "spoken", "heard"):
            assert [row["utterance"] for row in read_csv(view(project, f"{part}.{step}.csv"))] == names


def test_speech_is_recognised_and_recordings_without_speech_are_flagged(project):
    recorded, heard = lengths(project, "data/views/demo/audio"), rows_of(project, "recognised")
    assert recorded[SILENT] == 0 < recorded[NOISY]
    assert {name: row["flag"] for name, row in heard.items() if row["flag"]} == AWKWARD
    assert {name for name, row in heard.items() if not row["text"]} == AWKWARD.keys()
    said = [row["text"] for part in PARTS for row in manifest_of(project, part)]
    texts = [row["text"] for row in heard.values()]
    assert word_error_rate(said, texts) < 0.4 and word_error_rate(said, texts[1:] + texts[:1]) > 0.8


def test_the_text_to_say_is_the_output_of_both_translators(project):
    heard, spoken = (rows_of(project, step) for step in ("recognised", "spoken"))
    chain = [open_weights(project.folder / "weights" / name) for name in NAMES]
    texts = [row["text"] for row in heard.values()]
    once, cut, _ = translate(texts, chain[:1], Settings(**SEARCH))
    twice, cut_again, _ = translate(once, chain[1:], Settings(**SEARCH))
    assert [row["text"] for row in spoken.values()] == twice
    for text, between, row, *lost in zip(texts, once, spoken.values(), cut, cut_again, strict=True):
        assert row["flag"] == _translated.flag(text, row["text"], any(lost))
        assert not row["text"] or len({text, between, row["text"]}) == 3
    flags = Counter(row["flag"] for row in spoken.values())
    assert flags.keys() == {"", "empty source", "empty result", "cut off"} and flags[""] > 9, flags
    assert flags["empty source"] == len(AWKWARD)


def test_every_row_with_words_gets_a_voice_and_its_feature(project):
    spoken, heard = (rows_of(project, step) for step in ("spoken", "heard"))
    samples, steps = (lengths(project, f"data/augmented/{name}") for name in (VOICE, FEATURE))
    for name, row in spoken.items():
        assert bool(row["text"]) == bool(samples[name]) == bool(steps[name]) == (heard[name]["flag"] != "no audio"), row
    assert sum(map(bool, samples.values())) > 0.6 * len(samples)
    assert sum(bool(row["text"]) for row in heard.values()) > 0.5 * len(heard)  # part of it resembles words


def test_the_gate_has_a_verdict_for_each_train_row_and_the_audit_passes(project):
    spoken, children = rows_of(project, "spoken"), {}
    for fold in FOLDS:
        table = read_csv(project.folder / f"results/demo/protocols/session/{fold}.csv")
        verdicts = read_csv(project.folder / f"results/demo/augmented/gate/session/{fold}.audio_tts.csv")
        assert [line["utterance"] for line in verdicts] == [
            row["utterance"] for row in table if row["split"] == "train"
        ]
        for line in verdicts:
            row = spoken[line["utterance"]]
            reason = "" if row["text"] else "nothing to say"
            reason = "no audio" if line["utterance"] == SILENT else "cut off" if row["flag"] == "cut off" else reason
            assert line["reason"] == reason and line["verdict"] == ("fail" if reason else "pass"), line
        children[fold] = sum(line["verdict"] == "pass" for line in verdicts)
        facts = read_json(project.folder / f"{RUNS}/{fold}-1/run.json")
        assert facts["children"] == {"audio_tts": children[fold]}
    audit = read_json(project.folder / "results/demo/augmented/audit/session.audio_tts.json")
    assert audit["ok"] and audit["leaks"] == {} and audit["children"] == children and min(children.values()) > 0


def test_rows_without_a_copy_are_reported_with_the_reason(project):
    problems = read_csv(project.folder / "results/demo/augmented/quality/demo.csv")
    reported = {(row["utterance"], row["reason"]) for row in problems}
    empty = {
        (name, "no transcript") for name, row in rows_of(project, "spoken").items() if row["flag"] == "empty result"
    }
    assert reported >= empty | {(NOISY, "no transcript")}
