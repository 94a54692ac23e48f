"""Turn entries of a table into rows of the manifest; each faulty entry gives a problem with its line and a remedy."""

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
LOCATE = "correct the path (relative to the table's folder), or copy the file there"


@dataclass(frozen=True)
class Meaning:
    """How to read the cells of a table.

    codes: label -> name; None accepts any label. genders: the table's word -> "F", "M" or "". scale: least and greatest
    rating. language: ISO 639-1 code of lines that name none.
    """

    codes: Mapping[str, str] | None = None
    genders: Mapping[str, str] = field(default_factory=dict)
    scale: Sequence[float] | None = None
    language: str = ""


def rows(
    root: Path, listed: Sequence[Entry], files: Iterable[str], meaning: Meaning
) -> tuple[list[Utterance], list[Problem]]:
    """Rows of these entries, and the problems with them. files: the existing ones, relative to the root."""
    existing, names = set(files), cache(_names)
    open_ended = {p for e in listed if not e.line.cells.get("end") for p in (e.audio, e.video) if p in existing}
    seconds = lengths(root, sorted(open_ended))
    utterances, problems = [], []
    for entry in listed:
        row = _Row(entry, existing, lambda path: _variant(root, path, names), seconds, meaning, problems)
        try:
            utterances.append(row.utterance())
        except _AlreadyReported:
            continue
        except MediaError as error:
            row.add(error, dropped=True)
    return utterances, problems


def _names(folder: Path) -> dict[str, str]:
    """Names in a folder by their normal form: some file systems ignore case or use another Unicode normalization."""
    return {_normal(p.name): p.name for p in folder.iterdir()} if folder.is_dir() else {}


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _variant(root: Path, path: str, names: Callable[[Path], dict[str, str]]) -> str:
    """An existing file whose path differs only in case or Unicode normalization, or ""."""
    variant = Path()
    for part in path.split("/"):
        variant /= names(root / variant).get(_normal(part), part)
    return variant.as_posix() if (root / variant).is_file() else ""


@dataclass
class _Row:
    """Converts one entry to a row of the manifest."""

    entry: Entry
    existing: set[str]
    variant: Callable[[str], str]  # path -> an existing one with a similar name, or ""
    seconds: Mapping[str, float | str]
    meaning: Meaning
    problems: list[Problem]

    def cell(self, name: str) -> str:
        return self.entry.line.cells.get(name, "")

    def add(self, error: MediaError, dropped: bool = False, file: str = "") -> None:
        """Report a problem of the line, or of a medium `file` that it names."""
        line = self.entry.line
        detail = f"{line.file}, line {line.number}: {error.detail}" if file else f"line {line.number}: {error.detail}"
        problem = Problem(self.entry.utterance, file or line.file, error.reason, detail, error.remedy, dropped)
        self.problems.append(problem)

    def utterance(self) -> Utterance:
        """Build the row. Raises MediaError if the entry is unusable."""
        entry = self.entry
        if entry.error:
            raise entry.error
        if entry.first:
            detail = f"line {entry.first} already has the id {entry.utterance!r}"
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
            raise MediaError("bad label", f"unknown label {label!r}", f"{suggest(label, codes)}; or add it to `codes`")
        return label

    def media(self) -> tuple[str, str]:
        """The usable audio and video; the others are reported. Raises _AlreadyReported if there is neither."""
        entry, errors = self.entry, {}
        for path in dict.fromkeys(filter(None, (entry.audio, entry.video))):
            if error := self.unusable(path):
                errors[path] = error
        usable = [path if path not in errors else "" for path in (entry.audio, entry.video)]
        for path, error in errors.items():
            self.add(error, dropped=not any(usable), file=path)
        if not any(usable):
            raise _AlreadyReported("", "", "")
        return usable[0], usable[1]

    def unusable(self, path: str) -> MediaError | None:
        """Why a medium cannot be used; None if it can."""
        if path not in self.existing:
            remedy = f"write {other!r}, as the file is called" if (other := self.variant(path)) else LOCATE
            return MediaError("missing file", "no such file", remedy)
        if isinstance(message := self.seconds.get(path), str):
            return MediaError("unreadable", message, "copy it into the corpus again")
        return None

    def times(self, path: str) -> tuple[float, float]:
        """Start and end in seconds; by default those of the file. Raises MediaError for impossible times."""
        start, end = self.number("start", "bad times"), self.number("end", "bad times")
        start = 0.0 if start is None else start
        end = self.seconds[path] if end is None else end
        interval = f"start {start:g} s, end {end:g} s"
        if start < 0 or end < 0:
            remedy = "write times in seconds from the start of the file"
            raise MediaError("bad times", f"{interval}: a time is negative", remedy)
        if not start < end:
            raise MediaError("empty interval", f"{interval}: it does not end after its start", "correct the times")
        return start, end

    def number(self, name: str, reason: str) -> float | None:
        """A cell as a number, None if it is empty. Raises MediaError."""
        cell = self.cell(name)
        try:
            value = float(cell) if cell else None
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise MediaError(reason, f"{name} is {cell!r}", "write a number with a decimal point")
        return value

    def rating(self, name: str) -> float | None:
        """Valence, arousal or dominance; an invalid rating is reported and left out."""
        try:
            value = self.number(name, "bad rating")
            low, high = self.meaning.scale or (-math.inf, math.inf)
            if value is not None and not low <= value <= high:
                remedy = "correct it or the option `scale`; the rating is left out"
                raise MediaError("bad rating", f"{name} is {value:g}, the scale is {low:g} to {high:g}", remedy)
        except MediaError as error:
            self.add(error)
            return None
        return value

    def word(self, name: str, reason: str, known: Mapping[str, str | bool]) -> str | bool:
        """The meaning of a cell that allows these words only; an unknown word is reported and left out."""
        cell = self.cell(name)
        if not cell or cell.lower() in known:
            return known.get(cell.lower(), "")
        more = ", or give its meaning in the option `genders`" if name == "gender" else ""
        remedy = f"write one of {', '.join(word for word in known if word)}{more}; the word is left out"
        self.add(MediaError(reason, f"{name} is {cell!r}", remedy))
        return ""


class _AlreadyReported(MediaError):
    """The entry has no usable media, and the problems with them have been reported."""
