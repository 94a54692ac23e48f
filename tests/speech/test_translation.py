"""The job that translates recognised speech, run by its script as in the workflow, killed and resumed."""

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

OPTIONS = {"num_beams": 2, "max_source": 24, "max_output": 6, "budget": 1}  # one piece per batch: many batches
OUTPUTS = {"out": "spoken.csv", "quality": "spoken.quality.csv", "sidecar": "spoken.json"}
FILES = {"manifest": "m.csv", "source": "recognised.csv", "cache": "cache"} | OUTPUTS  # argument -> path
NAMES = ["tiny_en_fr", "tiny_fr_en"]
PATIENCE = 120  # seconds


def recognised() -> list[tuple[str, str]]:
    """Return (text, flag) per row of a recogniser's table, with every flag and a text without words."""
    draw = random.Random(0)
    words = sorted({word.strip(".!?;,") for line in LINES for word in line.split()})
    speech = [(" ".join(draw.sample(words, 3 + i % 3)), "") for i in range(18)]
    return [*speech[:9], *(("", flag) for flag in recognition.FLAGS if flag), ("12 ...", ""), *speech[9:]]


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> list[Weights]:
    folder = tmp_path_factory.mktemp("weights")
    steps = [("en", "fr"), ("fr", "en")]
    return [tiny_marian(folder / f"tiny_{a}_{b}", seed, a, b, end=60) for seed, (a, b) in enumerate(steps)]


def part(folder: Path, options: dict, chain: list[str] = NAMES) -> Path:
    """Write the inputs of the job."""
    heard, flags = zip(*recognised(), strict=True)
    names = [f"d_{i:03d}" for i in range(len(heard))]
    manifest.write(folder / FILES["manifest"], [utterance(name) for name in names])
    texts.write(folder / FILES["source"], names, heard, flag=flags)
    write_json(folder / FILES["source"].replace(".csv", ".json"), {})
    recipe = {"plugin": "audio_tts", "step": "spoken", "reader": "audio", "weights": {"chain": chain}}
    write_json(folder / "recipe.json", recipe | {"options": options})
    return folder


def records(weights: list[Weights]) -> list[Path]:
    return [model.directory / RECORD for model in weights]


def start(folder: Path, weights: list[Weights]) -> subprocess.Popen:
    """Start the job in a process of its own."""
    command = [sys.executable, "-m", "workflow_scripts.augment_view", "--recipe", "recipe.json", "--log", "log/0.log"]
    command += ["--weights", *map(str, records(weights)), *(f"--{name}={path}" for name, path in FILES.items())]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr


@pytest.fixture(scope="module")
def whole(chain, tmp_path_factory) -> Path:
    """Folder in which the job ran without interruption; in this process, which has imported everything already."""
    folder = part(tmp_path_factory.mktemp("whole"), OPTIONS)
    paths = {name: Path(path) for name, path in FILES.items()}
    with contextlib.chdir(folder):
        job(Namespace(**paths, weights=records(chain), threads=1, read=[], inputs=[]), read_recipe(Path("recipe.json")))
    return folder


def test_an_empty_chain_copies_the_recognised_texts(tmp_path):
    finish(start(part(tmp_path, {}, []), []))
    heard, spoken = read_csv(tmp_path / "recognised.csv"), read_csv(tmp_path / "spoken.csv")
    assert [(row["utterance"], row["text"]) for row in spoken] == [(row["utterance"], row["text"]) for row in heard]
    assert [row["flag"] for row in spoken] == ["" if row["text"] else "empty source" for row in heard]
    assert manifest.read_problems(tmp_path / "spoken.quality.csv") == []
    facts = read_json(tmp_path / "spoken.json")
    assert facts["flags"] == {"ok": 19, "empty source": 5} and facts["weights"] == []


def test_a_chain_of_two_translates_the_recognised_texts(whole, chain):
    heard, spoken = read_csv(whole / "recognised.csv"), read_csv(whole / "spoken.csv")
    assert [row["utterance"] for row in spoken] == [row["utterance"] for row in heard]
    originals = [text for text, _ in recognised()]
    once, cut, _ = translate(originals, chain[:1], Settings(**OPTIONS))
    twice, cut_again, _ = translate(once, chain[1:], Settings(**OPTIONS))
    assert [row["text"] for row in spoken] == twice
    truncated = [any(pair) for pair in zip(cut, cut_again, strict=True)]
    flags = [_translated.flag(*row) for row in zip(originals, twice, truncated, strict=True)]
    assert [row["flag"] for row in spoken] == flags and set(flags) == set(_translated.FLAGS)
    for before, between, row in zip(originals, once, spoken, strict=True):
        assert len({before, between, row["text"]}) == 3 or row["flag"] in ("empty source", "empty result", "unchanged")
    empty = [row["utterance"] for row in spoken if row["flag"] == "empty result"]
    problems = manifest.read_problems(whole / "spoken.quality.csv")
    assert [problem.utterance for problem in problems] == empty
    facts = read_json(whole / "spoken.json")
    assert facts["flags"] == dict(Counter(flag or "ok" for flag in flags))
    assert [model["name"] for model in facts["weights"]] == ["tiny_en_fr", "tiny_fr_en"]
    assert not (whole / FILES["cache"]).exists()


def cached(folder: Path) -> dict[str, tuple[int, int]]:
    """Finished batches: name -> inode and mtime, which change if the file is rewritten."""
    stats = {path.name: path.stat() for path in folder.glob("[!.]*.json")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_a_job_killed_after_its_first_batch_resumes_there(whole, chain, tmp_path):
    """The cache is a symlink; the finished job removes the link alone, so the batches behind it can be inspected."""
    saved = tmp_path / "saved"
    saved.mkdir()
    (tmp_path / FILES["cache"]).symlink_to(saved)
    victim = start(part(tmp_path, OPTIONS), chain)
    end = time.monotonic() + PATIENCE
    while not cached(saved) and victim.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    victim.kill()
    _, output = victim.communicate()
    assert victim.returncode == -signal.SIGKILL, output
    first = cached(saved)
    assert first and not any((tmp_path / name).exists() for name in OUTPUTS.values())
    finish(start(tmp_path, chain))
    for name in OUTPUTS.values():
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    last = cached(saved)
    assert first.items() < last.items()
    models = read_json(tmp_path / "spoken.json")["translation"]["models"]
    assert len(last) == sum(model["pieces"] for model in models)  # no batch was cached twice
