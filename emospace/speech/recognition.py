"""Speech recognition: int16 samples, 16 kHz, mono -> text, by Vosk (Kaldi) or faster-whisper (Whisper in CTranslate2).

One model per call, shared by all threads; both engines let go of the interpreter while they work. Results depend on
nothing but the samples, the options and the weights: Vosk's dither is switched off, Whisper never samples.
"""

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.option_types import Count, NotNegative
from emospace.core.plugin import suggest
from emospace.media.sound import loudness
from emospace.weights.record import REMEDY, Weights

RATE = 16_000  # Hz; what both kinds of models were trained on
CHUNK = 4_000  # samples (0.25 s) per call of Vosk, which looks for ends of speech after each
FLAGS = ("", "no audio", "too short", "silent", "empty result", "recogniser failed")
VOSK_FILES = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph")
WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")
# What CTranslate2 may compute in on a CPU (int16 on some only).
ComputeType = Literal["int8", "int8_float32", "int16", "float32", "default", "auto"]

Listen = Callable[[np.ndarray], str]


def recognise(
    waves: Iterable[np.ndarray],
    *,
    weights: Weights,
    rate: int = RATE,
    threads: int = 1,
    engine: str = "vosk",
    min_seconds: NotNegative = 0.1,
    silence_dbfs: float = -70.0,
    **options,
) -> list[tuple[str, str]]:
    """(text, flag) of each wave, int16 (T,); flag is one of FLAGS and empty where all went well.

    rate: Hz of the waves. engine: vosk or whisper; options: those of its function. What is shorter than min_seconds, or
    quieter (RMS) than silence_dbfs, is not listened to. Raises InputError where the rate, the form of a wave, an option
    or the model is no use; one utterance at which the engine fails is flagged.
    """
    from tqdm import tqdm

    common = {"engine": engine, "min_seconds": min_seconds, "silence_dbfs": silence_dbfs}
    chosen = {o: value for o, value in settings(common | options).items() if o not in common}
    if rate != RATE:
        remedy = f"set views: audio: sample_rate to {RATE}"
        raise InputError("speech recognition", f"the audio has {rate} Hz, the models were made for {RATE}", remedy)
    if weights.random:
        reason = f"a recogniser cannot have random weights ({weights.why})"
        raise InputError(weights.directory, reason, f"where there is a network, {REMEDY}")
    with ENGINES[engine](weights, threads, **chosen) as listen, ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda wave: _hear(wave, listen, min_seconds, silence_dbfs), waves)
        return list(tqdm(results, engine, disable=None, unit="row"))


def settings(options: dict, where: str = "recognise") -> dict:
    """All options of `recognise` and its engine, those left out at their defaults; InputError as plugin.settings."""
    engine = options.get("engine", "vosk")
    if engine not in ENGINES:
        raise InputError(f"{where}: engine", f"there is no engine {engine!r}", suggest(engine, ENGINES))
    return plugin.settings([recognise, ENGINES[engine]], options, where, f"the engine {engine!r}")


def _hear(wave: np.ndarray, listen: Listen, least: float, quiet: float) -> tuple[str, str]:
    if wave.dtype != np.int16 or wave.ndim != 1:
        reason = f"a row is {wave.dtype} of shape {wave.shape}, not int16 of one channel"
        raise InputError("speech recognition", reason, "give it rows of an audio view")
    if not len(wave):
        return "", "no audio"
    if len(wave) < least * RATE:
        return "", "too short"
    if loudness(wave) < quiet:
        return "", "silent"
    try:
        text = " ".join(listen(wave).split())
    except Exception as error:  # engines raise what they like; one utterance must not stop the others
        logging.warning("an utterance of %.2f s could not be recognised (%s)", len(wave) / RATE, error or repr(error))
        return "", "recogniser failed"
    return text, "" if text else "empty result"


@contextlib.contextmanager
def vosk(weights: Weights, threads: int) -> Iterator[Listen]:
    """A Kaldi model for Vosk (Povey et al. 2011; alphacephei.com/vosk): one Model, a recogniser per utterance."""
    import vosk as library

    _complete(weights, VOSK_FILES, "Vosk")
    library.SetLogLevel(-1)  # Kaldi would write some 20 lines per model to stderr
    with _undithered(weights) as folder:
        try:
            model = library.Model(str(folder))
            library.KaldiRecognizer(model, RATE)  # it looks for the graph and the i-vectors only now
        except Exception as error:  # the library raises a bare Exception
            reason = f"not a Vosk model that can be loaded ({error})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error

    # A fresh recogniser for each: it adapts to what it hears, so that another order would give other texts.
    yield lambda wave: _all_said(library.KaldiRecognizer(model, RATE), wave)


def _all_said(recogniser, wave: np.ndarray) -> str:
    """Everything that a KaldiRecognizer hears in a wave, not only what follows its last pause."""
    said = []
    for start in range(0, len(wave), CHUNK):
        # True means that speech has ended: what was said until then must be taken now, or it is lost.
        if recogniser.AcceptWaveform(wave[start : start + CHUNK].tobytes()):
            said.append(json.loads(recogniser.Result())["text"])
    said.append(json.loads(recogniser.FinalResult())["text"])
    return " ".join(said)


@contextlib.contextmanager
def _undithered(weights: Weights) -> Iterator[Path]:
    """A folder of links to the model's files, but with `--dither=0`: Kaldi adds random noise to samples otherwise."""
    with tempfile.TemporaryDirectory(prefix="vosk-") as work:
        copy = Path(work, "model")
        shutil.copytree(
            weights.directory, copy, copy_function=lambda file, link: os.symlink(Path(file).resolve(), link)
        )
        path = copy / "conf" / "mfcc.conf"
        lines = path.read_text(encoding="utf-8", errors="replace").split()
        rate = next((int(float(line.partition("=")[2])) for line in lines if line.startswith("--sample-freq")), RATE)
        if rate != RATE:
            reason = f"this model was made for {rate} Hz, the audio has {RATE}"
            raise InputError(weights.directory / "conf" / "mfcc.conf", reason, "choose a model of that rate")
        path.unlink()
        path.write_text("\n".join([*(line for line in lines if not line.startswith("--dither")), "--dither=0", ""]))
        yield copy


@contextlib.contextmanager
def whisper(
    weights: Weights, threads: int, *, language: str = "en", beam_size: Count = 1, compute_type: ComputeType = "int8"
) -> Iterator[Listen]:
    """A Whisper model (Radford et al. 2022) in the CTranslate2 format, on the CPU; beam_size 1 is greedy.

    The temperature stays 0, without Whisper's fallback to sampling; no text of one part of speech steers the next.
    """
    try:
        import faster_whisper
    except ImportError as error:
        remedy = "pip install faster-whisper -c constraints.txt, or set `engine: vosk`"
        raise InputError("faster-whisper", "the package is not installed", remedy) from error
    _complete(weights, WHISPER_FILES, "CTranslate2 Whisper")
    place = {"device": "cpu", "cpu_threads": 1, "num_workers": threads, "local_files_only": True}
    try:
        model = faster_whisper.WhisperModel(str(weights.directory), compute_type=compute_type, **place)
    except (RuntimeError, ValueError) as error:
        reason = f"not a CTranslate2 Whisper model that can be loaded ({str(error).splitlines()[0]})"
        raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
    fixed = {"language": language, "beam_size": beam_size, "temperature": 0.0, "vad_filter": False}
    fixed |= {"condition_on_previous_text": False, "without_timestamps": True}

    def listen(wave: np.ndarray) -> str:
        pieces, _ = model.transcribe(wave.astype(np.float32) / 32768, **fixed)
        return " ".join(piece.text for piece in pieces)

    yield listen


ENGINES = {"vosk": vosk, "whisper": whisper}
FILES = {"vosk": VOSK_FILES, "whisper": WHISPER_FILES}


def _complete(weights: Weights, files: Sequence[str], kind: str) -> None:
    """Raise InputError where a file is missing: Kaldi would end the process, Whisper would look on the network."""
    if not weights.directory.is_dir():
        raise InputError(weights.directory, f"there is no such folder, so no {kind} model", REMEDY)
    for wanted in files:
        if not any(path.is_dir() or path.stat().st_size for path in weights.directory.glob(wanted)):
            reason = f"this {kind} model has no {wanted}"
            raise InputError(weights.directory, reason, f"check `files` of these weights, delete it and {REMEDY}")
