"""Small corpora in the layouts of all readers, and seeded mutations that corrupt one of their files."""

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
DIALOGUE = "Ses01F_impro01"
TURNS = [("F000", 0.2, 1.0, "neu"), ("M000", 1.1, 1.9, "ang"), ("F001", 2.0, 2.9, "hap")]


def film(path: Path, size: str, *codec: str, sound: bool = False, seconds: int = 3) -> None:
    """Write a video of moving patterns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    inputs += ["-f", "lavfi", "-i", f"sine=sample_rate={RATE}:duration={seconds}"] if sound else []
    command = ["ffmpeg", "-v", "error", "-y", *inputs, "-threads", "1", *codec, f"file:{path}"]
    subprocess.run(command, check=True)


def noise(path: Path, seconds: float, **options) -> None:
    """Write a recording of noise at -20 dBFS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(len(path.name)).standard_normal(round(seconds * RATE)) * 0.1
    soundfile.write(path, wave, RATE, **options)


def iemocap(root: Path) -> None:
    """Write one dialogue of three utterances: evaluation, transcript, recordings and video."""
    base, block, words = root / "Session1", [], []
    for name, start, end, label in TURNS:
        turn = f"{DIALOGUE}_{name}"
        block.append(f"[{start:.4f} - {end:.4f}]\t{turn}\t{label}\t[2.5000, 3.0000, 4.5000]\nC-E2:\tAnger;\t()\n")
        words.append(f"{turn} [{start:08.4f}-{end:08.4f}]: Some words of {name}.\n")
        noise(base / f"sentences/wav/{DIALOGUE}/{turn}.wav", end - start)
    for folder, lines in (("EmoEvaluation", ["% header\n\n", *block]), ("transcriptions", words)):
        path = base / f"dialog/{folder}/{DIALOGUE}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))
    noise(base / f"dialog/wav/{DIALOGUE}.wav", 3)
    film(base / f"dialog/avi/DivX/{DIALOGUE}.avi", "720x480", "-c:v", "mpeg4", "-vtag", "DIVX", "-q:v", "12")


def ravdess(root: Path) -> None:
    """Write clips of two actors: WAV (integer and float), FLAC (known and unknown length) and MP4."""
    for actor in (1, 2):
        stem = f"01-{{:02d}}-01-01-01-{actor:02d}"
        folder = root / f"Actor_{actor:02d}"
        noise(folder / f"03-{stem.format(1)}.flac", 1.5)
        noise(folder / f"03-{stem.format(3)}.wav", 1.2, subtype="PCM_16" if actor == 1 else "FLOAT")
    fast = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-c:a", "aac", "-movflags", "+faststart"]
    film(root / "Actor_01/01-01-05-01-01-01-01.mp4", "128x96", *fast, sound=True, seconds=2)
    piped = ["ffmpeg", "-v", "error", "-i", root / "Actor_01/03-01-01-01-01-01-01.flac", "-f", "flac", "-"]
    data = subprocess.run(piped, stdout=subprocess.PIPE, check=True).stdout
    (root / "Actor_02/03-01-06-01-01-01-02.flac").write_bytes(data)


LAYOUTS: dict[str, Callable[[Path], None]] = {"iemocap": iemocap, "ravdess": ravdess}


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _flip(data: bytes, draw: random.Random, bits: int = 1, within: int | None = None) -> bytes:
    spoilt = bytearray(data)
    for _ in range(bits):
        spoilt[draw.randrange(min(within or len(data), len(data)))] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def _header(data: bytes, draw: random.Random) -> bytes:
    return _flip(data, draw, draw.choice([1, 2, 8]), 64)


def _blank(data: bytes, draw: random.Random) -> bytes:
    start, length = draw.randrange(len(data)), draw.choice([16, 256, 4096])
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


def _lose(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.choice([1, 16, 1000]) :]


def _more(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + draw.randbytes(draw.choice([1, 16, 1000])) + data[start:]


def _noise(data: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(min(len(data), 20_000))


def _numbers(data: bytes, draw: random.Random) -> bytes:
    """Set a four-byte field near the start, or near a box name, to an extreme value."""
    names = [b"fmt ", b"data", b"moov", b"mdhd", b"stsz", b"stco", b"stts", b"tkhd", b"strh", b"strf", b"avih", b"fLaC"]
    places = [at for name in names if (at := data.find(name)) >= 0] or [0]
    at = draw.choice(places) + 4 * draw.randrange(-1, 12)
    value = draw.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**31, draw.randrange(2**32)])
    return data[: max(0, at)] + struct.pack(draw.choice("<>") + "I", value) + data[max(0, at) + 4 :]


# Offset of a field, its struct format, false values: format, channels, rate, bits, bytes of audio.
WAV_FIELDS = [(20, "<H", [3, 85]), (22, "<H", [0, 1024]), (24, "<I", [0, 1, 2**31 - 1]), (34, "<H", [8])]
WAV_FIELDS += [(40, "<I", [10, 2**31, 2**32 - 1])]


def _lie(data: bytes, draw: random.Random) -> bytes:
    """Put a false value into the STREAMINFO of a FLAC or the format chunk of a WAV."""
    if data.startswith(b"fLaC"):
        rate, samples = draw.choice([(0, 0), (1, 0), (655350, 0), (None, 0), (None, 2**36 - 1), (None, 10**9)])
        fields = int.from_bytes(data[18:26])
        fields = fields if rate is None else fields & ~(0xFFFFF << 44) | rate << 44
        return data[:18] + (fields & ~(2**36 - 1) | samples).to_bytes(8) + data[26:]
    if data.startswith(b"RIFF"):
        at, form, value = draw.choice(
            [(at, form, value) for at, form, values in WAV_FIELDS for value in values],
        )
        field = struct.pack(form, value)
        return data[:at] + field + data[at + len(field) :]
    return _numbers(data, draw)


def _floats(_: bytes, draw: random.Random) -> bytes:
    """Return a float WAV of unusual samples: NaN, infinite, in the range of integers, long, silent."""
    wave = np.random.default_rng(draw.randrange(100)).standard_normal(RATE).astype(np.float32) * 0.1
    kind = draw.choice(["nan", "inf", "integers", "huge", "long"])
    wave = np.tile(wave, 40) if kind == "long" else wave * {"integers": 3e4, "huge": 1e30}.get(kind, 1)
    wave[draw.randrange(len(wave))] = {"nan": np.nan, "inf": np.inf}.get(kind, 0)
    body = wave.astype("<f4").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 3, 1, RATE, 4 * RATE, 4, 32,
                       b"data", len(body))  # fmt: skip
    return head + body


MEDIA = [
    _cut,
    _cut,
    _flip,
    _flip,
    _header,
    _header,
    _blank,
    _lose,
    _more,
    _noise,
    _numbers,
    _numbers,
    _lie,
    _lie,
    _floats,
]

NUMBERS = [b"inf", b"nan", b"-1.0000", b"99999", b"1e400", b"-0.5000", b"9" * 400]
SIGNS = [b"", b"\0", b"\r", b'"', b"[", b"]:", b"%", b"_F000", b"../../x", "\u2028".encode()]
SIGNS += [b"\x93quoted\x94", b"\xff\xfe", b"\xc3", b"\x85", b"x" * 131_073]


def _lines_cut(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[: draw.randrange(len(lines))])


def _lines_mixed(data: bytes, draw: random.Random) -> bytes:
    """Drop, duplicate or move a line."""
    lines = data.splitlines(keepends=True)
    line = lines.pop(draw.randrange(len(lines)))
    for _ in range(draw.randrange(3)):
        lines.insert(draw.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _cell(data: bytes, draw: random.Random) -> bytes:
    """Replace a word or number with a value that no table should contain."""
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.randrange(8))
    return data[:start] + draw.choice(NUMBERS + SIGNS) + data[end:]


def _utf16(data: bytes, draw: random.Random) -> bytes:
    return data.decode("latin-1").encode(draw.choice(["utf-16", "utf-8-sig", "utf-32"]))


TEXTS = [_cut, _flip, _blank, _lose, _more, _noise, _lines_cut, _lines_mixed, _cell, _cell, _cell, _cell, _utf16]


def mutant(seed: int, files: dict[str, bytes]) -> tuple[str, str, bytes]:
    """Corrupt one file of a corpus: (file, name of the mutation, new content). files: path -> content."""
    draw = random.Random(seed)
    name = draw.choice(sorted(files))
    if draw.random() < 0.1:
        other = draw.choice(sorted(files))
        return name, f"the content of {other}", files[other]
    spoil = draw.choice(TEXTS if name.endswith((".txt", ".csv")) else MEDIA)
    return name, spoil.__name__.strip("_"), spoil(files[name], draw)
