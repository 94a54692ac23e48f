"""Damaged corpora end in lines of the quality table or one clear error, never in a traceback, a hang or silence."""

import hashlib
import os
import resource
import subprocess
from dataclasses import replace
from itertools import count
from pathlib import Path

import _spoilt
import av
import pytest
from conftest import shipped

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.plugin import find
from emospace.media import opening
from emospace.media.confined import confined
from emospace.views import audio, frames, text

SECONDS, MEMORY = 20, 2 * 2**30  # limits of CPU time and memory (bytes)
CHEAP, ALL, BLOCK = 100, 1000, 100


class Corpus:
    """A small corpus, and the outputs and problems when one of its files is damaged."""

    def __init__(self, folder: Path, layout: str):
        self.root, self.out, self.reader = folder / layout, folder / f"{layout}.out", find("corpora", layout)
        _spoilt.LAYOUTS[layout](self.root)
        self.out.mkdir()
        self.files = {path: (self.root / path).read_bytes() for path, _ in walk(str(self.root))}
        self.cache: dict[tuple, tuple[str, list[manifest.Problem]]] = {}
        self.good, problems = self.extracted()
        assert not problems, problems

    def extracted(self, damaged: str = "", extractor: str = "ffmpeg") -> tuple[dict[str, str], set[manifest.Problem]]:
        """Digest of each output, and all problems."""
        indexed, problems = self.reader.index(self.root, [path for path, _ in walk(str(self.root))])
        kept, unusable = manifest.check(indexed)
        manifest.write(self.out / "rows.csv", kept)
        rows, problems = manifest.read(self.out / "rows.csv"), problems + unusable
        digests = {"rows": digest(self.out / "rows.csv")}
        for view in ("audio", "video"):
            digests[view], more = self.view(view, rows, damaged, extractor)
            problems += more
        problems += text.extract(rows, self.out, self.out / "text.csv")[0]
        manifest.write_problems(self.out / "quality.csv", problems)
        assert all(p.reason in manifest.REASONS and p.remedy for p in problems)
        return digests, set(manifest.read_problems(self.out / "quality.csv"))

    def view(self, view: str, rows: list, damaged: str, extractor: str) -> tuple[str, list[manifest.Problem]]:
        """Digest and problems of the audio or frames view; cached while its files and times are the same."""
        bare = tuple(replace(r, text="", label="", valence=None, arousal=None, dominance=None) for r in rows)
        media = {getattr(r, view) for r in rows}
        key = view, bare, digest(self.root / damaged) if damaged and damaged in media else ""
        if key not in self.cache:
            out = self.out / {"audio": "audio.npy", "video": "frames.zip"}[view]
            if view == "audio":
                problems, _ = audio.extract(rows, self.root, out)
            else:
                problems, _ = frames.extract(rows, self.root, out, frames=2, size=64, extractor=extractor)
            self.cache[key] = digest(out), problems
        return self.cache[key]

    def try_mutant(self, seed: int) -> str:
        """Run a mutant; return the fault in how it ended, or ""."""
        name, mutation, content = _spoilt.mutant(seed, self.files)
        (self.root / name).write_bytes(content)
        begin, before = cpu_time(), peak()
        try:
            digests, problems = self.extracted(name, "pyav" if seed % 2 else "ffmpeg")
            silent = digests != self.good and not problems and reported(self.root / name)
            fault = f"changed {[k for k in digests if digests[k] != self.good[k]]} silently" if silent else ""
        except InputError as error:
            fault = "" if error.remedy else f"no remedy: {error}"
        except Exception as error:
            fault = f"{type(error).__name__}: {str(error)[-600:]}"
        finally:
            (self.root / name).write_bytes(self.files[name])
        fault = fault or (f"{cpu_time() - begin:.0f} s" if cpu_time() - begin > SECONDS else "")
        fault = fault or (f"{peak() / 2**20:.0f} MB" if before < MEMORY < peak() else "")
        return f"mutant {seed} ({name}, {mutation}): {fault}" if fault else ""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cpu_time() -> float:
    """CPU seconds of this process and its children, which do not depend on the load of the machine."""
    return sum(os.times()[:4])


def peak() -> int:
    """Peak memory, in bytes, of this process or any of its children."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def reported(path: Path) -> bool:
    """Does any decoder report damage in a file: the ffmpeg program, or PyAV's libraries (of another version)?

    Damage that none of them reports, such as another bit in WAV or AAC that decodes to other samples, is undetectable.
    """
    if path.suffix == ".txt":
        return False
    command = ["ffmpeg", "-nostdin", "-v", "error", "-err_detect", "crccheck", "-i", f"file:{path}", "-f", "null", "-"]
    if subprocess.run(command, capture_output=True, check=False).stderr:
        return True
    return next(confined(_complaints, [str(path)], lambda file: Path(file).stat().st_size)) != b""


def _complaints(path: str) -> bytes:
    with opening.reports() as errors, av.open(opening.source(path), **opening.READING) as container:
        try:
            for _ in container.decode():
                pass
        except av.FFmpegError as error:
            return opening.message_of(error).encode()
        return "\n".join(errors()).encode()


@pytest.fixture(scope="module", params=list(_spoilt.LAYOUTS))
def corpus(request, tmp_path_factory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("fuzz"), request.param)


def test_a_hundred_damaged_corpora(corpus):
    faults = list(filter(None, map(corpus.try_mutant, range(CHEAP // len(_spoilt.LAYOUTS)))))
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(CHEAP, CHEAP + ALL // len(_spoilt.LAYOUTS), BLOCK))
def test_a_thousand_damaged_corpora(corpus, first):
    """In blocks, so that failures appear early and a block can be repeated alone."""
    faults = list(filter(None, map(corpus.try_mutant, range(first, first + BLOCK))))
    assert not faults, "\n".join(faults)


def config(layout: str, root: Path) -> dict:
    """The smallest config that reads all media of a corpus."""
    protocol = {"ravdess": {"split": "actors", "folds": 3, "labels": "ravdess8"}}
    protocol |= {"iemocap": {"split": "session", "labels": "iemocap4"}}
    return shipped("config.yaml") | {
        "corpora": {layout: {"root": str(root), "parts": 1}},
        "private_remote": "vault",
        "views": {"audio": {}, "frames": {"frames": 2, "size": 64}, "text": {}},
        "weights": {},
        "features": {"audio.mfcc": {}},
        "protocols": {"folds": {"corpus": layout, **protocol[layout]}},
        "runs": {"probe": {"model": "linear_probe", "protocol": "folds", "inputs": ["audio.mfcc"]}},
    }


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("layout", _spoilt.LAYOUTS)
def test_damaged_corpora_through_snakemake(layout, project, tmp_path, monkeypatch):
    """All files of the corpus are damaged at once, twice."""
    monkeypatch.delenv(f"EMOSPACE_{layout.upper()}", raising=False)  # it would replace this corpus
    root = tmp_path / layout
    _spoilt.LAYOUTS[layout](root)
    files = {path: (root / path).read_bytes() for path, _ in walk(str(root))}
    settings = config(layout, root)
    project.configure(settings)
    project.snakemake("views")
    quality = project.folder / f"data/quality/{settings['name']}/{layout}.csv"
    before = set(manifest.read_problems(quality))
    assert {p.reason for p in before} <= {"count"}  # as the corpus is incomplete
    seeds = count(CHEAP + ALL)
    for _ in range(2):
        for name in files:
            mutants = (_spoilt.mutant(seed, files) for seed in seeds)
            (root / name).write_bytes(next(content for chosen, _, content in mutants if chosen == name))
        done = project.run("snakemake", "--cores", "2", "views", check=False)
        assert "Traceback" not in done.stdout, done.stdout[-6000:]
        assert done.returncode or set(manifest.read_problems(quality)) - before, done.stdout
        assert not done.returncode or "ERROR" in done.stdout, done.stdout[-6000:]
