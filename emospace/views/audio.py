"""The audio view: one mono waveform per utterance, each file decoded once."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from emospace.errors import InputError
from emospace.manifest import Problem, Utterance

# A part of a second may be missing at the end of a file before it counts as truncated: annotators' times are rounded.
SLACK = 0.25  # seconds
SOUNDFILE = {".wav", ".flac", ".ogg", ".aiff", ".aif", ".w64"}


def decode(path: Path, sample_rate: int) -> np.ndarray:
    """A whole file as mono float32 in [-1, 1], shape (T,), at `sample_rate` Hz; channels are averaged.

    Resampled like librosa.load (soxr, high quality). Raises InputError if nothing can be decoded.
    """
    import soxr

    if not path.is_file():
        raise InputError(path, "there is no such file", "restore it")
    if not path.stat().st_size:
        raise InputError(path, "the file is empty", "restore it")
    samples, rate = _soundfile(path) if path.suffix.lower() in SOUNDFILE else _container(path)
    if not len(samples):
        raise InputError(path, "no sound could be decoded", "restore it")
    mono = samples.mean(axis=1, dtype=np.float32)
    return mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate, "HQ")


def _soundfile(path: Path) -> tuple[np.ndarray, int]:
    """Samples (T, channels) float32 and rate (Hz)."""
    import soundfile

    try:
        return soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise InputError(path, f"cannot be decoded ({error})", "restore it") from error


def _container(path: Path) -> tuple[np.ndarray, int]:
    """The first sound track of a video or compressed file: samples (T, channels) float32 and rate (Hz)."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(path, "has no sound track", "give the corpus an audio file for it")
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
            frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
            blocks = [f.to_ndarray() for f in [*frames, *resampler.resample(None)]]
            empty = np.empty((0, 1), np.float32)
            return np.concatenate(blocks, axis=1).T if blocks else empty, stream.rate
    except av.FFmpegError as error:
        raise InputError(path, f"cannot be decoded ({error})", "restore it") from error


def extract(
    root: Path,
    rows: Sequence[Utterance],
    problems: list[Problem],
    *,
    sample_rate: int = 16000,
    min_seconds: float = 0.05,
    silent_dbfs: float = -70.0,
) -> Iterator[np.ndarray]:
    """Yield one int16 array (T,) per row, T = 0 where the audio is missing; append what went wrong to `problems`.

    min_seconds: less sound than this counts as missing. silent_dbfs: a root mean square below this counts as missing.
    Where a file ends before the utterance does, what is there is kept if it is at least half.
    """
    # Neighbouring rows share a dialogue file; two are kept for corpora whose speakers have a file each.
    cached = lru_cache(maxsize=2)(lambda path: decode(root / path, sample_rate))
    for row in rows:
        if not row.audio:
            yield _none()
            continue
        try:
            yield _cut(row, cached(row.audio), sample_rate, min_seconds, silent_dbfs, problems)
        except InputError as error:
            problems.append(Problem(row.utterance, row.audio, "unreadable", error.reason, error.remedy))
            yield _none()


def _none() -> np.ndarray:
    return np.empty(0, np.int16)


def _cut(row: Utterance, wave: np.ndarray, rate: int, min_seconds: float, silent: float, problems: list) -> np.ndarray:
    """The utterance's samples as int16; empty, with a Problem, where they cannot serve."""
    if not row.whole:
        wave = wave[round(row.start * rate) : round(row.end * rate)]
    found, wanted = len(wave) / rate, row.end - row.start

    def problem(reason: str, detail: str, remedy: str) -> None:
        problems.append(Problem(row.utterance, row.audio, reason, detail, remedy))

    if found < wanted - SLACK:
        kept = found >= wanted / 2
        detail = f"{found:.2f} of {wanted:.2f} s are there; {'kept' if kept else 'left out'}"
        problem("truncated", detail, "restore the file or correct the times")
        if not kept:
            return _none()
    if found < min_seconds:
        problem("too short", f"{found:.3f} s, at least {min_seconds} s are needed", "correct the times")
        return _none()
    level = 10 * np.log10(max(float(np.mean(np.square(wave, dtype=np.float64))), 1e-20))
    if level < silent:
        problem("silent", f"{level:.0f} dBFS, the limit is {silent:.0f}", "look at the recording")
        return _none()
    return np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)
