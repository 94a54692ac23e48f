"""Read recordings: samples and duration of an audio file, or of the audio track of a film.

A header's claims are checked against the size of the file, and damage that a decoder logs is reported.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.media.opening import AGAIN, READING, MediaError, decoding, message_of, reports, source

BLOCK = 2**20  # frames read at a time, so that a false number of frames in a header costs no memory
UNKNOWN = 2**62  # libsndfile reports at least this many frames if the header has no count (encoders to a pipe omit it)
# Frames per byte that no codec exceeds (a constant FLAC block of 65,535 frames takes 14 bytes).
DENSEST = 2**13
HEADER = 44  # bytes of a WAV header
WIDTH = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}  # bytes
LOSSY = ("OGG", "MP3")
CLOSE = 0.01  # seconds that an intact track may lack: less than a block of AAC or MP3
RATES = (2_000, 768_000)  # Hz, from below telephone quality to twice the rate of the fastest converters
LOUDEST = 8.0  # times full scale (+18 dB): floats beyond were never scaled to [-1, 1]


@dataclass(frozen=True)
class Sound:
    """A decoded recording: samples, float32 (T,); rate in Hz; duration in its header in seconds, 0 if it has none.

    truncation: a message if samples are missing at its start or end, or "".
    """

    wave: np.ndarray
    rate: int
    claimed: float
    truncation: str = ""


def read(path: Path, channel: str | int = "mean") -> Sound:
    """Decode a whole file to one channel: the "mean" of all, or the one with this number.

    libsndfile reads WAV, FLAC and the like. FFmpeg reads everything else, including lossy recordings and the audio
    tracks of films, and salvages broken files. Raises MediaError if the file has no audio, or if its decoder reports
    damage (the damaged samples cannot be located); InputError for a channel that does not exist.
    """
    recording = _by_libsndfile(path, channel)
    if recording is None:
        with decoding("a media file"):
            recording, complaints = _by_ffmpeg(path, channel)
        if complaints:
            raise MediaError("damaged", f"its decoder reports: {complaints[0]}", AGAIN)
    if not len(recording.wave):
        raise MediaError("unreadable", "the file holds no samples", AGAIN)
    _check_values(recording.wave)
    return recording


def seconds(path: Path) -> float:
    """Duration of a recording in seconds: from its header, or by decoding it if the header has none.

    Raises MediaError, also for a header that cannot be true.
    """
    import soundfile

    with decoding("a sound file"), soundfile.SoundFile(path) as file:
        length = _length(file, path)
        if length is not None:
            return length / file.samplerate
    recording = read(path)
    return len(recording.wave) / recording.rate


def _by_libsndfile(path: Path, channel: str | int) -> Sound | None:
    """Read with libsndfile; None for a format that it does not support or cannot read to the end."""
    import soundfile

    with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(path) as file:
        if file.format in LOSSY or file.subtype.startswith("MPEG"):
            return None  # libsndfile skips damaged parts silently
        if _length(file, path) is not None:  # without it, libsndfile does not read the last block of a FLAC
            return _whole(file, path, channel)
    return None


def _length(file, path: Path) -> int | None:
    """Samples per channel according to the header, None if it has no count. Raises MediaError for an impossible one."""
    _check_rate(file.samplerate)
    if file.frames >= UNKNOWN:
        return None
    if file.frames > DENSEST * path.stat().st_size:
        detail = f"its header claims {file.frames} samples, too many for a file of {path.stat().st_size} bytes"
        raise MediaError("unreadable", detail, AGAIN)
    return file.frames


def _check_rate(rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        detail = f"its header claims a sample rate of {rate} Hz, outside {RATES[0]} to {RATES[1]} Hz"
        raise MediaError("unreadable", detail, AGAIN)


def _check_values(wave: np.ndarray) -> None:
    """Raise MediaError for samples that are not finite, or were not scaled to [-1, 1]."""
    peak = float(max(wave.max(), -wave.min()))  # NaN if any sample is
    if not np.isfinite(peak):
        raise MediaError("damaged", "some of its samples are not finite", "write the file again from its source")
    if peak > LOUDEST:
        detail = f"its samples reach {peak:.0f} times full scale"
        raise MediaError("damaged", detail, "scale floats to [-1, 1] (divide by 32768), or write 16-bit integers")


def _whole(file, path: Path, channel: str | int) -> Sound:
    """Read all samples of an open SoundFile."""
    blocks, checksum = [np.empty(0, np.float32)], _Checksum(file, path)
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        checksum.update(block)
        blocks.append(_mix(block, channel, path))
    checksum.check()
    wave = np.concatenate(blocks) if len(blocks) > 2 else blocks[-1]
    # libsndfile corrects the length of a truncated WAV silently, but leaves a note in its log.
    note = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    claimed, real = (int(n) for n in note.groups()) if note else (0, 0)
    # Programs that write to a pipe claim the largest length that the field can hold.
    shorter = 0 < real < claimed < 2**31 - 2**16
    # Some programs count the header too, but none stops within a sample.
    cut = shorter and (claimed - real > HEADER or real % max(1, file.channels * WIDTH.get(file.subtype, 1)))
    truncation = f"its header claims {claimed} bytes of audio, the file has {real}" if cut else ""
    return Sound(wave, file.samplerate, len(wave) / file.samplerate * (claimed / real if shorter else 1), truncation)


class _Checksum:
    """Compares the MD5 in the header of a FLAC with that of the decoded samples."""

    def __init__(self, file, path: Path):
        with open(path, "rb") as handle:
            head = handle.read(42)
        # libsndfile decodes FLAC of up to 24 bits, which float32 represents exactly.
        self.width = WIDTH.get(file.subtype, 0) if head.startswith(b"fLaC") else 0
        self.claimed, self.digest = head[26:42], hashlib.md5(usedforsecurity=False)

    def update(self, block: np.ndarray) -> None:
        if self.width:
            whole = (block * np.float32(2 ** (8 * self.width - 1))).astype("<i4")
            self.digest.update(whole.view(np.uint8).reshape(-1, 4)[:, : self.width].tobytes())

    def check(self) -> None:
        if self.width and any(self.claimed) and self.digest.digest() != self.claimed:
            raise MediaError("damaged", "its samples do not match the checksum in its header", AGAIN)


def _mix(wave: np.ndarray, channel: str | int, path: Path) -> np.ndarray:
    """(T, channels) -> (T,), without BLAS, which would start threads in a child whose memory is limited."""
    channels = wave.shape[1]
    if channel == "mean":
        with np.errstate(invalid="ignore", over="ignore"):
            return sum(wave[:, k] * np.float32(1 / channels) for k in range(channels))
    if channel not in range(channels):
        remedy = "set views: audio: channel to mean, or to a number that every file has (from 0)"
        raise InputError(path, f"it has no channel {channel!r}, only {channels} of them", remedy)
    return np.ascontiguousarray(wave[:, channel])


def _by_ffmpeg(path: Path, channel: str | int) -> tuple[Sound, list[str]]:
    """Decode the first audio track, padded to start with the video; also return the decoder's error messages."""
    import av

    with reports() as errors, av.open(source(path), **READING) as container:
        if not container.streams.audio:
            raise MediaError("unreadable", "the file has no audio stream", "give the utterance another file, or none")
        stream = container.streams.audio[0]
        if not stream.codec_context:
            raise MediaError("unreadable", "no decoder supports its audio codec", AGAIN)
        stream.codec_context.options = {"err_detect": "crccheck"}  # log the blocks of a FLAC whose checksum fails
        on_opening = errors()
        frames, complaints, at_ends = _frames(container, stream, errors)
        claimed = float(stream.duration * stream.time_base) if stream.duration else 0.0
        origin = Fraction(container.start_time or 0, av.time_base)
    if not frames:
        raise MediaError("unreadable", "no audio could be decoded", AGAIN)
    first = frames[0]
    _check_rate(first.sample_rate)
    late = max(0, round((first.pts * first.time_base - origin) * first.sample_rate)) if first.pts else 0
    planar = av.AudioResampler(format="fltp")
    wave = np.concatenate([part.to_ndarray() for frame in frames for part in planar.resample(frame)], axis=1).T
    if claimed and len(wave) / first.sample_rate > claimed - CLOSE:  # not truncated
        complaints, at_ends = complaints + at_ends, []
    ends = (on_opening + at_ends)[:1]
    truncation = f"its decoder reports at its start or end: {ends[0]}" if ends else ""
    return Sound(np.pad(_mix(wave, channel, path), (late, 0)), first.sample_rate, claimed, truncation), complaints


def _frames(container, stream, errors: Callable[[], list[str]]) -> tuple[list, list[str], list[str]]:
    """Decode all frames of the first one's layout.

    Returns them, the errors between them, and the errors before and after them, which may mean truncation. errors: as
    yielded by `opening.reports`.
    """
    frames, complaints, latest, ends = [], [], [], []
    for packet in container.demux(stream):
        decoded, failure = _decoded(packet)
        alike = [frame for frame in decoded if _layout(frame) == _layout((frames or decoded)[0])]
        faults = failure + errors() + ["the sample format, channels or rate change"] * (len(alike) < len(decoded))
        if not frames:
            ends += faults
        elif alike:
            complaints, latest = complaints + latest, faults
        else:
            latest += faults
        frames += alike
    return frames, complaints, ends + latest


def _decoded(packet) -> tuple[list, list[str]]:
    """Frames of a packet, and the error message if it cannot be decoded."""
    import av

    try:
        return packet.decode(), []
    except av.FFmpegError as error:
        return [], [message_of(error)]


def _layout(frame) -> tuple:
    return frame.format.name, frame.layout.name, frame.sample_rate


def loudness(samples: np.ndarray) -> float:
    """RMS of int16 samples in dBFS, -inf for digital silence."""
    power = np.mean(np.square(samples, dtype=np.float64)) / 2**30
    return 10 * float(np.log10(power)) if power else -np.inf


def decode(path: Path, sample_rate: int, channel: str | int = "mean") -> tuple[np.ndarray, float, str]:
    """Samples of a whole file at `sample_rate`, int16 (T,); the seconds in its header; a truncation message or "".

    Raises MediaError and InputError as `read` does.
    """
    import soxr

    recording = read(path, channel)
    mono = recording.wave
    if recording.rate != sample_rate:
        length = -(-len(mono) * sample_rate // recording.rate)
        mono = soxr.resample(mono, recording.rate, sample_rate, "HQ")[:length]
        mono = np.pad(mono, (0, length - len(mono)))
    return np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16), recording.claimed, recording.truncation
