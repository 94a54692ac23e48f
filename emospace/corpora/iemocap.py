"""IEMOCAP: improvised and scripted dialogues of two actors each, ten actors in five sessions, as released by USC.

Layout: [IEMOCAP_full_release/]Session<k>/dialog/{EmoEvaluation,transcriptions,wav,avi/DivX} and
sentences/{wav,ForcedAlignment}/<dialogue>. Busso et al. (2008), doi 10.1007/s10579-008-9076-6.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.encodings import decoded_lines
from emospace.core.manifest import RATINGS, Problem, Utterance, format_votes

CODES = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
    "xxx": "no agreement",
}
LICENCE = (
    "signed release form of the SAIL laboratory, USC; neither the corpus nor what is derived from it may be shared"
)
PUBLIC = False
CITATION = (
    "C. Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, "
    "Language Resources and Evaluation 42(4), 335-359, 2008, doi 10.1007/s10579-008-9076-6"
)
NOTE = "Scripts recur across sessions: read the improvised and the text-disjoint scores beside the overall one."

# Counts per session of all utterances and of the usual four classes (hap includes exc) in the release.
UTTERANCES = {"Ses01": 1819, "Ses02": 1811, "Ses03": 2136, "Ses04": 2103, "Ses05": 2170}
FOUR = {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad"}
FOUR_CLASSES = {
    "Ses01": {"ang": 229, "hap": 278, "neu": 384, "sad": 194},
    "Ses02": {"ang": 137, "hap": 327, "neu": 362, "sad": 197},
    "Ses03": {"ang": 240, "hap": 286, "neu": 320, "sad": 305},
    "Ses04": {"ang": 327, "hap": 303, "neu": 258, "sad": 143},
    "Ses05": {"ang": 170, "hap": 442, "neu": 384, "sad": 245},
}

# The actor with the markers (the letter in the dialogue's name) is in the left half of the 720x480 frame.
LEFT, RIGHT = "0 0 360 480", "360 0 720 480"
HEADER = 44  # bytes of a WAV file without samples; a medium of this size is empty
# Valence, arousal and dominance are rated from 1 to 5, but a few of the release's 10,039 evaluations have a valence of
# 5.5 or a dominance of 0.5, which are kept.
SCALE = (0.5, 5.5)
LARGEST = 2**24  # bytes of an annotation file; those of the release have at most 2**17
FRAME = 0.01  # seconds per frame of the forced alignment

_USED = re.compile(
    r"(?P<base>(?:.*/)?Session(?P<session>\d+))/(?:dialog/(?P<kind>EmoEvaluation|transcriptions|wav|avi/DivX)"
    r"|sentences/(?:wav/(?P<dialogue>[^/]+)|ForcedAlignment/[^/]+))/(?P<stem>[^/]+)\.(?:txt|wav|avi|wdseg)"
)
_DIALOGUE = re.compile(r"(Ses\d\d)([FM])_(impro|script)\w+")
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_EVALUATION = re.compile(rf"\[{_NUMBER} - {_NUMBER}\]\t(\S+)\t(\S+)\t\[{_NUMBER}, {_NUMBER}, {_NUMBER}\]\s*")
_UNEVALUATED = re.compile(r"_[FM]XX\d*$")  # turns in transcripts that have no evaluation
_ANNOTATOR = re.compile(r"[CA]-\w+:|%|\s*$")
_VOTE = re.compile(r"C-E\d+:\t([^\t(]*)")  # of an evaluator; C-F and C-M are the actors' self-evaluations
_VARIANT = re.compile(r"\(\d+\)$")  # number of the pronunciation in the dictionary
_ALIGNED = re.compile(r"\s*(\d+)\s+(\d+)\s+-?\d+\s+(\S+)\s*")


def group(path: str) -> int | None:
    """Session number - 1 of a file that `index` may read; None for all others (motion capture, AppleDouble)."""
    match = _USED.fullmatch(path)
    return int(match["session"]) - 1 if match and "/." not in f"/{path}" else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per evaluated utterance of the sessions in `files`, and the problems with them.

    files: paths of whole sessions, relative to root. expect_counts: see `expected`.
    """
    tree = _Tree(Path(root), {f for f in files if group(f) is not None})
    rows, problems = [], []
    for base, name in tree.dialogues():
        dialogue = _Dialogue(tree, base, name)
        rows += dialogue.read()
        problems += dialogue.problems
    return rows, problems


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts with those of the release, if all five sessions exist and expect_counts is true."""
    if not expect_counts or {r.session for r in rows} != set(UTTERANCES):
        return []
    sessions, classes = Counter(r.session for r in rows), Counter((r.session, FOUR.get(r.label)) for r in rows)
    compared = [("utterances", len(rows), sum(UTTERANCES.values()))]
    compared += [(f"utterances of {s}", sessions[s], n) for s, n in UTTERANCES.items()]
    four = sum(n for (_, label), n in classes.items() if label)
    compared += [("utterances of the four classes", four, sum(sum(n.values()) for n in FOUR_CLASSES.values()))]
    compared += [(f"{c} in {s}", classes[s, c], n) for s, counts in FOUR_CLASSES.items() for c, n in counts.items()]
    remedy = "compare the folder with the release; the quality table lists the rows that were dropped"
    return [
        Problem("", "", "count", f"{subset}: {count}, the release has {published}", remedy)
        for subset, count, published in compared
        if count != published
    ]


def _codes(vote: str) -> list[str]:
    """Codes of an evaluator's vote ("Happiness; Excited;"): the first three letters; unknown words are kept."""
    words = ["-".join(word.lower().split()) for word in vote.split(";")]
    return [word[:3] if word[:3] in CODES else word for word in words if word]


def words(root: Path, rows: Sequence[Utterance]) -> list[list[tuple[str, float, float]] | None]:
    """Words of the forced alignment, without pauses, noises and pronunciation numbers; None without an alignment.

    Times are relative to the start of the utterance, as in the alignment files.
    """
    aligned = []
    for row in rows:
        base = _USED.fullmatch(row.audio or row.video)
        file = f"{base['base']}/sentences/ForcedAlignment/{row.dialogue}/{row.utterance}.wdseg" if base else ""
        times = read_alignment(root / file) if base and (root / file).is_file() else None
        aligned.append(times and [(_VARIANT.sub("", w), s, e) for w, s, e in times if w[0] not in "<+["])
    return aligned


def read_alignment(path: Path) -> list[tuple[str, float, float]]:
    """Words of a ForcedAlignment .wdseg file, with start and end in seconds from the start of the utterance."""
    matches = [_ALIGNED.fullmatch(line) for line in _lines(path)]
    return [(m[3], int(m[1]) * FRAME, (int(m[2]) + 1) * FRAME) for m in matches if m]


def _lines(path: Path) -> list[str]:
    return decoded_lines(path.read_bytes())[0]


class _Tree:
    """The files of some sessions, by their paths relative to the root."""

    def __init__(self, root: Path, files: set[str]):
        self.root, self.files = root, files
        self.aligned = any("/sentences/ForcedAlignment/" in f for f in files)
        # (session folder, dialogue) -> utterances with a recording of their own
        self.recorded: dict[tuple[str, str], set[str]] = defaultdict(set)
        for match in map(_USED.fullmatch, files):
            if match["dialogue"]:
                self.recorded[match["base"], match["dialogue"]].add(match["stem"])

    def dialogues(self) -> list[tuple[str, str]]:
        """Session folder and name of each dialogue that has an evaluation, transcript, recording or film."""
        matches = (_USED.fullmatch(f) for f in self.files)
        return sorted({(m["base"], m["stem"]) for m in matches if m["kind"]} | self.recorded.keys())

    def fault(self, path: str, least: int = HEADER + 1) -> str:
        """Why a file cannot be used (a key of manifest.REASONS), or "". least: bytes of the smallest usable file."""
        if path not in self.files:
            return "missing file"
        return "unreadable" if (self.root / path).stat().st_size < least else ""


@dataclass
class _Dialogue:
    """Reads one dialogue and collects `problems`."""

    tree: _Tree
    base: str
    name: str
    problems: list[Problem] = field(default_factory=list)
    votes: dict[str, list[str]] = field(default_factory=dict)  # utterance -> codes

    def read(self) -> list[Utterance]:
        evaluation = f"{self.base}/dialog/EmoEvaluation/{self.name}.txt"
        if not _DIALOGUE.fullmatch(self.name):
            detail = f"{self.name!r} is not the name of a dialogue"
            self._report("", evaluation, "bad line", detail, "name it like Ses01F_impro01", True)
            return []
        reason = self.tree.fault(evaluation, least=1)
        if reason:
            self._report("", evaluation, reason, f"the dialogue {self.name} has no labels", "restore the file", True)
            return []
        texts = self._texts(f"{self.base}/dialog/transcriptions/{self.name}.txt")
        turns = list(self._turns(evaluation))
        self._report_unlabelled(evaluation, turns, texts)
        video = self._film(f"{self.base}/dialog/avi/DivX/{self.name}.avi", len(turns))
        return [self._row(turn, texts, video) for turn in turns]

    def _report(self, utterance: str, file: str, reason: str, detail: str, remedy: str, dropped: bool = False) -> None:
        self.problems.append(Problem(utterance, file, reason, detail, remedy, dropped))

    def _read(self, path: str) -> Iterator[tuple[int, str]]:
        """Numbered lines of a text file; a wrong encoding or an excessive size is reported."""
        if (size := (self.tree.root / path).stat().st_size) > LARGEST:
            detail = f"it has {size} bytes, too many for the annotation of a dialogue"
            self._report("", path, "unreadable", detail, "restore the file")
            return enumerate(())
        lines, faults = decoded_lines((self.tree.root / path).read_bytes())
        for number, fault in faults.items():
            self._report("", path, "bad line", f"line {number} {fault}", "save the file as UTF-8")
        return enumerate(lines, 1)

    def _report_unlabelled(self, path: str, turns: list[re.Match], texts: dict[str, str]) -> None:
        """Report utterances that were recorded (or, in a dialogue without recordings, transcribed) but not evaluated.

        path: of the evaluation. A file that was truncated at the end of a line looks intact.
        """
        handled = {turn[3] for turn in turns} | {p.utterance for p in self.problems if p.dropped}
        bad_lines = "".join(p.detail for p in self.problems if p.dropped and not p.utterance)
        spoken = (name for name in texts if name.startswith(f"{self.name}_") and not _UNEVALUATED.search(name))
        known = self.tree.recorded.get((self.base, self.name)) or set(spoken)
        for name in sorted(known - handled):
            if name not in bad_lines:
                self._report(name, path, "no label", "it has no line for this utterance", "restore the file", True)
        if not (known or turns or bad_lines):
            self._report("", path, "no label", "it evaluates no utterance", "restore the file", True)

    def _turns(self, path: str) -> Iterator[re.Match]:
        """Lines of an evaluation file that describe an utterance of this dialogue with a known label."""
        own, votes = re.compile(re.escape(self.name) + r"_[FM]\w+"), []
        for number, line in self._read(path):
            turn = _EVALUATION.fullmatch(line)
            if turn:
                votes = self.votes[turn[3]] = []
            elif vote := _VOTE.match(line):
                votes += _codes(vote[1])
            if not turn and not _ANNOTATOR.match(line):
                self._report("", path, "bad line", f"line {number}: {line[:80]!r}", "correct the line", True)
            elif turn and not own.fullmatch(turn[3]):
                detail = f"line {number}: the utterance is not of this dialogue"
                self._report(turn[3], path, "bad line", detail, "correct its id", True)
            elif turn and turn[4] not in CODES:
                remedy = f"use one of {', '.join(CODES)}"
                self._report(turn[3], path, "bad label", f"line {number}: unknown label {turn[4]!r}", remedy, True)
            elif turn:
                yield turn

    def _texts(self, path: str) -> dict[str, str]:
        """Map utterances to texts, including turns without an evaluation (..._XX0)."""
        texts = {}
        for number, line in self._read(path) if path in self.tree.files else ():
            head, separator, text = line.partition("]:")  # the first only, as texts may contain it
            name = head.split()[0] if separator and head.strip() else ""
            if name in texts:
                detail = f"line {number} is a second text of this utterance; the first is used"
                self._report(name, path, "duplicate id", detail, "remove one of them")
            elif name:
                texts[name] = " ".join(text.split())
            elif line.strip():
                self._report("", path, "bad line", f"line {number}: {line[:80]!r}", "the line is ignored; correct it")
        return texts

    def _film(self, path: str, turns: int) -> str:
        """Path of the film of the dialogue, or "" and one problem for all of its utterances."""
        reason = self.tree.fault(path)
        if reason:
            self._report("", path, reason, f"{turns} utterances of {self.name} have no video", "restore the file")
        return "" if reason else path

    def _row(self, turn: re.Match, texts: dict[str, str], video: str) -> Utterance:
        name, (session, marker, kind) = turn[3], _DIALOGUE.fullmatch(self.name).groups()
        letter = name.removeprefix(f"{self.name}_")[0]
        audio, whole = self._audio(name)
        if not texts.get(name):
            file = f"{self.base}/dialog/transcriptions/{self.name}.txt"
            self._report(name, file, "no transcript", "it has no text for this utterance", "add the line")
        self._check_alignment(name)
        return Utterance(
            utterance=name,
            dialogue=self.name,
            session=session,
            speaker=session + letter,
            gender=letter,
            scripted=kind == "script",
            start=float(turn[1]),
            end=float(turn[2]),
            whole=whole,
            text=texts.get(name, ""),
            audio=audio,
            video=video,
            crop=LEFT if letter == marker else RIGHT,
            label=turn[4],
            language="en",
            votes=format_votes(self.votes[name]),
            **self._ratings(turn),
        )

    def _ratings(self, turn: re.Match) -> dict[str, float | None]:
        """Valence, arousal and dominance; None for a rating that is off the scale."""
        ratings = dict(zip(RATINGS, map(float, turn.groups()[4:]), strict=True))
        wrong = [name for name, value in ratings.items() if not SCALE[0] <= value <= SCALE[1]]
        if wrong:
            detail = ", ".join(f"{name} is {ratings[name]:g}" for name in wrong) + "; the scale is 1 to 5"
            path = f"{self.base}/dialog/EmoEvaluation/{self.name}.txt"
            self._report(turn[3], path, "bad rating", detail, "the rating is left out; correct it")
        return ratings | dict.fromkeys(wrong)

    def _audio(self, name: str) -> tuple[str, bool]:
        """(Path, whole): the utterance's own recording, or else that of the dialogue (with both voices), or else ""."""
        own, shared = f"{self.base}/sentences/wav/{self.name}/{name}.wav", f"{self.base}/dialog/wav/{self.name}.wav"
        reason = self.tree.fault(own)
        if not reason:
            return own, True
        fallback = "" if self.tree.fault(shared) else shared
        detail = "replaced by the recording of the dialogue" if fallback else "the utterance has no audio"
        self._report(name, own, reason, detail, "restore the file")
        return fallback, False

    def _check_alignment(self, name: str) -> None:
        file = f"{self.base}/sentences/ForcedAlignment/{self.name}/{name}.wdseg"
        if self.tree.aligned and file not in self.tree.files:
            self._report(name, file, "no alignment", "the utterance has no word times", "use a system without them")
