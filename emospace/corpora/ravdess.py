"""RAVDESS: 24 actors speak two sentences in eight emotions (Livingstone and Russo 2018).

The file name is the label: modality-channel-emotion-intensity-statement-repetition-actor. Speech only (channel
01). One utterance has up to three media: sound (03-*.wav or .flac), sound and picture (01-*.mp4), picture (02-*.mp4);
they become one row.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from emospace.errors import InputError
from emospace.manifest import Problem, Utterance

CODES = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
SENTENCES = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
LICENCE, PUBLIC = "CC BY-NC-SA 4.0", True
CITATION = "Livingstone SR, Russo FA (2018). RAVDESS. PLoS ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391"
NOTE = "Two sentences in every emotion: text carries no emotion here."

NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)\.(wav|flac|mp4)", re.I)
PER_ACTOR = 60  # 4 clips neutral, 8 of each other emotion


def group(path: str) -> int | None:
    """Two actors make a part group; None for what is not a speech clip of RAVDESS."""
    codes = NAME.fullmatch(PurePosixPath(path).name)
    if codes:
        return (int(codes[7]) - 1) // 2 if codes[2] == "01" else None
    folder = re.search(r"Actor_(\d\d)/", path)
    media = path.lower().endswith((".wav", ".flac", ".mp4"))
    return (int(folder[1]) - 1) // 2 if folder and media else None


def index(root: Path, files: Sequence[str]) -> tuple[list[Utterance], list[Problem]]:
    """One row per spoken clip. The archive on Kaggle holds everything twice: the first path of a name counts."""
    takes: dict[str, dict[str, str]] = defaultdict(dict)
    problems = []
    for path in sorted(files, key=lambda p: (p.count("/"), p)):
        codes = NAME.fullmatch(PurePosixPath(path).name)
        if not codes:
            detail = "the name is not seven two-digit codes"
            problems.append(Problem("", path, "bad line", detail, "restore the official file name", True))
        elif codes[3] not in CODES or codes[5] not in SENTENCES:
            detail = f"emotion {codes[3]}, statement {codes[5]}"
            problems.append(Problem("", path, "bad label", detail, "restore the official file name", True))
        else:
            takes["-".join(codes.groups()[1:7])].setdefault(codes[1], path)
    rows = []
    for name, media in sorted(takes.items()):
        row, found = _row(root, name, media)
        rows += [row] if row else []
        problems += found
    return rows, problems


def _row(root: Path, name: str, media: dict[str, str]) -> tuple[Utterance | None, list[Problem]]:
    """The row of one take. Each clip is recorded on its own, so it is its own dialogue and shares none with another."""
    emotion, statement, actor = (name.split("-")[i] for i in (1, 3, 5))
    audio, video = media.get("03") or media.get("01", ""), media.get("01") or media.get("02", "")
    problems = []
    for path in dict.fromkeys(filter(None, (audio, video))):
        try:
            seconds = _seconds(root / path)
            break
        except InputError as error:
            problems.append(Problem(name, path, "unreadable", error.reason, "download the file again", True))
    else:
        return None, problems
    row = Utterance(
        utterance=name,
        dialogue=name,
        session="",
        speaker=f"Actor_{actor}",
        gender="M" if int(actor) % 2 else "F",
        scripted=True,
        start=0.0,
        end=seconds,
        whole=True,
        text=SENTENCES[statement],
        audio=audio,
        video=video,
        crop="",
        label=emotion,
    )
    return row, [Problem(p.utterance, p.file, p.reason, p.detail, p.remedy) for p in problems]


def _seconds(path: Path) -> float:
    """Length of a clip, from its header; InputError if it has none."""
    import av
    import soundfile

    try:
        if path.suffix.lower() != ".mp4":
            seconds = soundfile.info(path).duration
        else:
            with av.open(str(path)) as container:
                seconds = (container.duration or 0) / av.time_base
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        raise InputError(path, f"cannot be opened ({error})", "download it again") from error
    if seconds <= 0:
        raise InputError(path, "holds no sound", "download it again")
    return seconds


def expected(rows: Sequence[Utterance], **options) -> list[Problem]:
    """Every actor has 60 clips: 4 neutral and 8 of each other emotion."""
    counts = Counter((r.speaker, r.label) for r in rows)
    problems = []
    for actor in sorted({r.speaker for r in rows}):
        for code, emotion in CODES.items():
            wanted, found = (4 if code == "01" else 8), counts[actor, code]
            if found != wanted:
                detail = f"{actor} has {found} clips of {emotion}, published are {wanted}"
                problems.append(Problem("", actor, "count", detail, "check the download for missing files"))
    return problems
