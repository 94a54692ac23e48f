"""The demo corpus is reproducible, IEMOCAP's reader can read it, and it has the intended faults and no others.

Covers: corpora/demo/*.
"""

import contextlib
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations

import av
import numpy as np
import pytest
import soundfile

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.provenance import sha256
from emospace.corpora import demo
from emospace.corpora.demo import film

SMALL = {"seed": 3, "sessions": 3, "dialogues": 2, "utterances": 10}


def digests(root) -> dict[str, str]:
    return {str(p.relative_to(root)): sha256(p) for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A small corpus in a path with a quote, a space and a non-ASCII letter."""
    folder = tmp_path_factory.mktemp("demo it's é") / "raw"
    demo.generate(folder, threads=2, **SMALL)
    return folder


@pytest.fixture(scope="module")
def read(root):
    rows, problems = demo.index(root, [path for path, _ in walk(str(root))], expect_counts=False)
    kept, unusable = manifest.check(rows)
    return {r.utterance: r for r in kept}, problems + unusable


def middle(row: manifest.Utterance) -> int:
    """Index of the frame in mid-turn."""
    return round((row.start + row.end) / 2 * 30_000 / 1001)


@pytest.fixture(scope="module")
def films(root, read):
    """Dialogue -> the number of frames that can be decoded, and those in mid-turn by index."""
    indices = defaultdict(set)
    for row in read[0].values():
        indices[row.dialogue].add(middle(row))
    return {p.stem: decoded(p, indices[p.stem]) for p in sorted(root.rglob("*.avi"))}


def decoded(path, indices: set[int]) -> tuple[int, dict[int, np.ndarray]]:
    count, kept = 0, {}
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert abs(float(stream.average_rate) - 30_000 / 1001) < 0.01
        assert (stream.width, stream.height, stream.codec_context.codec_tag) == (720, 480, "DIVX")
        with contextlib.suppress(av.InvalidDataError):
            for frame in film.decode(stream):
                if count in indices:
                    kept[count] = frame.to_ndarray(format="rgb24")
                count += 1
    return count, kept


def test_generation_is_reproducible_with_any_number_of_threads_and_any_folder_name(root, tmp_path):
    demo.generate(tmp_path / "again", threads=1, **SMALL)
    assert digests(tmp_path / "again") == digests(root)


def test_another_seed_gives_another_corpus(root, tmp_path):
    demo.generate(tmp_path / "other", **SMALL | {"seed": 4, "sessions": 1})
    both = digests(tmp_path / "other").items() & digests(root).items()
    assert {path for path, _ in both} <= {demo.MARK} | {p for p, _ in both if "/._" in p}


def test_the_reader_finds_every_turn_and_exactly_the_intended_faults(read):
    rows, problems = read
    assert len(rows) == pytest.approx(3 * 2 * 10, abs=3)
    assert Counter(p.reason for p in problems) == {"missing file": 1}
    assert [r.utterance for r in rows.values() if not r.whole] == [problems[0].utterance]
    assert all(r.audio and r.video and r.text for r in rows.values())
    assert {"ang", "neu", "sad", "hap", "exc", "xxx", "fru"} == {r.label for r in rows.values()}
    assert {r.speaker for r in rows.values()} == {f"Ses{s:02d}{letter}" for s in (1, 2, 3) for letter in "FM"}
    assert min(r.end - r.start for r in rows.values()) < 1
    assert {demo.group(r.audio) for r in rows.values()} == {0, 1, 2}


def test_the_other_intended_corner_cases_exist(root, read):
    assert len(list(root.rglob("._*"))) == 1
    transcripts = [p.read_bytes() for p in root.rglob("transcriptions/*.txt")]
    assert sum(b"\xe9" in t for t in transcripts) == 1
    assert any("café" in r.text for r in read[0].values())
    assert all(b"XX0 [" in t for t in transcripts) and not any("XX0" in name for name in read[0])


def test_recordings_match_their_intervals(root, read):
    by_speaker = defaultdict(list)
    for row in read[0].values():
        info = soundfile.info(root / row.audio)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1 if row.whole else 2, "PCM_16")
        if row.whole:
            assert info.duration == pytest.approx(row.end - row.start, abs=2e-4)
            side = int(row.crop.startswith("360"))
            both, _ = soundfile.read(root / f"{row.audio.split('/')[0]}/dialog/wav/{row.dialogue}.wav", dtype="int16")
            own, _ = soundfile.read(root / row.audio, dtype="int16")
            first = round(row.start * 16_000)
            np.testing.assert_array_equal(both[first : first + len(own), side], own)
            by_speaker[row.label].append(np.sqrt(np.mean(own.astype(float) ** 2)))
    level = {label: np.mean(values) for label, values in by_speaker.items()}
    assert level["ang"] > 1.3 * level["neu"] > 1.3 * 1.1 * level["sad"]


def test_turns_sometimes_overlap_but_never_those_of_one_actor(read):
    overlaps = 0
    for a, b in combinations(sorted(read[0].values(), key=lambda r: r.start), 2):
        if a.dialogue == b.dialogue and b.start < a.end:
            overlaps += 1
            assert a.speaker != b.speaker
    assert overlaps


def test_scripts_recur_across_sessions_and_improvisations_do_not(read):
    texts = defaultdict(set)
    for row in read[0].values():
        texts[row.scripted, row.session].add(row.text)
    assert len(set.intersection(*(texts[True, f"Ses0{s}"] for s in (1, 2, 3)))) >= 8
    assert len(set.intersection(*(texts[False, f"Ses0{s}"] for s in (1, 2, 3)))) <= 2


def test_films_are_as_long_as_the_recordings_except_the_truncated_one(root, films):
    short = []
    for name, (count, _) in films.items():
        seconds = soundfile.info(next(root.glob(f"Session*/dialog/wav/{name}.wav"))).duration
        if count < seconds * 30_000 / 1001 - 3:
            short.append(name)
            assert count > 0.4 * seconds * 30
    assert short == ["Ses03M_script01_1"]


def test_the_speakers_half_of_the_film_shows_the_emotion(read, films):
    """Of all faces that could be drawn in mid-turn, the nearest has the turn's label."""
    compared, drawn = 0, cache(film.draw)
    for row in read[0].values():
        count, kept = films[row.dialogue]
        if middle(row) >= count:
            continue
        left = int(row.crop.split()[0])
        half = kept[middle(row)][:, left : left + 360].astype(float)
        faces = [
            film.Face(int(row.session[3:]), row.gender, label, strength, mouth)
            for label in film.EXPRESSIONS
            for strength in (0.55, 0.75, 1.0)
            for mouth in range(film.MOUTHS)
        ]
        nearest = min(faces, key=lambda face: np.abs(drawn(face) - half).mean())
        assert nearest.label == row.label, row.utterance
        compared += 1
    assert compared > 50


def test_the_mouth_follows_the_loudness():
    time = np.arange(32_000) / 16_000
    sound = (10_000 * np.sin(2 * np.pi * 200 * time) * (time > 1)).astype(np.int16)
    opened = film.openings(sound, 16_000)
    assert len(opened) == 20
    assert (opened[:9] == 0).all() and (opened[11:] == film.MOUTHS - 1).all()


def test_faces_differ_visibly_between_emotions():
    for letter in "FM":
        faces = {label: film.draw(film.Face(1, letter, label)).astype(float) for label in ("ang", "neu")}
        faces |= {label: film.draw(film.Face(1, letter, label)).astype(float) for label in ("sad", "hap")}
        for a, b in combinations(faces, 2):
            assert np.mean(np.abs(faces[a] - faces[b]).max(2) > 24) > 0.01, (a, b)


def test_after_a_failure_only_the_old_corpus_remains(root, monkeypatch):
    before = digests(root)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InputError, match="install espeak-ng"):
        demo.generate(root, **SMALL)
    assert digests(root) == before
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(InputError, match="not a demo corpus"):
        demo.generate(tmp_path, **SMALL)
    assert (tmp_path / "thesis.tex").read_text() == "ten years of work"


@pytest.mark.parametrize("wrong", [{"sessions": 0}, {"dialogues": -1}, {"utterances": 2}])
def test_counts_out_of_range_are_rejected(tmp_path, wrong):
    with pytest.raises(InputError, match="config: generate"):
        demo.generate(tmp_path / "demo", **SMALL | wrong)
