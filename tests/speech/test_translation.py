"""The job that translates what was recognised, run by its script as the workflow does; and killed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path

import pytest
from _marian import LINES, tiny_marian
from _results import read_csv
from conftest import ROOT, utterance

from emospace.core import manifest, texts
from emospace.core.provenance import read_json, read_recipe, write_json
from emospace.speech import recognition
from emospace.speech.translation import Settings, translate
from emospace.views import _translated
from emospace.weights.record import RECORD, Weights
from workflow_scripts.augment_view import job

OPTIONS = {"num_beams": 2, "max_source": 24, "max_output": 6, "budget": 1}  # one piece at a time: many batches
MADE = {"out": "spoken.csv", "quality": "spoken.quality.csv", "sidecar": "spoken.json"}
FILES = {"manifest": "m.csv", "source": "recognised.csv", "cache": "cache"} | MADE  # argument -> path
NAMES = ["tiny_en_fr", "tiny_fr_en"]
PATIENCE = 120  # seconds


def recognised() -> list[tuple[str, str]]:
    """(text, flag) of each row: a recogniser's table, with every flag it knows and words that nobody can translate."""
    draw = random.Random(0)
    words = sorted({word.strip(".!?;,") for line in LINES for word in line.split()})
    speech = [(" ".join(draw.sample(words, 3 + i % 3)), "") for i in range(18)]
    return [*speech[:9], *(("", flag) for flag in recognition.FLAGS if flag), ("12 ...", ""), *speech[9:]]


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> list[Weights]:
    folder = tmp_path_factory.mktemp("models")
    steps = [("en", "fr"), ("fr", "en")]
    return [tiny_marian(folder / f"tiny_{a}_{b}", seed, a, b, end=60) for seed, (a, b) in enumerate(steps)]


def part(folder: Path, options: dict, chain: list[str] = NAMES) -> Path:
    """Write what the job reads."""
    heard, flags = zip(*recognised(), strict=True)
    names = [f"d_{i:03d}" for i in range(len(heard))]
    manifest.write(folder / FILES["manifest"], [utterance(name) for name in names])
    texts.write(folder / FILES["source"], names, heard, flag=flags)
    write_json(folder / FILES["source"].replace(".csv", ".json"), {})
    about = {"plugin": "audio_tts", "step": "spoken", "reader": "audio", "weights": {"chain": chain}}
    write_json(folder / "recipe.json", about | {"options": options})
    return folder


def records(weights: list[Weights]) -> list[Path]:
    return [model.directory / RECORD for model in weights]


def start(folder: Path, weights: list[Weights]) -> subprocess.Popen:
    """Start the job in a process of its own."""
    words = [sys.executable, "-m", "workflow_scripts.augment_view", "--recipe", "recipe.json", "--log", "log/0.log"]
    words += ["--weights", *map(str, records(weights)), *(f"--{name}={path}" for name, path in FILES.items())]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def whole(chain, tmp_path_factory) -> Path:
    """Folder in which the job translated the part undisturbed; in this process, which has imported all it needs."""
    folder = part(tmp_path_factory.mktemp("whole"), OPTIONS)
    paths = {name: Path(path) for name, path in FILES.items()}
    with contextlib.chdir(folder):
        job(Namespace(**paths, weights=records(chain), threads=1, read=[]), read_recipe(Path("recipe.json")))
    return folder


def test_an_empty_chain_hands_on_what_was_recognised(tmp_path):
    finish(start(part(tmp_path, {}, []), []))
    heard, spoken = read_csv(tmp_path / "recognised.csv"), read_csv(tmp_path / "spoken.csv")
    assert [(row["utterance"], row["text"]) for row in spoken] == [(row["utterance"], row["text"]) for row in heard]
    assert [row["flag"] for row in spoken] == ["" if row["text"] else "empty source" for row in heard]
    assert manifest.read_problems(tmp_path / "spoken.quality.csv") == []
    facts = read_json(tmp_path / "spoken.json")
    assert facts["flags"] == {"ok": 19, "empty source": 5} and facts["weights"] == []


def test_a_chain_of_two_translates_what_was_recognised(whole, chain):
    heard, spoken = read_csv(whole / "recognised.csv"), read_csv(whole / "spoken.csv")
    assert [row["utterance"] for row in spoken] == [row["utterance"] for row in heard]
    said = [text for text, _ in recognised()]
    once, cut, _ = translate(said, chain[:1], Settings(**OPTIONS))
    twice, cut_again, _ = translate(once, chain[1:], Settings(**OPTIONS))
    assert [row["text"] for row in spoken] == twice
    lost = [any(pair) for pair in zip(cut, cut_again, strict=True)]
    wanted = [_translated.flag(*row) for row in zip(said, twice, lost, strict=True)]
    assert [row["flag"] for row in spoken] == wanted and set(wanted) == set(_translated.FLAGS)
    for before, between, row in zip(said, once, spoken, strict=True):
        assert len({before, between, row["text"]}) == 3 or row["flag"] in ("empty source", "empty result", "unchanged")
    empty = [row["utterance"] for row in spoken if row["flag"] == "empty result"]
    problems = manifest.read_problems(whole / "spoken.quality.csv")
    assert [problem.utterance for problem in problems] == empty
    facts = read_json(whole / "spoken.json")
    assert facts["flags"] == dict(Counter(flag or "ok" for flag in wanted))
    assert [model["name"] for model in facts["weights"]] == ["tiny_en_fr", "tiny_fr_en"]
    assert not (whole / FILES["cache"]).exists()


def kept(folder: Path) -> dict[str, tuple[int, int]]:
    """Finished batches: name -> what changes when the file is written anew."""
    found = {path.name: path.stat() for path in folder.glob("[!.]*.json")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def test_killed_after_its_first_batch_it_goes_on_there(whole, chain, tmp_path):
    """The cache is behind a link, which the job does not follow to remove it at its end: so one can look into it."""
    saved = tmp_path / "saved"
    saved.mkdir()
    (tmp_path / FILES["cache"]).symlink_to(saved)
    victim = start(part(tmp_path, OPTIONS), chain)
    end = time.monotonic() + PATIENCE
    while not kept(saved) and victim.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    victim.kill()
    _, output = victim.communicate()
    assert victim.returncode == -signal.SIGKILL, output
    first = kept(saved)
    assert first and not any((tmp_path / name).exists() for name in MADE.values())
    finish(start(tmp_path, chain))
    for name in MADE.values():
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    last = kept(saved)
    assert first.items() < last.items()
    models = read_json(tmp_path / "spoken.json")["translation"]["models"]
    assert len(last) == sum(model["pieces"] for model in models)  # no batch has a second file
