"""Speech recognisers for tests: real Whisper weights from a package, Vosk model folders, engines with fixed answers."""

import contextlib
from pathlib import Path

import numpy as np

from emospace.core.provenance import sha256, write_json
from emospace.weights.record import Weights, open_weights


def opened(folder: Path, record: dict) -> Weights:
    write_json(folder / "weights.json", record)
    return open_weights(folder)


def of_folder(folder: Path) -> Weights:
    """Record the files of a folder as the source `local` would."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "weights.json"]
    described = {str(p.relative_to(folder)): {"sha256": sha256(p), "size": p.stat().st_size} for p in files}
    return Weights("vosk_en", folder, "local", f"local {folder}", "", described, False, "")


def said(text: str) -> np.ndarray:
    """Speak a short text with espeak-ng: int16 at 16 kHz."""
    from emospace.speech.prosody import Setting
    from emospace.speech.voices import Espeak

    return Espeak(30)(text, "en-us", Setting(rate=150))


def vosk_folder(folder: Path, conf: str = "--use-energy=false\n") -> Path:
    """Create the files of a Vosk model by name, without usable content."""
    contents = {"am/final.mdl": "x", "conf/mfcc.conf": conf, "conf/model.conf": "x", "graph/HCLr.fst": "x"}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def engine_of(listen):
    """Return an engine that transcribes a waveform by calling `listen`."""

    @contextlib.contextmanager
    def engine(weights, threads):
        yield listen

    return engine
