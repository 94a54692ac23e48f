"""The demo corpus: `generate` writes it in IEMOCAP's layout, so that IEMOCAP's reader can read it.

espeak-ng speaks the texts, faces are drawn, and emotions vary in strength. The corpus deliberately contains some faults
of real corpora; see `_spoil`.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.provenance import sync_tree
from emospace.corpora.demo import espeak, film, papers, scene
from emospace.corpora.iemocap import CODES as ALL
from emospace.corpora.iemocap import expected, group, index

__all__ = ["CITATION", "CODES", "LICENCE", "NOTE", "PUBLIC", "expected", "generate", "group", "index"]

CODES = {code: ALL[code] for code in papers.ATTRIBUTES}
LICENCE = "Apache-2.0"
PUBLIC = True
CITATION = "The demo corpus of emospace: synthetic speech and drawn faces"
NOTE = (
    "Synthetic speech and drawn faces, separable by construction: these numbers show that the workflow runs, "
    "and say nothing about emotion recognition."
)
MARK = "README.txt"  # `generate` replaces only folders that contain this file
TAIL = 0.6  # seconds of room noise after the last turn


def generate(
    root: Path, *, seed: int = 1, sessions: int = 5, dialogues: int = 2, utterances: int = 16, threads: int = 1
) -> None:
    """Write the corpus to the folder `root`, replacing an earlier one as a whole. Equal arguments give equal files.

    dialogues: per session, alternately improvised and scripted. utterances: approximate number per dialogue. Raises
    InputError for counts out of range, a folder with other files, or missing programs.
    """
    from tqdm.auto import tqdm

    check_generate(sessions=sessions, dialogues=dialogues, utterances=utterances)
    jobs = [(seed, session, number, utterances) for session in range(1, sessions + 1) for number in range(dialogues)]
    with _replaced(Path(root)) as folder:
        with ThreadPoolExecutor(threads) as pool:
            done = pool.map(lambda job: _dialogue(folder, *job), jobs)
            list(tqdm(done, "make demo corpus", len(jobs), disable=None, unit="dialogue"))
        _spoil(folder, sessions)
        (folder / MARK).write_text(f"The demo corpus of emospace, made by its workflow.\n{NOTE}\n", encoding="utf-8")


def check_generate(*, sessions: int, dialogues: int, utterances: int) -> None:
    """Raise InputError for counts out of range."""
    if not (0 < sessions < 100 and 0 < dialogues < 100 and 5 < utterances < 500):
        reason = f"cannot generate {sessions} sessions of {dialogues} dialogues of {utterances} utterances"
        raise InputError("config: generate", reason, "set 1 to 99 sessions and dialogues, 6 to 499 utterances")


@contextlib.contextmanager
def _replaced(root: Path) -> Iterator[Path]:
    """Yield an empty folder beside `root`; on success, it replaces `root`."""
    if root.exists() and any(root.iterdir()) and not (root / MARK).exists():
        raise InputError(root, "the folder contains files that are not a demo corpus", "move them away")
    new, old = (root.with_name(f".{root.name}.{os.getpid()}.{suffix}") for suffix in ("new", "old"))
    try:
        new.mkdir(parents=True)
        yield new
        sync_tree(new)
        if root.exists():
            root.rename(old)
        new.rename(root)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _name(session: int, number: int) -> str:
    """Name of a dialogue (Ses01F_impro01, Ses01M_script01_1, ...), with the letter of the actor on the left."""
    scene_name = f"script01_{number // 2 + 1}" if number % 2 else f"impro{number // 2 + 1:02d}"
    return f"Ses{session:02d}{'FM'[(session + number + 1) % 2]}_{scene_name}"


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding, newline="\n")


def _dialogue(root: Path, seed: int, session: int, number: int, utterances: int) -> None:
    """Write all files of one dialogue. Each dialogue seeds its own generator, so their order does not matter."""
    rng, name, base = np.random.default_rng([seed, session, number]), _name(session, number), root / f"Session{session}"
    turns = scene.scene(name, session, number, utterances + (session + number) % 3 - 1, rng)
    voices = [espeak.say(t.text, session, t.letter, t.label, t.voice, rng) for t in turns]
    times = scene.place(turns, [len(v) / espeak.RATE for v in voices], rng)
    sides = "FM" if name[5] == "F" else "MF"  # left and right, both in the picture and in the stereo recording
    placed = [(sides.find(t.letter), start, v) for t, (start, _), v in zip(turns, times, voices, strict=True)]
    sound = espeak.mix(placed, max(end for _, end in times) + TAIL, rng)
    # An improvisation of session 2 contains non-ASCII characters, which IEMOCAP's transcripts encode as latin-1.
    _write(base / f"dialog/transcriptions/{name}.txt", papers.transcript(turns, times), "latin-1")
    _write(base / f"dialog/EmoEvaluation/{name}.txt", papers.evaluation(turns, times, rng))
    _record(base, name, sound, placed, turns)
    halves = [_half(session, letter, turns, times, sound[:, side]) for side, letter in enumerate(sides)]
    film.film(base / f"dialog/avi/DivX/{name}.avi", halves)


def _record(base: Path, name: str, sound: np.ndarray, placed: list, turns: list) -> None:
    """Write the recording of the dialogue, and one of each turn, cut out of its actor's channel."""
    import soundfile

    for folder in ("dialog/wav", f"sentences/wav/{name}"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    soundfile.write(base / f"dialog/wav/{name}.wav", sound, espeak.RATE)
    for turn, (channel, start, voice) in zip(turns, placed, strict=True):
        first = round(start * espeak.RATE)
        cut = sound[first : first + len(voice), channel]
        soundfile.write(base / f"sentences/wav/{name}/{turn.utterance}.wav", cut, espeak.RATE)


def _half(session: int, letter: str, turns: list, times: list, channel: np.ndarray) -> list[film.Face]:
    """One actor's face in each drawing: at rest while the other actor speaks."""
    faces = []
    for k, mouth in enumerate(film.openings(channel, espeak.RATE)):
        now = (k + 0.5) / film.PER_SECOND
        current = (t for t, (start, end) in zip(turns, times, strict=True) if t.letter == letter and start <= now < end)
        turn = next(current, None)
        blink = (k + ord(letter)) % film.BLINK == 0 and not mouth
        expression = (turn.label, turn.face, int(mouth), blink) if turn else ("neu", 1.0, 0, blink)
        faces.append(film.Face(session, letter, *expression))
    return faces


def _spoil(root: Path, sessions: int) -> None:
    """Add faults of real corpora: a resource fork, a lost recording, a truncated film.

    (The scenes contain others: a label xxx, a turn under a second, a latin-1 transcript, a turn without evaluation.)
    """
    first, third, last = (root / f"Session{min(k, sessions)}" for k in (1, 3, sessions))
    for file in sorted((first / "dialog/EmoEvaluation").glob("*.txt"))[:1]:
        file.with_name(f"._{file.name}").write_bytes(bytes.fromhex("00051607000200004d6163204f532058"))
    sorted((third / "sentences/wav").rglob("*.wav"))[4].unlink()
    film = sorted((last / "dialog/avi/DivX").glob("*.avi"))[-1]
    with open(film, "r+b") as handle:
        handle.truncate(film.stat().st_size * 2 // 3)
