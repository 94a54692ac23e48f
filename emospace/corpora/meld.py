"""MELD: 13,708 utterances in 1,432 dialogues of the TV series Friends, seven emotions, official train, dev and test.

Poria et al. (2019), ACL. Layout: {train,dev,test}_sent_emo.csv and the films train_splits, dev_splits_complete and
output_repeated_splits_test/dia<dialogue>_utt<utterance>.mp4, in any folders (the release unpacks to train/train_splits
and so on). Dialogue numbers are unique within a side only. Films without a table line (final_videos_test*.mp4 and a few
others) are ignored. Known problems:

- Earlier releases of the dev and test tables contain Windows-1252 punctuation as control characters (U+0092 for an
  apostrophe; str.splitlines takes U+0085 for a line break), and times such as 0:10:44,769.
- Users reported faulty films: FAULTY lists those that are missing, unreadable, or contain minutes of other scenes.
- The paper counts 1,433 dialogues, 1,039 of them train; the train table has 1,038.

Times in the tables refer to the episode, and a few intervals are empty. A row's interval is its whole film.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.contracts import EVERY
from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _repaired
from emospace.corpora._lengths import lengths

CODES = {name: name for name in ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")}
LICENCE = "GPL-3.0 for the repository with the tables; the films are scenes of a TV series"
PUBLIC = False
CITATION = (
    "S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea, MELD: A Multimodal Multi-Party Dataset for "
    "Emotion Recognition in Conversations, ACL 2019, doi 10.18653/v1/P19-1050"
)
NOTE = (
    "The official split (`split: table`) shares its main speakers between train, dev and test, so its protocol is "
    "`leaky: true`; several people may be visible, and the audience laughs."
)

FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
SIDES = list(FOLDERS)
COUNTS = {
    "train": dict(zip(CODES, (1109, 271, 268, 1743, 4710, 683, 1205), strict=True)),
    "dev": dict(zip(CODES, (153, 22, 40, 163, 470, 111, 150), strict=True)),
    "test": dict(zip(CODES, (345, 68, 50, 402, 1256, 208, 281), strict=True)),
}
SPEAKERS = {"train": 260, "dev": 47, "test": 100}
GENDERS = dict.fromkeys(("Monica", "Phoebe", "Rachel"), "F") | dict.fromkeys(("Chandler", "Joey", "Ross"), "M")
# Utterance -> fault of its film, from the MELD repository's issues (9, 20, 22, 27, 39, 52).
FAULTY = {
    "train_dia125_utt3": "it cannot be decoded",
    "train_dia164_utt5": "its sound is disturbed",
    "train_dia309_utt0": "it contains 41 s of several scenes",
    "train_dia529_utt2": "its sound is disturbed",
    "train_dia682_utt1": "its sound is disturbed",
    "train_dia793_utt0": "its sound is disturbed",
    "train_dia1008_utt1": "its sound is disturbed",
    "train_dia1029_utt1": "its sound is disturbed",
    "dev_dia110_utt7": "the release lacks it",
    "test_dia38_utt4": "it contains five minutes of other scenes",
    "test_dia220_utt0": "it contains four minutes of other scenes",
}

NUMBERS = ("Dialogue_ID", "Utterance_ID", "Season", "Episode")
COLUMNS = ("Utterance", "Speaker", "Emotion", *NUMBERS, "StartTime", "EndTime")
SHORTEST = 0.001  # seconds: duration of a row with an empty interval and no film

_TABLE = re.compile(r"(?:.*/)?(train|dev|test)_sent_emo\.csv")
_FILM = re.compile(rf"(?:.*/)?({'|'.join(FOLDERS.values())})/dia(\d{{1,4}})_utt(\d{{1,3}})\.mp4")
_NUMBER = re.compile(r"\d{1,4}")
_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3})")


def group(path: str) -> int | None:
    """Number of a film's dialogue; EVERY for a table; None for other files.

    The main speakers occur in most dialogues, so a group is a dialogue, not a speaker.
    """
    if _TABLE.fullmatch(path):
        return EVERY
    film = _FILM.fullmatch(path)
    return _number(_side(film[1]), film[2]) if film else None


def index(
    root: Path,
    files: Sequence[str],
    *,
    part: int,
    parts: int,
    use_faulty: bool = False,
    expect_counts: bool = True,
) -> tuple[list[Utterance], list[Problem]]:
    """Return one row per line of the tables. A row without a usable film has text only.

    use_faulty: true to use the films of FAULTY too, for example after you have replaced them. expect_counts: false for
    a part of the corpus, to skip the comparison with the publication.
    """
    films: dict[str, str] = {}
    tables: dict[str, str] = {}
    for path in sorted(files, key=lambda file: (file.count("/"), file)):  # the copy nearest the root wins
        if table := _TABLE.fullmatch(path):
            tables.setdefault(table[1], path)
        elif film := _FILM.fullmatch(path):
            films.setdefault(_name(_side(film[1]), film[2], film[3]), path)
    seconds = lengths(Path(root), sorted(films.values()))
    rows, problems = [], _absent(tables)
    for side in (side for side in SIDES if side in tables):
        reader = _Side(Path(root), side, tables[side], films, seconds, set() if use_faulty else set(FAULTY), problems)
        rows += reader.rows(part, parts)
    return rows, problems


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True, **_) -> list[Problem]:
    """Compare the numbers of utterances per label and of speakers on each side with the publication."""
    if not expect_counts:
        return []
    counts = Counter((row.split, row.label) for row in rows)
    compared = [(f"{label} in {side}", counts[side, label], n) for side in SIDES for label, n in COUNTS[side].items()]
    speakers = {side: len({row.speaker for row in rows if row.split == side}) for side in SIDES}
    compared += [(f"speakers in {side}", speakers[side], n) for side, n in SPEAKERS.items()]
    remedy = "get the tables again, or set `options: {expect_counts: false}` for a part of the corpus"
    return [
        Problem("", "", "count", f"{subset}: {count}, the publication has {published}", remedy)
        for subset, count, published in compared
        if count != published
    ]


def _side(folder: str) -> str:
    return next(side for side, name in FOLDERS.items() if name == folder)


def _number(side: str, dialogue: str) -> int:
    return int(dialogue) * len(SIDES) + SIDES.index(side)


def _name(side: str, dialogue: str, utterance: str) -> str:
    return f"{side}_dia{int(dialogue)}_utt{int(utterance)}"


def _absent(tables: Mapping[str, str]) -> list[Problem]:
    names = [f"{side}_sent_emo.csv" for side in SIDES if side not in tables]
    detail, remedy = "the rows of this side are missing", "copy the table from the repository declare-lab/MELD"
    return [Problem("", name, "missing file", detail, remedy, True) for name in names]


@dataclass
class _Side:
    """Reader of one side's table. films: utterance -> path; seconds: path -> duration or error message."""

    root: Path
    side: str
    table: str
    films: Mapping[str, str]
    seconds: Mapping[str, float | str]
    faulty: set[str]
    problems: list[Problem]
    seen: set[str] = field(default_factory=set)

    def rows(self, part: int, parts: int) -> list[Utterance]:
        """Rows of a part's dialogues. Part 0 reports the faults of the table, each part those of its lines."""
        rows = []
        any_film = any(name.startswith(f"{self.side}_") for name in self.films)
        faults: list[Problem] = []
        for number, cells in _repaired.read(self.root, self.table, COLUMNS, faults):
            numbered = all(_NUMBER.fullmatch(cells[column]) for column in NUMBERS)
            if (_number(self.side, cells["Dialogue_ID"]) % parts if numbered else 0) != part:
                continue
            name = _name(self.side, cells["Dialogue_ID"], cells["Utterance_ID"]) if numbered else ""
            if fault := self.fault(name, cells):
                reason, detail, remedy = fault
                self.problems.append(Problem(name, self.table, reason, f"line {number}: {detail}", remedy, True))
                continue
            self.seen.add(name)
            rows.append(self.row(name, cells, any_film))
        self.problems += faults if part == 0 else []
        if rows and not any_film:
            detail, remedy = "none of its films is there; the rows have text only", f"unpack {self.side}.tar.gz"
            self.problems.append(Problem("", FOLDERS[self.side], "missing file", detail, remedy))
        return rows

    def fault(self, name: str, cells: Mapping[str, str]) -> tuple[str, str, str] | None:
        """Why a line gives no row: (reason, detail, remedy)."""
        if wrong := [column for column in NUMBERS if not _NUMBER.fullmatch(cells[column])]:
            return "bad line", f"its {wrong[0]} is {cells[wrong[0]]!r}", "write a number"
        if name in self.seen:
            return "duplicate id", f"an earlier line is {name!r} too", "remove one of them"
        if cells["Emotion"] not in CODES:
            return "bad label", f"unknown label {cells['Emotion']!r}", f"the labels are {', '.join(CODES)}"
        if not cells["Speaker"]:
            return "bad line", "its speaker is empty", "correct the line"
        return None

    def row(self, name: str, cells: Mapping[str, str], any_film: bool) -> Utterance:
        film = self.film(name) if any_film else ""
        interval = max(_seconds(cells["EndTime"]) - _seconds(cells["StartTime"]), SHORTEST)
        return Utterance(
            utterance=name,
            dialogue=name.rpartition("_")[0],
            session=f"s{int(cells['Season']):02d}e{int(cells['Episode']):02d}",
            speaker=cells["Speaker"],
            gender=GENDERS.get(cells["Speaker"], ""),
            scripted=True,
            start=0.0,
            end=self.seconds[film] if film else interval,
            whole=True,
            text=" ".join(cells["Utterance"].split()),
            audio=film,
            video=film,
            crop="",
            label=cells["Emotion"],
            language="en",
            split=self.side,
        )

    def film(self, name: str) -> str:
        """Path of an utterance's film; without a usable film, record a problem and return ""."""
        path = self.films.get(name, "")
        kept = "; the row has its text only"
        if name in self.faulty:
            file = path or f"{FOLDERS[self.side]}/{name.removeprefix(f'{self.side}_')}.mp4"
            remedy = "nothing is needed; with a film of your own, set `options: {use_faulty: true}`"
            self.problems.append(Problem(name, file, "damaged", f"a known fault: {FAULTY[name]}{kept}", remedy))
            return ""
        if not path:
            file = f"{FOLDERS[self.side]}/{name.removeprefix(f'{self.side}_')}.mp4"
            self.problems.append(Problem(name, file, "missing file", f"no such film{kept}", "unpack the release again"))
        elif isinstance(message := self.seconds[path], str):
            self.problems.append(Problem(name, path, "unreadable", message + kept, "unpack the release again"))
            return ""
        return path


def _seconds(time: str) -> float:
    """Convert a time such as 00:16:16,059 to seconds; 0 for other text."""
    match = _TIME.fullmatch(time)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) + int(match[4]) / 1000 if match else 0.0
