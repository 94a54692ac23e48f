"""Recognisers for tests: real Whisper weights from a package, folders of Vosk models, engines with given answers."""

import contextlib
from pathlib import Path

import numpy as np

from emospace.core.provenance import sha256, write_json
from emospace.weights.record import Weights, open_weights


def opened(folder: Path, record: dict) -> Weights:
    write_json(folder / "weights.json", record)
    return open_weights(folder)


def of_folder(folder: Path) -> Weights:
    """A record of whatever a folder holds, as the source `local` would write it."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "weights.json"]
    described = {str(p.relative_to(folder)): {"sha256": sha256(p), "size": p.stat().st_size} for p in files}
    return Weights("vosk_en", folder, "local", f"local {folder}", "", described, False, "")


def said(text: str) -> np.ndarray:
    """A short sentence by espeak-ng, int16 at 16 kHz."""
    from emospace.speech.prosody import Setting
    from emospace.speech.voices import Espeak

    return Espeak(30)(text, "en-us", Setting(rate=150))


def vosk_folder(folder: Path, conf: str = "--use-energy=false\n") -> Path:
    """The names that a Vosk model has, with nothing of use in them."""
    contents = {"am/final.mdl": "x", "conf/mfcc.conf": conf, "conf/model.conf": "x", "graph/HCLr.fst": "x"}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def engine_of(listen):
    """An engine that hears what a function makes of a wave."""

    @contextlib.contextmanager
    def engine(weights, threads):
        yield listen

    return engine
