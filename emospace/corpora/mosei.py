"""CMU-MOSEI: segments of YouTube monologues with the intensity of six emotions and sentiment, official folds.

Zadeh et al. (2018), ACL. The labels are in CMU_MOSEI_Labels.csd of the CMU Multimodal SDK, an HDF5 file with the
interval of each segment of a video and seven numbers: sentiment (-3 to 3) and the intensities (0 to 3) of happiness,
sadness, anger, surprise, disgust and fear. Needs the package h5py (BSD), an extra:
pip install -r requirements-extra.txt -c constraints.txt. Other files, in any folders as the raw release unpacks:

- Raw/Audio/Full/WAV_16000/<video>.wav and Raw/Videos/Full/Combined/<video>.mp4, whole videos
- Raw/Transcript/Segmented/Combined/<video>.txt, lines `<video>___<segment>___<start>___<end>___<text>`
- cmu_mosei_std_folds.py of the SDK, the official folds; it is read as text, never run

A row's label is the strongest emotion. The publisher defines no single label: a segment may have several emotions or
none, and the usual metrics are binary per emotion. The sentiment is the row's `valence`.

Two facts are unconfirmed because the publisher's server no longer answers: the layout of the raw release, taken from
third-party code, and the number of segments. The paper has 23,453 in 3,228 videos; users of the label file count 23,259
in 3,293 (issue 258 of the SDK), 16,327, 1,871 and 4,662 of them in the folds. Two test videos have no labels. The times
of videos without segmented films may be wrong (issue 227), and 239 segments begin before their video. The release does
not name speakers, so each video counts as one speaker, and whether the folds share speakers is unknown.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from emospace.core.contracts import EVERY
from emospace.core.encodings import decoded_lines
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.media.confined import Failure, confined

EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")  # in the order of the label file
NONE, MIXED = "none", "mixed"
CODES = dict(zip(EMOTIONS, ("happiness", "sadness", "anger", "surprise", "disgust", "fear"), strict=True))
CODES |= {NONE: "none of the six emotions", MIXED: "several emotions, equally strong"}
LICENCE = "for research, as the publisher's page said; the videos belong to those who made them"
PUBLIC = False
CITATION = (
    "A. Zadeh, P. P. Liang, S. Poria, E. Cambria, L.-P. Morency, Multimodal Language Analysis in the Wild: CMU-MOSEI "
    "Dataset and Interpretable Dynamic Fusion Graph, ACL 2018, doi 10.18653/v1/P18-1208"
)
NOTE = "A label is the strongest of six intensities; speakers are not named, so they may be on several sides."

LABELS, FOLDS = "CMU_MOSEI_Labels.csd", "cmu_mosei_std_folds.py"
SEGMENTS, VIDEOS = 23_259, 3_293
SIDES = {"train": 16_327, "dev": 1_871, "test": 4_662}
INSTALL = "pip install -r requirements-extra.txt -c constraints.txt"
UNPACK = "unpack the raw release again, if you need it"
CLOSE = 0.05  # seconds: tolerance when matching label times with the rounded times of transcripts
EARLIEST = -1.0  # seconds; hundreds of first segments begin up to half a second before their video

_MEDIA = re.compile(r"(?:.*/)?(?:Full/WAV_16000/[^/]+\.wav|Full/Combined/[^/]+\.mp4|Segmented/Combined/[^/]+\.txt)")
_FOLD = re.compile(r"standard_(train|valid|test)_fold\s*=\s*\[([^\]]*)\]")
_SUFFIXES = {".wav": "audio", ".mp4": "video", ".txt": "text"}
Segment = tuple[float, float, list[float]]  # start, end (seconds), sentiment and the six intensities


def group(path: str) -> int | None:
    """A hash of the video's name; EVERY for labels and folds; None for other files."""
    name = PurePosixPath(path).name
    if name in (LABELS, FOLDS):
        return EVERY
    return _number(PurePosixPath(path).stem) if _MEDIA.fullmatch(path) and not name.startswith("._") else None


def index(
    root: Path, files: Sequence[str], *, part: int, parts: int, expect_counts: bool = True
) -> tuple[list[Utterance], list[Problem]]:
    """Return one row per labelled segment.

    expect_counts: false for a part of the corpus, to skip the comparison with the label file's counts.
    """
    media: dict[str, dict[str, str]] = {"audio": {}, "video": {}, "text": {}}
    tables: dict[str, str] = {}
    for path in sorted(files, key=lambda file: (file.count("/"), file)):
        name = PurePosixPath(path)
        kind = media[_SUFFIXES[name.suffix]] if _MEDIA.fullmatch(path) else tables
        kind.setdefault(name.stem if kind is not tables else name.name, path)
    if LABELS not in tables:
        remedy = "download it from the pages of the CMU Multimodal SDK"
        return [], [Problem("", LABELS, "missing file", "there are no labels", remedy, True)]
    labels, problems = _labels(Path(root), tables[LABELS])
    sides = _sides(Path(root, tables[FOLDS])) if FOLDS in tables else {}
    if not sides and part == 0:
        detail, remedy = "the rows have no official side", "copy it from the SDK"
        problems.append(Problem("", FOLDS, "missing file", detail, remedy))
    rows, videos = [], sorted(video for video in labels if _number(video) % parts == part)
    problems += _absent(videos, media)
    for video in videos:
        own = {medium: paths.get(video, "") for medium, paths in media.items()}
        rows += _rows(Path(root), video, labels[video], own, sides.get(video, ""), problems)
    return rows, problems


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the numbers of segments, videos and segments per side with those of the label file and the folds."""
    if not expect_counts:
        return []
    compared = [("segments", len(rows), SEGMENTS), ("videos", len({row.dialogue for row in rows}), VIDEOS)]
    counts = {side: sum(row.split == side for row in rows) for side in SIDES}
    compared += [(f"segments in {side}", counts[side], n) for side, n in SIDES.items() if any(counts.values())]
    remedy = "get the label file again, or set `options: {expect_counts: false}` for a part of the corpus"
    return [
        Problem("", "", "count", f"{count} {items}, the label file has {known}", remedy)
        for items, count, known in compared
        if count != known
    ]


def _absent(videos: Sequence[str], media: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """A problem for each missing file, or one for a medium that has no file at all."""
    problems = []
    for medium, paths in media.items() if videos else ():
        if not paths:
            problems.append(
                Problem("", "", "missing file", f"no video of this part has a file for its {medium}", UNPACK)
            )
        elif missing := [video for video in videos if video not in paths]:
            problems += [Problem("", video, "missing file", f"it has no {medium}", UNPACK) for video in missing]
    return problems


def _number(video: str) -> int:
    return zlib.crc32(video.encode())


def _labels(root: Path, path: str) -> tuple[dict[str, list[Segment]], list[Problem]]:
    """Map each video to its segments. A child process reads the file, because HDF5 is not safe for hostile files."""
    try:
        import h5py
    except ImportError as error:
        raise InputError(root / path, "the package h5py is not installed", INSTALL) from error

    def work(name: str) -> bytes:
        try:
            with h5py.File(root / name) as file:
                return json.dumps(_read(file)).encode()
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            return json.dumps(str(error) or repr(error)).encode()

    (reply,) = confined(work, [path], lambda name: (root / name).stat().st_size)
    content = reply.detail if isinstance(reply, Failure) else json.loads(reply)
    if isinstance(content, str):
        detail = f"it is not a label file of CMU-MOSEI ({content.splitlines()[0]})"
        return {}, [Problem("", path, "unreadable", detail, "download it again", True)]
    return content, []


def _read(file: Mapping) -> dict[str, list[Segment]]:
    (name,) = file.keys()
    data = file[name]["data"]
    return {
        video: [
            (float(start), float(end), [float(value) for value in values])
            for (start, end), values in zip(data[video]["intervals"][()], data[video]["features"][()], strict=True)
        ]
        for video in data
    }


def _sides(path: Path) -> dict[str, str]:
    """Map each video to its side, from the lists of names in the SDK's module."""
    text = path.read_text(encoding="utf-8", errors="replace")
    sides = {"train": "train", "valid": "dev", "test": "test"}
    return {video: sides[fold] for fold, names in _FOLD.findall(text) for video in re.findall(r"['\"]([^'\"]+)", names)}


def _rows(
    root: Path, video: str, segments: Sequence[Segment], media: Mapping[str, str], side: str, problems: list[Problem]
) -> Iterator[Utterance]:
    """Yield the rows of a video, none if the video has no media."""
    texts = list(_texts(root / media["text"])) if media["text"] else []
    if not any(media.values()):
        problems.append(Problem("", video, "missing file", f"its {len(segments)} segments have no media", UNPACK, True))
        return
    for number, (start, end, values) in enumerate(segments):
        name = f"{video}_{number}"
        if len(values) != 1 + len(EMOTIONS) or not all(0 <= value <= 3 for value in values[1:]):
            detail = "it does not have a sentiment and six intensities from 0 to 3"
            problems.append(Problem(name, LABELS, "bad label", detail, "download the label file again", True))
            continue
        near = (text for first, last, text in texts if abs(first - start) + abs(last - end) < CLOSE)
        text = next(near, "")
        yield Utterance(
            utterance=name,
            dialogue=video,
            session=video,
            speaker=video,
            gender="",
            scripted=False,
            start=max(start, 0.0) if start > EARLIEST else start,
            end=end,
            whole=False,
            text=text,
            audio=media["audio"],
            video=media["video"],
            crop="",
            label=_label(values[1:]),
            valence=values[0],
            language="en",
            split=side,
        )


def _texts(path: Path) -> Iterator[tuple[float, float, str]]:
    """Yield start, end and text of each line of a transcript. A text may contain the separator."""
    for line in decoded_lines(path.read_bytes())[0]:
        cells = line.strip().split("___", maxsplit=4)
        try:
            yield float(cells[2]), float(cells[3]), " ".join(cells[4].split())
        except (IndexError, ValueError):
            continue  # the line is not a segment


def _label(intensities: Sequence[float]) -> str:
    """The strongest emotion; NONE if all intensities are 0, MIXED if several are equally strong."""
    strongest = [name for name, value in zip(EMOTIONS, intensities, strict=True) if value == max(intensities)]
    if not max(intensities) > 0:
        return NONE
    return strongest[0] if len(strongest) == 1 else MIXED
