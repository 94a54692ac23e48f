"""Entries of a table as rows of the manifest; what is wrong with one is said with its line and a remedy."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from emospace.core.manifest import RATINGS, Problem, Utterance
from emospace.core.plugin import suggest
from emospace.corpora._entries import Entry
from emospace.corpora._lengths import lengths
from emospace.media.opening import MediaError

GENDERS = {"f": "F", "female": "F", "m": "M", "male": "M"}
SIDES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SIDES |= dict.fromkeys(("dev", "devel", "development", "val", "valid", "validation"), "dev")
FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
LOCATE = "correct the path (from the table's folder on), or copy the file there"


@dataclass(frozen=True)
class Meaning:
    """What cells of a table mean: label code -> name (all are known if None), words for genders, ends of the scale."""

    codes: Mapping[str, str] | None = None
    genders: Mapping[str, str] = field(default_factory=dict)
    scale: Sequence[float] | None = None
    language: str = ""


def rows(
    root: Path, found: Sequence[Entry], files: Iterable[str], meaning: Meaning
) -> tuple[list[Utterance], list[Problem]]:
    """Rows of some entries, and problems with them. files: those that are there, relative to the root."""
    here, names = set(files), cache(_names)
    open_ended = {p for e in found if not e.line.cells.get("end") for p in (e.audio, e.video) if p in here}
    seconds = lengths(root, sorted(open_ended))
    made, problems = [], []
    for entry in found:
        row = _Row(entry, here, lambda path: _alike(root, path, names), seconds, meaning, problems)
        try:
            made.append(row.utterance())
        except _Said:
            continue
        except MediaError as flaw:
            row.add(flaw, dropped=True)
    return made, problems


def _names(folder: Path) -> dict[str, str]:
    """What is in a folder, by names as they are to systems that do not tell capitals, or compose letters otherwise."""
    return {_plain(p.name): p.name for p in folder.iterdir()} if folder.is_dir() else {}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _alike(root: Path, path: str, names: Callable[[Path], dict[str, str]]) -> str:
    """A file that is there and differs from a path in capitals or composition alone, or ""."""
    found = Path()
    for part in path.split("/"):
        found /= names(root / found).get(_plain(part), part)
    return found.as_posix() if (root / found).is_file() else ""


@dataclass
class _Row:
    """One entry on its way into the manifest."""

    entry: Entry
    here: set[str]
    alike: Callable[[str], str]  # path -> one that is there and almost the same
    seconds: Mapping[str, float | str]
    meaning: Meaning
    problems: list[Problem]

    def cell(self, name: str) -> str:
        return self.entry.line.cells.get(name, "")

    def add(self, flaw: MediaError, dropped: bool = False, file: str = "") -> None:
        line = self.entry.line
        detail = f"{line.file}, line {line.number}: {flaw.detail}" if file else f"line {line.number}: {flaw.detail}"
        problem = Problem(self.entry.utterance, file or line.file, flaw.reason, detail, flaw.remedy, dropped)
        self.problems.append(problem)

    def utterance(self) -> Utterance:
        """Raises MediaError where the entry is of no use."""
        entry = self.entry
        if entry.flaw:
            raise entry.flaw
        if entry.first:
            detail = f"the id {entry.utterance!r} is that of line {entry.first} already"
            raise MediaError("duplicate id", detail, "give each utterance its own id, in the column `utterance`")
        label = self.label()
        for name in ("path", "speaker"):
            if not self.cell(name):
                raise MediaError("bad line", f"its {name} is empty", "fill it in, or remove the line")
        audio, video = self.media()
        whole = not self.cell("start") and not self.cell("end")
        start, end = self.times(audio or video)
        recording = (entry.audio or entry.video).replace("/", "_")
        return Utterance(
            utterance=entry.utterance,
            dialogue=self.cell("dialogue") or (entry.utterance if whole else recording),
            session=self.cell("session") or self.cell("speaker"),
            speaker=self.cell("speaker"),
            gender=self.word("gender", "bad gender", GENDERS | {k.lower(): v for k, v in self.meaning.genders.items()}),
            scripted=bool(self.word("scripted", "bad line", FLAGS)),
            start=start,
            end=end,
            whole=whole,
            text=self.cell("text"),
            audio=audio,
            video=video,
            crop="",
            label=label,
            language=self.cell("language") or self.meaning.language,
            intensity=self.cell("intensity"),
            votes=self.cell("votes"),
            split=self.word("split", "bad line", SIDES),
            **{name: self.rating(name) for name in RATINGS},
        )

    def label(self) -> str:
        label, codes = self.cell("label"), self.meaning.codes
        if not label:
            raise MediaError("no label", "its label is empty", "fill it in, or remove the line")
        if codes is not None and label not in codes:
            raise MediaError("bad label", f"label {label!r}", f"{suggest(label, codes)}; or add it to `codes`")
        return label

    def media(self) -> tuple[str, str]:
        """Sound and film that are there and can be opened; the rest are problems. Raises MediaError if neither is."""
        entry, found = self.entry, {}
        for path in dict.fromkeys(filter(None, (entry.audio, entry.video))):
            if flaw := self.absent(path):
                found[path] = flaw
        left = [path if path not in found else "" for path in (entry.audio, entry.video)]
        for path, flaw in found.items():
            self.add(flaw, dropped=not any(left), file=path)
        if not any(left):
            raise _Said("", "", "")
        return left[0], left[1]

    def absent(self, path: str) -> MediaError | None:
        """Why a medium is of no use."""
        if path not in self.here:
            remedy = f"the corpus has {other!r}: write it so" if (other := self.alike(path)) else LOCATE
            return MediaError("missing file", "no such file", remedy)
        if isinstance(why := self.seconds.get(path), str):
            return MediaError("unreadable", why, "copy it into the corpus again")
        return None

    def times(self, path: str) -> tuple[float, float]:
        """Start and end in seconds; by default those of the file. Raises MediaError for times that cannot be."""
        start, end = self.number("start", "bad times"), self.number("end", "bad times")
        start = 0.0 if start is None else start
        end = self.seconds[path] if end is None else end
        told = f"start {start:g} s, end {end:g} s"
        if start < 0 or end < 0:
            raise MediaError(
                "bad times", f"{told}: a time is negative", "give times in seconds from the start of the file"
            )
        if not start < end:
            raise MediaError("empty interval", f"{told}: it ends before or where it starts", "correct its times")
        return start, end

    def number(self, name: str, reason: str) -> float | None:
        """A cell as a number, None if it is empty. Raises MediaError."""
        cell = self.cell(name)
        try:
            value = float(cell) if cell else None
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise MediaError(reason, f"{name} is {cell!r}", "write a number, with a point before its fraction")
        return value

    def rating(self, name: str) -> float | None:
        """Valence, arousal or dominance; one that cannot be is a problem, and counts as not given."""
        try:
            value = self.number(name, "bad rating")
            low, high = self.meaning.scale or (-math.inf, math.inf)
            if value is not None and not low <= value <= high:
                remedy = "correct it, or `scale` in the options; it counts as not given"
                raise MediaError("bad rating", f"{name} is {value:g}, the scale is {low:g} to {high:g}", remedy)
        except MediaError as flaw:
            self.add(flaw)
            return None
        return value

    def word(self, name: str, reason: str, known: Mapping[str, str | bool]) -> str | bool:
        """A cell of few words as what it stands for; one that is unknown is a problem, and counts as not given."""
        cell = self.cell(name)
        if not cell or cell.lower() in known:
            return known.get(cell.lower(), "")
        more = "; or say in `genders` what it means" if name == "gender" else ""
        remedy = f"write one of {', '.join(word for word in known if word)}{more}; it counts as not given"
        self.add(MediaError(reason, f"{name} is {cell!r}", remedy))
        return ""


class _Said(MediaError):
    """The problems of the media say all there is to say."""
