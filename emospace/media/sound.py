"""Recordings: samples and seconds of a sound file, or of the sound track of a film.

What a header claims is bounded by what the file can hold, and what a decoder complains about is said.
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
from emospace.media.opening import AGAIN, READING, MediaError, decoding, reports, source, why

BLOCK = 2**20  # frames read at a time: a header that lies about their number costs nothing
UNKNOWN = 2**62  # libsndfile's number of frames (at least) where the header says none, as encoders to a pipe do
# Frames per byte that no codec exceeds with sound (a constant FLAC block of 65,535 frames takes 14 bytes).
DENSEST = 2**13
HEADER = 44  # bytes of a WAV before its samples
WIDTH = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}  # bytes
LOSSY = ("OGG", "MP3")
CLOSE = 0.01  # seconds that a whole track may lack: less than a block of AAC or MP3
RATES = (2_000, 768_000)  # Hz, from below a telephone's to twice the most that converters do
LOUDEST = 8.0  # times full scale, 18 dB above: floats beyond were never scaled to [-1, 1]


@dataclass(frozen=True)
class Sound:
    """A decoded recording: float32 (T,), its rate in Hz, and the seconds that its header claims (0 if none).

    lacking: what is missing at its start or end, or "".
    """

    wave: np.ndarray
    rate: int
    claimed: float
    lacking: str = ""


def read(path: Path, channel: str | int = "mean") -> Sound:
    """Decode a whole file to one channel: "mean" of all, or the number of one.

    libsndfile reads WAV, FLAC and the like; FFmpeg everything else, sound tracks of video files and lossy recordings
    included, and what a broken file still holds. Raises MediaError where the file holds no sound, or sound that its
    decoder reports as damaged (where it is noise, nobody can say); InputError for a channel that is not there.
    """
    found = _by_libsndfile(path, channel)
    if found is None:
        with decoding("a media file"):
            found, complaints = _by_ffmpeg(path, channel)
        if complaints:
            raise MediaError("damaged", f"its decoder reports: {complaints[0]}", AGAIN)
    if not len(found.wave):
        raise MediaError("unreadable", "the file holds no samples", AGAIN)
    _check_values(found.wave)
    return found


def seconds(path: Path) -> float:
    """Duration of a recording by its header, where that can be true; one that gives none is decoded to its end.

    Raises MediaError.
    """
    import soundfile

    with decoding("a sound file"), soundfile.SoundFile(path) as file:
        length = _length(file, path)
        if length is not None:
            return length / file.samplerate
    found = read(path)
    return len(found.wave) / found.rate


def _by_libsndfile(path: Path, channel: str | int) -> Sound | None:
    """None where it is no kind of file that libsndfile knows, or one that it cannot read to its end."""
    import soundfile

    with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(path) as file:
        if file.format in LOSSY or file.subtype.startswith("MPEG"):
            return None  # it skips what is damaged without a word
        if _length(file, path) is not None:  # of a FLAC without it, libsndfile never reads the last block
            return _whole(file, path, channel)
    return None


def _length(file, path: Path) -> int | None:
    """Samples per channel that the header claims, None where it names none. Raises MediaError if that cannot be."""
    _check_rate(file.samplerate)
    if file.frames >= UNKNOWN:
        return None
    if file.frames > DENSEST * path.stat().st_size:
        detail = f"its header claims {file.frames} samples, more than {path.stat().st_size} bytes can hold"
        raise MediaError("unreadable", detail, AGAIN)
    return file.frames


def _check_rate(rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        detail = f"its header gives {rate} samples per second, not {RATES[0]} to {RATES[1]}"
        raise MediaError("unreadable", detail, AGAIN)


def _check_values(wave: np.ndarray) -> None:
    """Raise MediaError for samples that are no numbers, or are not scaled to [-1, 1]."""
    peak = float(max(wave.max(), -wave.min()))  # NaN if any sample is
    if not np.isfinite(peak):
        raise MediaError(
            "damaged", "some of its samples are not finite numbers", "write the file again from its source"
        )
    if peak > LOUDEST:
        detail = f"its samples reach {peak:.0f} times full scale"
        raise MediaError(
            "damaged", detail, "floats must lie in [-1, 1]: divide them by 32768, or write 16-bit integers"
        )


def _whole(file, path: Path, channel: str | int) -> Sound:
    """The samples of an open SoundFile."""
    blocks, checksum = [np.empty(0, np.float32)], _Checksum(file, path)
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        checksum.update(block)
        blocks.append(_mix(block, channel, path))
    checksum.check()
    wave = np.concatenate(blocks) if len(blocks) > 2 else blocks[-1]
    # libsndfile corrects the length of a WAV that was cut off without an error, but leaves a note.
    note = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    claimed, real = (int(n) for n in note.groups()) if note else (0, 0)
    # Writers to a pipe claim the most that the field holds.
    cut = 0 < real < claimed < 2**31 - 2**16
    # Some writers count their header too; but none ends within a sample, after which all may be out of step.
    lacks = cut and (claimed - real > HEADER or real % max(1, file.channels * WIDTH.get(file.subtype, 1)))
    lacking = f"its header claims {claimed} bytes of sound, it holds {real}" if lacks else ""
    return Sound(wave, file.samplerate, len(wave) / file.samplerate * (claimed / real if cut else 1), lacking)


class _Checksum:
    """The MD5 that a FLAC's header gives for its samples, compared with those that were decoded."""

    def __init__(self, file, path: Path):
        with open(path, "rb") as handle:
            head = handle.read(42)
        # A FLAC has at most 24 bits here, which float32 holds exactly.
        self.width = WIDTH.get(file.subtype, 0) if head.startswith(b"fLaC") else 0
        self.claimed, self.found = head[26:42], hashlib.md5(usedforsecurity=False)

    def update(self, block: np.ndarray) -> None:
        if self.width:
            whole = (block * np.float32(2 ** (8 * self.width - 1))).astype("<i4")
            self.found.update(whole.view(np.uint8).reshape(-1, 4)[:, : self.width].tobytes())

    def check(self) -> None:
        if self.width and any(self.claimed) and self.found.digest() != self.claimed:
            raise MediaError("damaged", "its samples do not agree with the checksum in its header", AGAIN)


def _mix(wave: np.ndarray, channel: str | int, path: Path) -> np.ndarray:
    """(T, channels) -> (T,). Without BLAS, which would start threads in a child that has little memory to give."""
    channels = wave.shape[1]
    if channel == "mean":
        with np.errstate(invalid="ignore", over="ignore"):
            return sum(wave[:, k] * np.float32(1 / channels) for k in range(channels))
    if channel not in range(channels):
        remedy = "set views: audio: channel to mean, or to a number that every file has (from 0)"
        raise InputError(path, f"there is no channel {channel!r} among its {channels}", remedy)
    return np.ascontiguousarray(wave[:, channel])


def _by_ffmpeg(path: Path, channel: str | int) -> tuple[Sound, list[str]]:
    """The first sound track, in step with the pictures if it starts after them, and its decoder's complaints."""
    import av

    with reports() as said, av.open(source(path), **READING) as container:
        if not container.streams.audio:
            raise MediaError("unreadable", "the file holds no sound", "give the utterance another file, or none")
        stream = container.streams.audio[0]
        if not stream.codec_context:
            raise MediaError("unreadable", "no decoder knows the kind of its sound", AGAIN)
        stream.codec_context.options = {"err_detect": "crccheck"}  # it logs the blocks of a FLAC that fail
        opening = said()
        frames, complaints, at_ends = _frames(container, stream, said)
        claims = float(stream.duration * stream.time_base) if stream.duration else 0.0
        origin = Fraction(container.start_time or 0, av.time_base)
    if not frames:
        raise MediaError("unreadable", "no sound could be decoded", AGAIN)
    first = frames[0]
    _check_rate(first.sample_rate)
    late = max(0, round((first.pts * first.time_base - origin) * first.sample_rate)) if first.pts else 0
    planar = av.AudioResampler(format="fltp")
    wave = np.concatenate([part.to_ndarray() for frame in frames for part in planar.resample(frame)], axis=1).T
    if claims and len(wave) / first.sample_rate > claims - CLOSE:  # nothing is cut off
        complaints, at_ends = complaints + at_ends, []
    ends = (opening + at_ends)[:1]
    lacking = f"its decoder reports at its start or end: {ends[0]}" if ends else ""
    return Sound(np.pad(_mix(wave, channel, path), (late, 0)), first.sample_rate, claims, lacking), complaints


def _frames(container, stream, said: Callable[[], list[str]]) -> tuple[list, list[str], list[str]]:
    """Frames of one layout, complaints between them, complaints before and after them (it is cut off, perhaps).

    said: of `media.reports`.
    """
    frames, complaints, latest, ends = [], [], [], []
    for packet in container.demux(stream):
        decoded, fault = _decoded(packet)
        alike = [frame for frame in decoded if _layout(frame) == _layout((frames or decoded)[0])]
        faults = fault + said() + ["the kind of sound changes"] * (len(alike) < len(decoded))
        if not frames:
            ends += faults
        elif alike:
            complaints, latest = complaints + latest, faults
        else:
            latest += faults
        frames += alike
    return frames, complaints, ends + latest


def _decoded(packet) -> tuple[list, list[str]]:
    """Frames of a packet, and why there are none if it cannot be decoded."""
    import av

    try:
        return packet.decode(), []
    except av.FFmpegError as error:
        return [], [why(error)]


def _layout(frame) -> tuple:
    return frame.format.name, frame.layout.name, frame.sample_rate


def loudness(samples: np.ndarray) -> float:
    """RMS of int16 samples in dB of full scale, -inf for digital silence."""
    power = np.mean(np.square(samples, dtype=np.float64)) / 2**30
    return 10 * float(np.log10(power)) if power else -np.inf


def decode(path: Path, sample_rate: int, channel: str | int = "mean") -> tuple[np.ndarray, float, str]:
    """Samples of a whole file, int16 (T,); the seconds that its header claims; what is missing at its end, or "".

    Raises MediaError as `read`.
    """
    import soxr

    found = read(path, channel)
    mono = found.wave
    if found.rate != sample_rate:
        length = -(-len(mono) * sample_rate // found.rate)
        mono = soxr.resample(mono, found.rate, sample_rate, "HQ")[:length]
        mono = np.pad(mono, (0, length - len(mono)))
    return np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16), found.claimed, found.lacking
