"""Speech recognition: mono int16 samples at 16 kHz -> text or words with times, by Vosk (Kaldi) or faster-whisper.

Each call loads one model, shared by all threads; both engines release the interpreter lock while they work. Results are
deterministic: they depend on samples, options and weights alone. Vosk's dither is off, and Whisper never samples.
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

RATE = 16_000  # Hz, of the training data of both engines' models
CHUNK = 4_000  # samples (0.25 s) per call of Vosk, which checks for an end of speech after each
WINDOW = 30.0  # seconds that Whisper's encoder reads; shorter sound is padded with silence
FRAMES = 100  # of its input, per second
FLAGS = ("", "no audio", "too short", "silent", "empty result", "recogniser failed")
VOSK_FILES = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph")
WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")
# Number formats that CTranslate2 supports on a CPU (int16 on some only).
ComputeType = Literal["int8", "int8_float32", "int16", "float32", "default", "auto"]

Words = list[tuple[str, float, float]]  # word, start and end in seconds
Listen = Callable[[np.ndarray], str]
ListenTimed = Callable[[np.ndarray], Words]


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
    """Return (text, flag) for each wave, int16 (T,); flag is one of FLAGS, empty on success.

    rate: of the waves, Hz. engine: vosk or whisper; options: those of its function. Waves shorter than min_seconds, or
    with an RMS below silence_dbfs, never reach the engine. If the engine fails on one utterance, that utterance is
    flagged. Raises InputError for a wrong rate, wave format or option, and for an unusable model.
    """
    common = {"engine": engine, "min_seconds": min_seconds, "silence_dbfs": silence_dbfs}
    results = _recognise(ENGINES, waves, weights, rate, threads, common | options)
    plain = [(" ".join(text.split()) if text else "", flag) for text, flag in results]
    return [(text, flag or ("" if text else "empty result")) for text, flag in plain]


def recognise_words(
    waves: Iterable[np.ndarray], *, weights: Weights, rate: int = RATE, threads: int = 1, **options
) -> list[tuple[Words, str]]:
    """Return (words with times, flag) for each wave; arguments and errors are those of `recognise`.

    The times are those of the engine, cut to the wave and put in order.
    """
    kept = list(waves)
    results = _recognise(TIMED_ENGINES, kept, weights, rate, threads, options)
    return [(_ordered(words or [], len(wave) / RATE), flag) for wave, (words, flag) in zip(kept, results, strict=True)]


def _recognise(engines: dict, waves: Iterable[np.ndarray], weights: Weights, rate: int, threads: int, options: dict):
    """Return (result or None, flag) for each wave."""
    from tqdm import tqdm

    chosen = settings(options)
    engine, least, silence = (chosen.pop(name) for name in ("engine", "min_seconds", "silence_dbfs"))
    if rate != RATE:
        remedy = f"set views: audio: sample_rate to {RATE}"
        raise InputError("speech recognition", f"the audio is at {rate} Hz, but the models take {RATE}", remedy)
    if weights.random:
        reason = f"a recogniser cannot have random weights ({weights.why})"
        raise InputError(weights.directory, reason, f"with network access, {REMEDY}")
    with engines[engine](weights, threads, **chosen) as listen, ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda wave: _hear(wave, listen, least, silence), waves)
        return list(tqdm(results, engine, disable=None, unit="row"))


def _ordered(words: Words, seconds: float) -> Words:
    """Words whose times do not overlap and end with the wave."""
    ordered, before = [], 0.0
    for word, start, end in words:
        start = min(max(start, before), seconds)
        before = min(max(end, start), seconds)
        ordered.append((word, start, before))
    return ordered


def settings(options: dict, where: str = "recognise") -> dict:
    """Return all options of `recognise` and of its engine, with defaults; raises InputError as plugin.settings does."""
    engine = options.get("engine", "vosk")
    if engine not in ENGINES:
        raise InputError(f"{where}: engine", f"there is no engine {engine!r}", suggest(engine, ENGINES))
    # Options that no engine has come first, or an option of the intended engine would hide a misspelt `engine`.
    known = {option for function in (recognise, *ENGINES.values()) for option in plugin.options_of(function)}
    ordered = dict(sorted(options.items(), key=lambda item: item[0] in known))
    return plugin.settings([recognise, ENGINES[engine]], ordered, where, f"the engine {engine!r}")


def _hear(wave: np.ndarray, listen: Listen | ListenTimed, min_seconds: float, silence_dbfs: float):
    """Return (result or None, flag)."""
    if wave.dtype != np.int16 or wave.ndim != 1:
        reason = f"a row is {wave.dtype} of shape {wave.shape}, not mono int16"
        raise InputError("speech recognition", reason, "pass rows of an audio view")
    if not len(wave):
        return None, "no audio"
    if len(wave) < min_seconds * RATE:
        return None, "too short"
    if loudness(wave) < silence_dbfs:
        return None, "silent"
    try:
        result = listen(wave)
    except Exception as error:  # engines raise any type; one utterance must not stop the others
        logging.warning("cannot recognise an utterance of %.2f s (%s)", len(wave) / RATE, error or repr(error))
        return None, "recogniser failed"
    return result, "" if result else "empty result"


@contextlib.contextmanager
def vosk(weights: Weights, threads: int) -> Iterator[Listen]:
    """Listen with a Kaldi model (Povey et al. 2011) through Vosk (alphacephei.com/vosk), a recogniser per utterance."""
    with _vosk_results(weights) as results:
        yield lambda wave: " ".join(result["text"] for result in results(wave))


@contextlib.contextmanager
def vosk_timed(weights: Weights, threads: int) -> Iterator[ListenTimed]:
    """As `vosk`, with the times of words."""
    with _vosk_results(weights, timed=True) as results:
        parts = ("word", "start", "end")
        yield lambda wave: [tuple(word[p] for p in parts) for one in results(wave) for word in one.get("result", [])]


@contextlib.contextmanager
def _vosk_results(weights: Weights, timed: bool = False) -> Iterator[Callable[[np.ndarray], list[dict]]]:
    """A function that returns the results of all stretches of speech in a wave."""
    import vosk as library

    _check_files(weights, VOSK_FILES, "Vosk")
    library.SetLogLevel(-1)  # otherwise Kaldi writes some 20 lines per model to stderr
    with _undithered(weights) as folder:
        try:
            model = library.Model(str(folder))
            library.KaldiRecognizer(model, RATE)  # loads the graph and the i-vectors, which Model does not
        except Exception as error:  # the library raises a bare Exception
            reason = f"cannot be loaded as a Vosk model ({error})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error

    # A recogniser adapts to what it has heard. A fresh one per utterance keeps texts independent of their order.
    def results(wave: np.ndarray) -> list[dict]:
        recogniser = library.KaldiRecognizer(model, RATE)
        recogniser.SetWords(timed)
        return _stretches(recogniser, wave)

    yield results


def _stretches(recogniser, wave: np.ndarray) -> list[dict]:
    """Return everything that a KaldiRecognizer recognises in a wave, not only what follows the last pause."""
    results = []
    for start in range(0, len(wave), CHUNK):
        # True means that speech has ended: the result so far must be fetched now, or it is lost.
        if recogniser.AcceptWaveform(wave[start : start + CHUNK].tobytes()):
            results.append(json.loads(recogniser.Result()))
    return [*results, json.loads(recogniser.FinalResult())]


@contextlib.contextmanager
def _undithered(weights: Weights) -> Iterator[Path]:
    """Link the model's files into a temporary folder and set `--dither=0` there: by default Kaldi adds random noise."""
    with tempfile.TemporaryDirectory(prefix="vosk-") as work:
        copy = Path(work, "model")
        shutil.copytree(
            weights.directory, copy, copy_function=lambda file, link: os.symlink(Path(file).resolve(), link)
        )
        path = copy / "conf" / "mfcc.conf"
        lines = path.read_text(encoding="utf-8", errors="replace").split()
        rate = next((int(float(line.partition("=")[2])) for line in lines if line.startswith("--sample-freq")), RATE)
        if rate != RATE:
            reason = f"this model takes {rate} Hz, but the audio is at {RATE}"
            raise InputError(weights.directory / "conf" / "mfcc.conf", reason, f"choose a model for {RATE} Hz")
        path.unlink()
        path.write_text("\n".join([*(line for line in lines if not line.startswith("--dither")), "--dither=0", ""]))
        yield copy


@contextlib.contextmanager
def whisper(
    weights: Weights,
    threads: int,
    *,
    language: str = "en",
    beam_size: Count = 1,
    compute_type: ComputeType = "int8",
    silence: NotNegative = WINDOW,
) -> Iterator[Listen]:
    """Listen with a Whisper model (Radford et al. 2022) in the CTranslate2 format, on the CPU.

    beam_size: 1 is greedy search. The temperature stays 0, without Whisper's fallback to sampling, and the text of one
    segment does not prompt the next. silence: seconds of it that the encoder reads after the speech, until its window
    of 30 s is full. 10 is three times as fast on short utterances, but not what Whisper was trained on; texts can
    differ (docs/augmentation.md).
    """
    with _whisper_segments(weights, threads, language, beam_size, compute_type, silence) as segments:
        yield lambda wave: " ".join(segment.text for segment in segments(wave))


@contextlib.contextmanager
def whisper_timed(weights: Weights, threads: int, **options) -> Iterator[ListenTimed]:
    """As `whisper`, with the times of words, which it derives from the attention to the sound.

    options: all of `whisper`, with defaults filled in by `settings`.
    """
    with _whisper_segments(weights, threads, **options, word_timestamps=True) as segments:
        yield lambda wave: [
            (word.word.strip(), word.start, word.end)
            for segment in segments(wave)
            for word in segment.words or []
            if word.word.strip()
        ]


@contextlib.contextmanager
def _whisper_segments(
    weights: Weights, threads: int, language: str, beam_size: int, compute_type: str, silence: float, **more
) -> Iterator[Callable[[np.ndarray], list]]:
    """A function that returns the segments of a wave. more: arguments of faster-whisper."""
    from threadpoolctl import threadpool_limits

    try:
        import faster_whisper
    except ImportError as error:
        remedy = "pip install faster-whisper -c constraints.txt, or set `engine: vosk`"
        raise InputError("faster-whisper", "the package is not installed", remedy) from error
    _check_files(weights, WHISPER_FILES, "CTranslate2 Whisper")
    place = {"device": "cpu", "cpu_threads": 1, "num_workers": threads, "local_files_only": True}

    class Model(faster_whisper.WhisperModel):
        def encode(self, features: np.ndarray):
            return super().encode(_without_padding(features, silence))

    try:
        model = Model(str(weights.directory), compute_type=compute_type, **place)
    except (RuntimeError, ValueError) as error:
        reason = f"cannot be loaded as a CTranslate2 Whisper model ({str(error).splitlines()[0]})"
        raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
    fixed = {"language": language, "beam_size": beam_size, "temperature": 0.0, "vad_filter": False}
    fixed |= {"condition_on_previous_text": False, "without_timestamps": True} | more
    # Over several threads, NumPy's product with the mel filters differs in the last bits, and then some texts do.
    with threadpool_limits(1, "blas"):
        yield lambda wave: list(model.transcribe(wave.astype(np.float32) / 32768, **fixed)[0])


def _without_padding(features: np.ndarray, silence: float) -> np.ndarray:
    """Features (bands, frames) up to `silence` seconds after the sound. Frames of padding are zero in all bands."""
    sound = np.flatnonzero(features.any(0))
    end = 1 + sound[-1] if len(sound) else 0
    return np.ascontiguousarray(features[:, : end + round(silence * FRAMES)])


ENGINES = {"vosk": vosk, "whisper": whisper}
TIMED_ENGINES = {"vosk": vosk_timed, "whisper": whisper_timed}
FILES = {"vosk": VOSK_FILES, "whisper": WHISPER_FILES}


def _check_files(weights: Weights, files: Sequence[str], model: str) -> None:
    """Raise InputError for a missing file: Kaldi would abort the process, and Whisper would try the network."""
    if not weights.directory.is_dir():
        raise InputError(weights.directory, f"the folder of this {model} model does not exist", REMEDY)
    for pattern in files:
        if not any(path.is_dir() or path.stat().st_size for path in weights.directory.glob(pattern)):
            reason = f"this {model} model has no {pattern}"
            raise InputError(weights.directory, reason, f"check `files` of these weights, delete it and {REMEDY}")
