"""The audio view: every utterance as int16 samples of one rate, mono, in a ragged store.

A recording is decoded and resampled once, whole, and its utterances are slices of it: much faster than a decoder per
utterance, and no filter starts anew at a cut. The samples equal those of `librosa.load(file, sr=sample_rate)`.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from emospace import store
from emospace.errors import InputError
from emospace.kinds import Count, Natural, NotNegative
from emospace.manifest import Problem, Utterance
from emospace.views._files import LOCAL, Flaw, by_file, ends_early, locate, mostly_there, source

NOTHING = np.empty(0, np.int16)


def extract(
    rows: Sequence[Utterance],
    root: Path,
    out: Path,
    *,
    sample_rate: Count = 16000,
    channel: Literal["mean"] | Natural = "mean",
    min_seconds: NotNegative = 0.1,
    silence_dbfs: float = -70.0,
) -> tuple[list[Problem], dict]:
    """Write the store `out` with one row of samples per utterance; returns the problems met and facts for the sidecar.

    channel: "mean" of all channels (IEMOCAP's dialogues have one per actor, and the manifest does not say whose is
    which), or the number of one. min_seconds: shorter utterances are left out. silence_dbfs: so are those whose RMS is
    below this, in dB of full scale. What is left out, or missing, is a row of length zero. Where a file ends early,
    what it holds is taken if that is at least half of the utterance.
    """
    problems: list[Problem] = []
    lengths: list[int] = []

    def work(file: str, group: list[Utterance]) -> list[tuple]:
        samples, declared = decode(locate(root, file), sample_rate, channel)
        return [_cut(row, samples, declared, sample_rate, min_seconds, silence_dbfs) for row in group]

    def samples():
        for row, found, flaw in by_file(rows, "audio", work):
            if flaw:
                problems.append(flaw.problem(row, row.audio))
            lengths.append(0 if found is None else len(found))
            yield NOTHING if found is None else found

    _, total = store.write(out, samples(), dtype=np.int16)
    facts = {"rows": len(rows), "missing": lengths.count(0), "seconds": total / sample_rate, "sample_rate": sample_rate}
    return problems, facts


def _cut(row: Utterance, samples: np.ndarray, declared: float, rate: int, min_seconds: float, silence: float) -> tuple:
    """(samples or None, flaw or None) of one utterance; declared: seconds that the file's header claims."""
    available = len(samples) / rate
    start, end = (0.0, max(row.end - row.start, declared)) if row.whole else (row.start, row.end)
    early = ends_early(start, end, available)
    if early and not mostly_there(start, end, available):
        return None, early
    found = samples if row.whole else samples[round(start * rate) : round(end * rate)].copy()
    if len(found) < min_seconds * rate:
        detail = f"{len(found) / rate:.3f} s, fewer than {min_seconds} s"
        return None, Flaw("too short", detail, "correct its times, or lower views: audio: min_seconds")
    level = loudness(found)
    if level < silence:
        detail = f"{level:.1f} dBFS, below {silence} dBFS"
        return None, Flaw("silent", detail, "listen to the file; or lower views: audio: silence_dbfs")
    return found, early


def loudness(samples: np.ndarray) -> float:
    """RMS of int16 samples in dB of full scale, -inf for digital silence."""
    power = np.mean(np.square(samples, dtype=np.float64)) / 2**30
    return 10 * float(np.log10(power)) if power else -np.inf


def decode(path: Path, sample_rate: int, channel: str | int = "mean") -> tuple[np.ndarray, float]:
    """Samples of a whole file, int16 (T,), and the seconds that its header claims. Raises Flaw if it holds no sound.

    libsndfile reads WAV, FLAC and the like; FFmpeg everything else, sound tracks of video files included, and what a
    broken file still holds.
    """
    import soundfile
    import soxr

    try:
        wave, rate, declared = _read_sound_file(path)
    except soundfile.LibsndfileError:
        wave, rate, declared = _read_container(path)
    if not len(wave):
        raise Flaw("unreadable", "the file holds no samples", "copy it from the corpus again")
    mono = _mix(wave, channel, path)
    if rate != sample_rate:
        length = -(-len(mono) * sample_rate // rate)
        mono = soxr.resample(mono, rate, sample_rate, "HQ")[:length]
        mono = np.pad(mono, (0, length - len(mono)))
    return np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16), declared


def _mix(wave: np.ndarray, channel: str | int, path: Path) -> np.ndarray:
    """(T, channels) -> (T,)."""
    if channel == "mean":
        channels = wave.shape[1]
        return wave @ np.full(channels, 1 / channels, np.float32)  # 20 times as fast as mean(axis=1)
    if channel not in range(wave.shape[1]):
        remedy = "set views: audio: channel to mean, or to a number that every file has (from 0)"
        raise InputError(path, f"there is no channel {channel!r} among its {wave.shape[1]}", remedy)
    return np.ascontiguousarray(wave[:, channel])


def _read_sound_file(path: Path) -> tuple[np.ndarray, int, float]:
    import soundfile

    with soundfile.SoundFile(path) as file:
        wave = file.read(dtype="float32", always_2d=True)
        # libsndfile corrects the length of a WAV that was cut off without an error, but leaves a note.
        note = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
        claimed, real = (int(n) for n in note.groups()) if note else (0, 0)
    # Writers to a pipe claim the most that the field holds.
    cut = 0 < real < claimed < 2**31 - 2**16
    return wave, file.samplerate, len(wave) / file.samplerate * (claimed / real if cut else 1)


def _read_container(path: Path) -> tuple[np.ndarray, int, float]:
    """Decode the first sound track with FFmpeg, keeping it in step with the pictures if it starts after them."""
    import av

    try:
        with av.open(source(path), options=LOCAL, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise Flaw("unreadable", "the file holds no sound", "give the utterance another file, or none")
            stream = container.streams.audio[0]
            frames = list(_decoded(container, stream))
            claims = float(stream.duration * stream.time_base) if stream.duration else 0.0
            origin = Fraction(container.start_time or 0, av.time_base)
    except av.FFmpegError as error:
        raise Flaw("unreadable", f"not a media file ({error.strerror})", "copy it from the corpus again") from error
    if not frames:
        raise Flaw("unreadable", "no sound could be decoded", "copy it from the corpus again")
    frames = [frame for frame in frames if _layout(frame) == _layout(frames[0])]  # damage can fake another one
    late = max(0, round((frames[0].pts * frames[0].time_base - origin) * frames[0].sample_rate)) if frames[0].pts else 0
    planar = av.AudioResampler(format="fltp")
    wave = np.concatenate([part.to_ndarray() for frame in frames for part in planar.resample(frame)], axis=1).T
    return np.pad(wave, ((late, 0), (0, 0))), frames[0].sample_rate, claims


def _layout(frame) -> tuple:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _decoded(container, stream):
    """Frames of a stream; what cannot be decoded is passed over."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
