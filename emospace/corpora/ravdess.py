"""RAVDESS speech: 24 actors say two sentences in eight emotions; file names contain the labels.

Livingstone & Russo (2018), PLoS ONE 13(5): e0196391; Zenodo 10.5281/zenodo.1188976. A name consists of seven codes:
modality (01 audio and video, 02 video, 03 audio), channel (01 speech, 02 song), emotion, intensity, statement,
repetition, actor.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from emospace.core.manifest import Problem, Utterance
from emospace.corpora._lengths import lengths

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
LICENCE = "CC BY-NC-SA 4.0"
PUBLIC = True  # under the same licence, with attribution
CITATION = (
    "S. R. Livingstone, F. A. Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), "
    "PLoS ONE 13(5): e0196391, 2018, doi 10.1371/journal.pone.0196391"
)
NOTE = "Two sentences are said in every emotion, so the text carries none; acted by professionals in a studio."

STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
# Clips per actor: two sentences, twice each; all emotions except neutral in two intensities.
PER_CLASS = {code: 4 if code == "01" else 8 for code in CODES}
INTENSITIES = {"01": "normal", "02": "strong"}
MODALITIES = {"01": "film", "02": "silent film", "03": "sound"}
AUDIO, VIDEO = ("sound", "film"), ("silent film", "film")  # in order of preference
SONG = "02"

_NAME = re.compile(r"(0[123])-(0[12])-(\d\d)-(0[12])-(0[12])-(\d\d)-(\d\d)")
_FOLDER = re.compile(r"(?:^|/)Actor_(\d\d)/")
_MEDIA = {".wav", ".flac", ".mp4"}


def group(path: str) -> int | None:
    """Index of the actors' pair (odd: male, even: female) of a speech clip; None for songs and other files.

    A media file with another name gets the group of its folder, so that `index` can report it.
    """
    name = PurePosixPath(path)
    codes, folder = _NAME.fullmatch(name.stem), _FOLDER.search(path)
    actor = codes[7] if codes else folder[1] if folder else "00"
    if name.name.startswith(".") or name.suffix.lower() not in _MEDIA or (codes and codes[2] == SONG) or actor == "00":
        return None
    return (int(actor) - 1) // 2


def index(root: Path, files: Sequence[str]) -> tuple[list[Utterance], list[Problem]]:
    """One row per clip, from those of its recording (03), film (01) and silent film (02) that exist.

    files: paths relative to root. A clip's id is its name without the modality. Of duplicates (the copy in circulation
    contains the corpus twice, nested), the one nearest to the root counts.
    """
    problems, clips = [], defaultdict(dict)
    for path in sorted((f for f in files if group(f) is not None), key=lambda f: (f.count("/"), f)):
        codes = _NAME.fullmatch(PurePosixPath(path).stem)
        if codes:
            clips[codes[0][3:]].setdefault(MODALITIES[codes[1]], path)
        else:
            remedy = "restore its name, which consists of seven two-digit codes"
            problems.append(Problem("", path, "bad line", "the file name is not one of RAVDESS", remedy, True))
    seconds = lengths(Path(root), sorted({path for media in clips.values() for path in media.values()}))
    rows = [_row(seconds, name, media, problems) for name, media in sorted(clips.items())]
    return [r for r in rows if r], problems


def expected(rows: Sequence[Utterance]) -> list[Problem]:
    """Compare the counts of clips, per actor and per emotion, with the publication, for the actors that exist."""
    speakers, labels = Counter(r.speaker for r in rows), Counter(r.label for r in rows)
    per_actor = sum(PER_CLASS.values())
    compared = [(s, n, per_actor) for s, n in sorted(speakers.items())]
    compared += [(f"{CODES[c]} ({c})", labels[c], n * len(speakers)) for c, n in PER_CLASS.items()]
    compared += [(f"{len(speakers)} actors", len(rows), per_actor * len(speakers))]
    remedy = "download the missing clips again"
    return [
        Problem("", "", "count", f"{subset}: {count} clips, the publication has {published}", remedy)
        for subset, count, published in compared
        if count != published
    ]


def _row(
    lengths: dict[str, float | str], name: str, media: dict[str, str], problems: list[Problem]
) -> Utterance | None:
    """The row of a clip; None if its label is unknown or none of its media can be opened.

    lengths: path -> seconds, or an error message.
    """
    _, emotion, intensity, statement, _, actor = name.split("-")
    if emotion not in CODES:
        detail, remedy = f"unknown emotion code {emotion!r}", f"the codes are {', '.join(CODES)}"
        problems.append(Problem(name, min(media.values()), "bad label", detail, remedy, True))
        return None
    seconds = {medium: lengths[path] for medium, path in media.items() if not isinstance(lengths[path], str)}
    failures = {path: lengths[path] for path in media.values() if isinstance(lengths[path], str)}
    remedy = "download the clip again"
    problems += [Problem(name, p, "unreadable", text, remedy, not seconds) for p, text in sorted(failures.items())]
    if not seconds:
        return None
    audio, video = (next((media[m] for m in preferred if m in seconds), "") for preferred in (AUDIO, VIDEO))
    pair = (int(actor) - 1) // 2 * 2
    return Utterance(
        utterance=name,
        dialogue=name,  # each clip was recorded on its own
        session=f"Actors_{pair + 1:02d}-{pair + 2:02d}",
        speaker=f"Actor_{actor}",
        gender="M" if int(actor) % 2 else "F",
        scripted=True,
        start=0.0,
        end=next(seconds[medium] for medium in (*AUDIO, *VIDEO) if medium in seconds),
        whole=True,
        text=STATEMENTS[statement],
        audio=audio,
        video=video,
        crop="",
        label=emotion,
        language="en",
        intensity=INTENSITIES[intensity],
    )
