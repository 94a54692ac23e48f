"""IEMOCAP: ten actors in five dyadic sessions (Busso et al. 2008, doi 10.1007/s10579-008-9076-6), official layout.

    Session1..5/dialog/{EmoEvaluation,transcriptions,avi/DivX,wav}   per dialogue
    Session1..5/sentences/{wav,ForcedAlignment}/<dialogue>           per utterance

The speaker is the letter of the *last* part of an utterance id; the letter in the dialogue name says who wears the motion
capture markers, and that actor fills the left half of the split-screen video.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from emospace.manifest import Problem, Utterance

CODES = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "excitement",
    "sad": "sadness",
    "neu": "neutral",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "oth": "other",
    "xxx": "no agreement",
}
LICENCE, PUBLIC = "USC release form, no sharing of the corpus or what is derived from it", False
CITATION = (
    "Busso C et al. (2008). IEMOCAP. Language Resources and Evaluation 42(4): 335-359. doi:10.1007/s10579-008-9076-6"
)
NOTE = "Scripts recur across sessions: see the scripted/improvised and text-disjoint scores."

UTTERANCES = {"1": 1819, "2": 1811, "3": 2136, "4": 2103, "5": 2170}  # 10,039
FOUR_CLASSES = {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}  # 5,531: ang, hap + exc, neu, sad
LEFT, RIGHT = "0 0 360 480", "360 0 720 480"  # pixels of the 720x480 picture
ALIGNMENT_FRAME = 0.01  # seconds per frame of a .wdseg file

SESSION = re.compile(r"(?:^|/)Session(\d+)/")
DIALOGUE = re.compile(r"Ses(\d\d)([FM])_(impro|script)\w+")
NUMBER = r"[-+]?\d+(?:\.\d+)?"
EVALUATION = re.compile(rf"\[({NUMBER}) - ({NUMBER})\]\t(\S+)\t(\w+)(?:\t\[({NUMBER}), ({NUMBER}), ({NUMBER})\])?\s*")
TRANSCRIPT = re.compile(r"(\S+) \[[^\]]*\]: ?(.*)")


def group(path: str) -> int | None:
    """Session - 1, for the files that an index reads; None for all others (motion capture, annotators' own files)."""
    session = SESSION.search(path)
    parts = PurePosixPath(path).parts
    if not session or not {"EmoEvaluation", "transcriptions", "DivX", "wav", "ForcedAlignment"} & set(parts):
        return None
    annotator = {"Categorical", "Attribute", "Self-evaluation"} & set(parts)
    return None if annotator or parts[-1].startswith(".") else int(session[1]) - 1


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """Rows of the evaluated utterances of whole sessions. expect_counts is for `expected`."""
    media = {path for path in files if (root / path).stat().st_size}
    rows, problems = [], []
    for path in files:
        place = PurePosixPath(path)
        if place.parent.name == "EmoEvaluation" and place.suffix == ".txt" and DIALOGUE.fullmatch(place.stem):
            more, found = _dialogue(root, path, media, set(files))
            rows += more
            problems += found
    return rows, problems


def _dialogue(root: Path, path: str, media: set[str], files: set[str]) -> tuple[list[Utterance], list[Problem]]:
    """Rows of one dialogue, from its evaluation file. media: files that hold something."""
    place = PurePosixPath(path)
    session = str(place.parents[2])
    texts, problems = _transcripts(root, f"{session}/dialog/transcriptions/{place.name}", media)
    aligned = any(f.startswith(f"{session}/sentences/ForcedAlignment/") for f in files)
    rows = []
    for line in _read(root / path).splitlines():
        if not line.startswith("["):
            continue
        fields = EVALUATION.fullmatch(line)
        if not fields:
            problems.append(Problem("", path, "bad line", line[:80], "compare the file with the release", True))
            continue
        found = list(_problems(fields, path, texts))
        row = _row(fields, place.stem, session, texts)
        alignment = f"{session}/sentences/ForcedAlignment/{place.stem}/{row.utterance}.wdseg"
        if aligned and alignment not in files:
            found.append(Problem(row.utterance, alignment, "no alignment", "no word times", "none needed"))
        if not any(p.dropped for p in found):
            row, missing = _with_media(row, session, media, files)
            rows.append(row)
            found += missing
        problems += found
    return rows, problems


def _read(path: Path) -> str:
    """Text of an annotation file; a few are latin-1, which decodes anything."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _transcripts(root: Path, path: str, media: set[str]) -> tuple[dict[str, str], list[Problem]]:
    """Utterance id -> text. Lines that name no utterance (comments of the transcribers) are passed over."""
    if path not in media:
        return {}, [Problem("", path, "missing file", "no transcript of the dialogue", "restore it from the release")]
    lines = (TRANSCRIPT.fullmatch(line.strip()) for line in _read(root / path).splitlines())
    return {line[1]: line[2].strip() for line in lines if line}, []


def _problems(fields: re.Match, path: str, texts: dict[str, str]) -> Iterator[Problem]:
    name, code = fields[3], fields[4]
    if code not in CODES:
        detail = f"label {code!r}; known are {', '.join(CODES)}"
        yield Problem(name, path, "bad label", detail, "correct the evaluation file", True)
    if not DIALOGUE.match(name) or name.rpartition("_")[2][:1] not in ("F", "M"):
        yield Problem(name, path, "bad line", "not an utterance id of IEMOCAP", "correct the evaluation file", True)
    elif not texts.get(name):
        yield Problem(name, path, "no transcript", "no line in transcriptions/", "none needed: text is missing here")


def _row(fields: re.Match, dialogue: str, session: str, texts: dict[str, str]) -> Utterance:
    name, number = fields[3], dialogue[3:5]
    letter = name.rpartition("_")[2][:1]
    valence, activation, dominance = (float(v) if v else None for v in fields.groups()[4:])
    return Utterance(
        utterance=name,
        dialogue=dialogue,
        session=str(int(number)),
        speaker=f"Ses{number}{letter}",
        gender=letter,
        scripted="_script" in dialogue,
        start=float(fields[1]),
        end=float(fields[2]),
        whole=True,
        text=texts.get(name, ""),
        audio=f"{session}/sentences/wav/{dialogue}/{name}.wav",
        video=f"{session}/dialog/avi/DivX/{dialogue}.avi",
        crop=LEFT if letter == dialogue[5] else RIGHT,
        label=fields[4],
        valence=valence,
        arousal=activation,
        dominance=dominance,
    )


def _with_media(row: Utterance, session: str, media: set[str], files: set[str]) -> tuple[Utterance, list[Problem]]:
    """Point a row at files that are there: the sentence's wav, else the dialogue's; no video where there is none."""
    problems = []
    if row.audio not in media:
        whole = f"{session}/dialog/wav/{row.dialogue}.wav"
        state = "is empty" if row.audio in files else "is not there"
        detail = f"{state}; cut from the dialogue's wav instead" if whole in media else f"{state}, nor the dialogue's"
        problems.append(Problem(row.utterance, row.audio, "missing file", detail, "restore it from the release"))
        row = replace(row, audio=whole if whole in media else "", whole=False)
    if row.video not in media:
        state = "is empty" if row.video in files else "is not there"
        problems.append(Problem(row.utterance, row.video, "missing file", state, "restore it from the release"))
        row = replace(row, video="")
    return row, problems


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts with the release: 10,039 utterances, 5,531 of four classes, session by session."""
    if not expect_counts:
        return []
    four = Counter(r.session for r in rows if r.label in ("ang", "hap", "exc", "neu", "sad"))
    every = Counter(r.session for r in rows)
    problems = []
    for what, found, published in (("utterances", every, UTTERANCES), ("of four classes", four, FOUR_CLASSES)):
        for session, number in [*published.items(), ("1-5", sum(published.values()))]:
            count = found.total() if session == "1-5" else found[session]
            if count != number:
                detail = f"session {session}: {count:,} {what}, the release has {number:,}"
                problems.append(Problem("", f"Session{session}", "count", detail, "look for missing files above"))
    return problems


def word_times(path: Path) -> list[tuple[str, float, float]]:
    """Words of a ForcedAlignment .wdseg file with start and end in seconds (silences and markers left out)."""
    words = []
    for line in _read(path).splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0].isdigit() and not fields[3].startswith("<"):
            start, end = int(fields[0]) * ALIGNMENT_FRAME, (int(fields[1]) + 1) * ALIGNMENT_FRAME
            words.append((re.sub(r"\(\d+\)$", "", fields[3]).lower(), start, end))
    return words
