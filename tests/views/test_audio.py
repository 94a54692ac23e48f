"""The audio view equals librosa's samples, is sliced by the manifest's times, and reports every fault of a file.

Covers: media/opening, media/sound, views/_files.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile
from conftest import utterance

from emospace.core import manifest, provenance, store
from emospace.core.errors import InputError
from emospace.media import confined, opening, sound
from emospace.views import audio

RATE = 16000


def noise(seconds: float, rate: int = RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise at -20 dBFS, float32 (T, channels)."""
    return (np.random.default_rng(seed).standard_normal((round(seconds * rate), channels)) * 0.1).astype(np.float32)


def extract(rows, root: Path, folder: Path, **options):
    problems, facts = audio.extract(rows, root, folder / "p.npy", **options)
    return store.Ragged.open(folder / "p.npy", len(rows)), problems, facts


def row(name: str, file: str, start: float = 0.0, end: float = 1.0, whole: bool = False):
    return utterance(name, audio=file, start=start, end=end, whole=whole)


def largest_difference(samples: np.ndarray, wave: np.ndarray) -> float:
    """The largest difference, in int16 steps."""
    assert len(samples) == len(wave)
    return float(np.abs(samples - wave * 32768.0).max())


@pytest.mark.parametrize(("rate", "channels", "suffix"), [(48000, 2, "wav"), (44100, 1, "flac"), (22050, 3, "ogg")])
def test_equal_to_librosa(tmp_path, rate, channels, suffix):
    soundfile.write(tmp_path / f"a.{suffix}", noise(1.237, rate, channels), rate)
    items, problems, _ = extract([row("a", f"a.{suffix}", end=1.237, whole=True)], tmp_path, tmp_path)
    expected, _ = librosa.load(tmp_path / f"a.{suffix}", sr=RATE)
    assert problems == []
    assert items[0].dtype == np.int16
    assert largest_difference(items[0], expected) <= 1


def test_utterances_are_slices_of_a_file_decoded_once(tmp_path, monkeypatch):
    for name, seed in (("x", 1), ("y", 2)):
        soundfile.write(tmp_path / f"{name}.wav", noise(4, 44100, seed=seed), 44100)
    decode, log = audio.sound.decode, tmp_path / "decoded.txt"

    def logged(path: Path, *rest):  # in a child process, which shares no list with this one
        with open(log, "a") as handle:
            handle.write(f"{path.name}\n")
        return decode(path, *rest)

    monkeypatch.setattr(audio.sound, "decode", logged)
    times = [(0.0, 1.0), (0.5, 1.25), (3.0, 4.0)]
    rows = [row(f"{i}{name}", f"{name}.wav", *time) for i, time in enumerate(times) for name in ("x", "y")]
    items, problems, facts = extract([*rows, row("none", "")], tmp_path, tmp_path)
    assert log.read_text().split() == ["x.wav", "y.wav"]
    assert problems == []
    whole = {name: librosa.load(tmp_path / f"{name}.wav", sr=RATE)[0] for name in "xy"}
    for samples, r in zip(items, rows, strict=False):
        expected = whole[r.utterance[-1]][round(r.start * RATE) : round(r.end * RATE)]
        assert largest_difference(samples, expected) <= 1
    assert len(items[6]) == 0
    assert facts == {"rows": 7, "missing": 1, "seconds": 5.5, "sample_rate": RATE}


def test_channels_are_averaged_or_selected(tmp_path):
    wave = noise(1, channels=2)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    one = [row("a", "a.wav")]
    for channel, expected in (("mean", wave.mean(axis=1)), (0, wave[:, 0]), (1, wave[:, 1])):
        assert largest_difference(extract(one, tmp_path, tmp_path, channel=channel)[0][0], expected) <= 1
    with pytest.raises(InputError, match=r"a\.wav: it has no channel 2, only 2 of them"):
        extract(one, tmp_path, tmp_path, channel=2)


def test_samples_beyond_full_scale_are_clipped(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 1.7, np.float32), RATE, subtype="FLOAT")
    assert (extract([row("a", "a.wav")], tmp_path, tmp_path)[0][0] == 32767).all()


def ffmpeg(*arguments) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mpg", "mp2"), ("a.avi", "pcm_s16le"), ("a.m4a", "aac")]
)
def test_audio_tracks_of_films_and_lossy_files(tmp_path, name, codec):
    """A tone after a second of silence has the right pitch and starts at the right time."""
    tone = "aevalsrc='0.3*sin(2*PI*440*t)*gte(t,1)':s=44100:d=3"
    film = [] if name == "a.m4a" else ["-f", "lavfi", "-i", "testsrc2=size=128x64:rate=25:duration=3"]
    ffmpeg(*film, "-f", "lavfi", "-i", tone, "-c:a", codec, tmp_path / name)
    items, problems, _ = extract([row("a", name, 0.0, 3.0)], tmp_path, tmp_path)
    assert problems == []
    samples = items[0].astype(float) / 32768
    start = np.argmax(np.abs(samples) > 0.1) / RATE
    assert abs(start - 1) < 0.02  # an MP2 encoder's delay is 11 ms
    pitch = np.abs(np.fft.rfft(samples[RATE * 3 // 2 : RATE * 5 // 2])).argmax()
    assert pitch == 440


def test_an_audio_track_that_starts_after_the_video_is_padded(tmp_path):
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=128x64:rate=25:duration=3", "-itsoffset", "0.8"),
        *("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", tmp_path / "late.mkv"),
    )
    samples = extract([row("a", "late.mkv", 0.0, 2.5)], tmp_path, tmp_path)[0][0]
    assert abs(np.argmax(np.abs(samples) > 1000) / RATE - 0.8) < 0.05


def bad(folder: Path) -> dict[str, tuple[str, str]]:
    """Write faulty files; return name -> (expected reason, words of its detail)."""
    for suffix in ("wav", "flac"):
        soundfile.write(folder / f"good.{suffix}", noise(2), RATE)
        data = (folder / f"good.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(data[: len(data) // 3])
    (folder / "header.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    (folder / "empty.wav").touch()
    (folder / "folder.wav").mkdir()
    (folder / "text.wav").write_text("this is not sound\n" * 500)
    soundfile.write(folder / "none.wav", noise(0), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(2 * RATE), RATE)
    soundfile.write(folder / "hum.wav", noise(2) * 1e-3, RATE, subtype="FLOAT")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=128x64:rate=25:duration=2", folder / "mute.mp4")
    return {
        "absent.wav": ("missing file", "no such file"),
        "folder.wav": ("missing file", "no such file"),
        "empty.wav": ("unreadable", "empty"),
        "text.wav": ("unreadable", "not a media file"),
        "header.wav": ("unreadable", ""),
        "none.wav": ("unreadable", "no samples"),
        "mute.mp4": ("unreadable", "no audio stream"),
        "cut.wav": ("truncated", "ends at"),
        "cut.flac": ("truncated", "ends at"),
        "silent.wav": ("silent", "dBFS"),
        "hum.wav": ("silent", "-80.0 dBFS"),
    }


@pytest.mark.parametrize("whole", [True, False])
def test_faulty_files_are_reported_and_the_others_extracted(tmp_path, whole):
    expected = bad(tmp_path)
    rows = [row(f"bad_{i:02d}", name, 0.0, 2.0, whole) for i, name in enumerate(expected)]
    good = [row("good_1", "good.wav", 0.0, 2.0, whole), row("good_2", "good.flac", 0.0, 2.0, whole)]
    items, problems, facts = extract([*rows, *good], tmp_path, tmp_path)
    reported = {problem.file: (problem.reason, problem.detail) for problem in problems}
    assert reported.keys() == expected.keys()
    for name, (reason, words) in expected.items():
        assert reported[name][0] == reason, (name, reported[name])
        assert words in reported[name][1]
    assert all(problem.remedy and problem.reason in manifest.REASONS for problem in problems)
    assert items.lengths.tolist() == [0] * len(rows) + [2 * RATE] * 2
    assert facts["missing"] == len(rows)


def test_a_truncated_file_gives_the_available_samples(tmp_path):
    """The manifest may be based on the truncated file, so its times do not show that samples are missing."""
    soundfile.write(tmp_path / "a.wav", noise(2), RATE)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: len(data) * 3 // 4])
    seconds = soundfile.info(tmp_path / "a.wav").duration
    items, problems, _ = extract([row("a", "a.wav", 0.0, seconds, True)], tmp_path, tmp_path)
    assert [p.reason for p in problems] == ["truncated"]
    assert abs(len(items[0]) - 1.5 * RATE) < 100


def test_a_truncated_stream_gives_the_available_samples(tmp_path):
    piped_flac(tmp_path / "a.flac", 3)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) * 3 // 5])
    items, problems, _ = extract([row("a", "a.flac", 0.0, 1.5, True)], tmp_path, tmp_path)
    assert [(p.file, p.reason) for p in problems] == [("a.flac", "truncated")]
    assert RATE < len(items[0]) < 2 * RATE


@pytest.mark.parametrize(("lost", "reports"), [(1, 1), (2, 0), (44, 0), (45, 1), (1000, 1)])
def test_missing_bytes_are_reported_unless_the_header_may_count_itself(tmp_path, lost, reports):
    """An odd number is always reported, as the rest of the samples may be misaligned."""
    soundfile.write(tmp_path / "a.wav", noise(2), RATE)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:9000] + data[9000 + lost :])
    items, problems, _ = extract([row("a", "a.wav", 0.0, 2.0, True)], tmp_path, tmp_path)
    assert [(p.utterance, p.file, p.reason) for p in problems] == [("", "a.wav", "truncated")] * reports
    assert len(items[0]) == 2 * RATE - (lost + 1) // 2


def test_intervals_beyond_the_end_are_cut_or_omitted(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(4), RATE)
    times = [(5.0, 6.0), (3.5, 5.0), (3.0, 4.5), (3.0, 4.05)]
    items, problems, _ = extract([row(str(i), "a.wav", *t) for i, t in enumerate(times)], tmp_path, tmp_path)
    assert [(p.utterance, p.reason) for p in problems] == [(u, "truncated") for u in "012"]
    assert items.lengths.tolist() == [0, 0, RATE, RATE]


def test_short_utterances_are_omitted(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(4), RATE)
    rows = [row("a", "a.wav", 1.0, 1.05), row("b", "a.wav", 1.0, 1.2)]
    items, problems, _ = extract(rows, tmp_path, tmp_path)
    assert [(p.utterance, p.reason) for p in problems] == [("a", "too short")]
    assert items.lengths.tolist() == [0, 3200]
    assert extract(rows, tmp_path, tmp_path, min_seconds=0.01)[1] == []


def test_a_wav_header_of_unknown_length_is_accepted(tmp_path):
    """A WAV that ffmpeg writes to a pipe claims 4 GiB."""
    sine = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=2:sample_rate=16000", "-f", "wav", "-"]
    (tmp_path / "a.wav").write_bytes(subprocess.run(sine, capture_output=True, check=True).stdout)
    items, problems, _ = extract([row("a", "a.wav", 0.0, 2.0, True)], tmp_path, tmp_path)
    assert problems == []
    assert len(items[0]) == 2 * RATE


def piped_flac(path: Path, seconds: float) -> None:
    """A FLAC as encoders write it to a pipe, without a number of samples in its header."""
    sine = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        f"sine=duration={seconds}:sample_rate={RATE}",
        "-f",
        "flac",
        "-",
    ]
    path.write_bytes(subprocess.run(sine, capture_output=True, check=True).stdout)


def patched(source: Path, path: Path, at: int, value: bytes) -> None:
    """Copy a file with other bytes at an offset."""
    data = source.read_bytes()
    path.write_bytes(data[:at] + value + data[at + len(value) :])


def streaminfo(source: Path, path: Path, *, rate: int | None = None, samples: int | None = None) -> None:
    """Copy a FLAC with another rate (20 bits) or number of samples (36 bits) in its header."""
    fields = int.from_bytes(source.read_bytes()[18:26])
    fields = fields if rate is None else fields & ~(0xFFFFF << 44) | rate << 44
    fields = fields if samples is None else fields & ~(2**36 - 1) | samples
    patched(source, path, 18, fields.to_bytes(8))


def test_a_flac_of_unknown_length_is_read_to_the_end(tmp_path):
    piped_flac(tmp_path / "a.flac", 2.5)
    items, problems, _ = extract([row("a", "a.flac", 0.0, 2.5, True)], tmp_path, tmp_path)
    assert problems == []
    assert len(items[0]) == 2.5 * RATE
    assert sound.seconds(tmp_path / "a.flac") == 2.5


def false_headers(folder: Path) -> dict[str, tuple[str, str]]:
    """Write files that contradict their headers; return name -> (expected reason, words of its detail)."""
    good = folder / "good.flac"
    soundfile.write(good, noise(2), RATE)
    streaminfo(good, folder / "endless.flac", samples=2**36 - 1)
    streaminfo(good, folder / "slow.flac", rate=1)
    data = good.read_bytes()
    patched(good, folder / "flipped.flac", len(data) // 2, bytes([data[len(data) // 2] ^ 4]))
    patched(good, folder / "checksum.flac", 30, b"\0")
    piped_flac(folder / "piped.flac", 3)
    data = (folder / "piped.flac").read_bytes()
    for name, at in (("last.flac", len(data) - 3000), ("piped.flac", len(data) // 2)):
        patched(folder / "piped.flac", folder / name, at, bytes([data[at] ^ 4]))
    wave = noise(2)[:, 0]
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        soundfile.write(
            folder / f"{name}.wav", np.where(np.arange(len(wave)) == 77, value, wave), RATE, subtype="FLOAT"
        )
    soundfile.write(folder / "integers.wav", wave * 32768, RATE, subtype="FLOAT")
    soundfile.write(folder / "good.wav", wave, RATE)
    patched(folder / "good.wav", folder / "codec.wav", 20, (1234).to_bytes(2, "little"))
    patched(folder / "good.wav", folder / "slow.wav", 24, (1).to_bytes(4, "little"))
    soundfile.write(folder / "long.wav", noise(80), RATE)
    return {
        "endless.flac": ("unreadable", "claims 68719476735 samples"),
        "slow.flac": ("unreadable", "a sample rate of 1 Hz"),
        "codec.wav": ("unreadable", "no decoder"),
        "slow.wav": ("unreadable", "a sample rate of 1 Hz"),
        "flipped.flac": ("damaged", "decoder"),
        "piped.flac": ("damaged", "decoder"),
        "last.flac": ("damaged", "decoder"),
        "checksum.flac": ("damaged", "checksum"),
        "nan.wav": ("damaged", "not finite"),
        "inf.wav": ("damaged", "not finite"),
        "integers.wav": ("damaged", "times full scale"),
        "long.wav": ("too long", "80.000 s, the utterance 2.000 s"),
    }


def test_files_with_false_headers_are_reported_and_omitted(tmp_path):
    expected = false_headers(tmp_path)
    rows = [row(f"bad_{i:02d}", name, 0.0, 2.0, True) for i, name in enumerate(expected)]
    items, problems, _ = extract([*rows, row("good", "good.flac", 0.0, 2.0, True)], tmp_path, tmp_path)
    reported = {problem.file: problem for problem in problems}
    assert reported.keys() == expected.keys() and len(problems) == len(expected)
    for name, (reason, words) in expected.items():
        assert (reported[name].reason, words in reported[name].detail) == (reason, True), reported[name]
        assert reported[name].remedy and reason in manifest.REASONS
    assert items.lengths.tolist() == [0] * len(rows) + [2 * RATE]


def concealed(good: Path, path: Path) -> None:
    """Copy a file with one damaged byte, chosen so that its decoder logs an error and raises nothing."""
    data = good.read_bytes()
    for at in range(2000, len(data) - 2000, 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        with opening.reports() as errors, contextlib.suppress(av.FFmpegError), av.open(str(path)) as container:
            list(container.decode(audio=0))
            if len(errors()) == 1:
                return
    raise AssertionError("every damaged byte raises, or none is logged")


def test_damage_that_a_decoder_conceals_is_reported_for_each_file(tmp_path):
    noise_track = ["-f", "lavfi", "-i", f"anoisesrc=sample_rate={RATE}:duration=3:amplitude=0.3:seed=1"]
    ffmpeg(*noise_track, "-c:a", "aac", "-movflags", "+faststart", tmp_path / "good.m4a")
    concealed(tmp_path / "good.m4a", tmp_path / "b.m4a")
    shutil.copy(tmp_path / "b.m4a", tmp_path / "c.m4a")  # FFmpeg logs a repeated message only once
    rows = [row(name, f"{name}.m4a", 0.0, 3.0) for name in ("b", "c", "good")]
    items, problems, _ = extract(rows, tmp_path, tmp_path)
    assert [(p.utterance, p.reason) for p in problems] == [("b", "damaged"), ("c", "damaged")]
    assert all("its decoder reports" in p.detail for p in problems)
    assert items.lengths.tolist() == [0, 0, 3 * RATE]


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_a_gap_in_a_lossy_recording_is_reported(tmp_path, suffix):
    """libsndfile would silently continue after the gap."""
    soundfile.write(tmp_path / f"a.{suffix}", noise(8), RATE)
    data = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"b.{suffix}").write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 300 :])
    items, problems, _ = extract([row(n, f"{n}.{suffix}", 0.0, 8.0) for n in "ab"], tmp_path, tmp_path)
    assert [(p.utterance, p.reason) for p in problems] == [("b", "damaged")]
    assert items.lengths.tolist() == [8 * RATE, 0]


def test_the_memory_limit_of_a_sparse_file_depends_on_its_blocks(tmp_path, monkeypatch):
    """Its header claims a gigabyte, but it occupies a few kilobytes on disk."""
    soundfile.write(tmp_path / "a.wav", noise(2), RATE)
    patched(tmp_path / "a.wav", tmp_path / "b.wav", 40, (2**30).to_bytes(4, "little"))
    os.truncate(tmp_path / "b.wav", 2**30 + 44)
    assert opening.effective_size(tmp_path / "a.wav") == (tmp_path / "a.wav").stat().st_size > 2 * RATE
    assert opening.effective_size(tmp_path / "b.wav") < 2**20 and opening.effective_size(tmp_path / "absent.wav") == 0
    monkeypatch.setattr(confined, "MEMORY", 2**28)
    items, problems, _ = extract([row(name, f"{name}.wav", 0.0, 2.0) for name in "ab"], tmp_path, tmp_path)
    assert [(p.utterance, p.reason) for p in problems] == [("b", "unreadable")]
    assert "memory" in problems[0].detail and items.lengths.tolist() == [2 * RATE, 0]


def test_a_recording_slightly_longer_than_its_utterance_is_accepted(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2), RATE)
    items, problems, _ = extract([row("a", "a.wav", 0.0, 1.5, True)], tmp_path, tmp_path)
    assert problems == [] and len(items[0]) == 2 * RATE


@pytest.mark.parametrize("name", ['a b\'s "c".wav', "é日本 ümlaut.wav", "http:x.wav", "%03d, [x];y=z.wav", "-y.wav"])
@pytest.mark.parametrize("encoding", ["WAV", "MP4"])
def test_awkward_paths(tmp_path, name, encoding, monkeypatch):
    monkeypatch.chdir(tmp_path)  # relative paths are more awkward, as they start with the name
    soundfile.write(tmp_path / "plain.wav", noise(1), RATE)
    if encoding == "MP4":
        ffmpeg("-i", tmp_path / "plain.wav", "-f", "mp4", f"file:{tmp_path / name}")
    else:
        (tmp_path / "plain.wav").rename(tmp_path / name)
    items, problems, _ = extract([row("a", name)], Path("."), Path("."))
    assert problems == []
    assert len(items[0]) == RATE


def test_real_speech(ravdess, tmp_path):
    """All stereo clips and a few others, compared with librosa."""
    clips = [path for path in sorted(ravdess.rglob("*.flac")) if path.is_file()]
    stereo = [path for path in clips if soundfile.info(path).channels == 2]
    assert stereo, "the published corpus has a few stereo clips"
    chosen = sorted({*stereo, *clips[::120]})
    rows = [row(path.stem, str(path.relative_to(ravdess)), 0.0, soundfile.info(path).duration, True) for path in chosen]
    items, problems, _ = extract(rows, ravdess, tmp_path)
    assert problems == []
    for samples, path in zip(items, chosen, strict=True):
        assert largest_difference(samples, librosa.load(path, sr=RATE)[0]) <= 1


def test_audio_tracks_of_real_films(grid, tmp_path):
    clips = sorted(grid.glob("*.mpg"))
    rows = [row(path.stem, path.name, 0.0, 3.0) for path in clips]
    items, problems, _ = extract(rows, grid, tmp_path)
    assert problems == []
    for samples, path in zip(items, clips, strict=True):
        raw = ["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
        other = np.frombuffer(subprocess.run(raw, capture_output=True, check=True).stdout, np.int16)
        length = min(len(samples), len(other))
        assert length > 2.9 * RATE
        assert np.corrcoef(samples[:length], other[:length])[0, 1] > 0.999


def job(folder: Path, **recipe) -> list[str]:
    """The command of a job in a folder with its manifest p.csv and its corpus."""
    provenance.write_json(folder / "recipe.json", {"plugin": "audio", "options": {}} | recipe)
    (folder / "p.sha256").write_text("")
    names = {"recipe": "recipe.json", "log": "log.txt", "corpus-root": ".", "manifest": "p.csv", "inputs": "p.sha256"}
    names |= {"out": "p.npy", "quality": "p.quality.csv", "sidecar": "p.json"}
    paths = [text for name, file in names.items() for text in (f"--{name}", str(folder / file))]
    return [sys.executable, "-m", "workflow_scripts.extract_view", *paths]


def test_the_script_writes_the_view_its_sidecar_and_its_problems(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2), RATE)
    manifest.write(tmp_path / "p.csv", [row("a_1", "a.wav"), row("a_2", "b.wav")])
    subprocess.run(job(tmp_path, options={"min_seconds": 0.2}), check=True)
    sidecar = provenance.read_json(tmp_path / "p.json")
    assert sidecar["missing"] == 1
    assert sidecar["outputs"]["p.npy"] == provenance.sha256(tmp_path / "p.npy")
    assert sidecar["recipe"]["options"] == {"min_seconds": 0.2}
    assert [p.reason for p in manifest.read_problems(tmp_path / "p.quality.csv")] == ["missing file"]


def test_a_job_killed_while_writing_leaves_no_output(tmp_path):
    """A file gets its final name only when it is complete."""
    soundfile.write(tmp_path / "a.wav", noise(20, 44100, 2), 44100)
    rows = [row(f"a_{i:03d}", "a.wav", i / 10, 10 + i / 10) for i in range(100)]
    soundfile.write(tmp_path / "b.wav", noise(120, 48000, 2), 48000)
    rows += [row(f"b_{i:03d}", "b.wav", i, i + 1.0) for i in range(100)]
    manifest.write(tmp_path / "p.csv", rows)
    with subprocess.Popen(job(tmp_path)) as process:
        while not list(tmp_path.glob(".p.*.tmp.raw")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL, "the job finished before it was killed"
    assert list(tmp_path.glob(".p.*.tmp.raw")), "the job was killed before it began to write"
    assert not [name for name in ("p.npy", "p.offsets.npy", "p.json", "p.quality.csv") if (tmp_path / name).exists()]
    subprocess.run(job(tmp_path), check=True)
    assert len(store.Ragged.open(tmp_path / "p.npy", len(rows))[0]) == 10 * RATE
