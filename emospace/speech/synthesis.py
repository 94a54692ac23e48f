"""The audio_tts view: a voice says what was recognised and translated, as the speaker said it, one row per parent."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import plugin, store
from emospace.core.manifest import WITHOUT_COPY, Problem, Utterance
from emospace.core.option_types import Positive
from emospace.speech import prosody as manner
from emospace.speech.prosody import RATE, Scale, Setting
from emospace.speech.voices import ENGINES, SynthesisError

PROSODIES = ("transfer", "flat")
NOTHING = np.empty(0, np.int16)
GENDERS = {"F": "female", "M": "male", "": "neutral"}


def synthesise(
    rows: Sequence[Utterance],
    parents: Sequence[np.ndarray],
    heard: Sequence[str],
    spoken: Sequence[str],
    out: Path,
    *,
    threads: int = 1,
    engine: Literal[tuple(ENGINES)] = "espeak",
    prosody: Literal[PROSODIES] = "transfer",
    timeout: Positive = 60.0,
    female: str = "en-us+f2",
    male: str = "en-us",
    neutral: str = "en-us+m7",
) -> tuple[list[Problem], dict]:
    """Write the store `out` with one row of int16 samples (16 kHz) per row; returns problems and facts for the sidecar.

    parents: what the speaker said, int16 (T,) each; heard: its words, by which the rate is told; spoken: what the voice
    is to say. prosody: transfer (the parent's pitch, range, rate and loudness, as far as the voice can) or flat (the
    engine's defaults). timeout: seconds that one text may take. female, male, neutral: voices of espeak-ng by the
    gender of the speaker; neutral where the manifest does not say. A row is empty where there is nothing to say, and
    where the engine fails, which is a problem with its reason. Raises InputError where the engine or a voice is
    missing.
    """
    from tqdm import tqdm

    chosen = {"engine": engine, "prosody": prosody, "timeout": timeout}
    chosen |= (by_gender := {"female": female, "male": male, "neutral": neutral})
    plugin.settings([synthesise], chosen, "synthesise")
    problems: list[Problem] = []
    counts: Counter[str] = Counter()
    voices = [by_gender[GENDERS.get(row.gender, "neutral")] for row in rows]

    def waves(speaker: "Speaker", pool: ThreadPoolExecutor) -> Iterator[np.ndarray]:
        said = pool.map(speaker.say, parents, heard, spoken, voices)
        for row, (wave, flag, beyond) in zip(rows, tqdm(said, "say", len(rows), disable=None, unit="row"), strict=True):
            counts.update([flag.partition(":")[0] or "ok", *(f"{name} out of reach" for name in beyond)])
            if flag.startswith("engine failed"):
                problems.append(Problem(row.utterance, Path(out).name, "silent", f"the {flag}", WITHOUT_COPY))
            yield wave

    with contextlib.closing(ENGINES[engine](timeout)) as voice:
        speaker = Speaker(voice, prosody, sorted(set(voices)))
        with ThreadPoolExecutor(threads) as pool:
            _, total = store.write(out, waves(speaker, pool), dtype=np.int16)
        transfers = voice.TRANSFERS if prosody == "transfer" else ()
        facts = {"settings": chosen, "engine_version": voice.version, "transfers": list(transfers)}
    return problems, facts | {
        "rows": len(rows),
        "counts": dict(sorted(counts.items())),
        "voices": dict(sorted(Counter(voices).items())),
        "uncalibrated": sorted(voice for voice, scale in speaker.scales.items() if scale is None),
        "seconds": total / RATE,
        "sample_rate": RATE,
    }


class Speaker:
    """An engine, with its voices measured where prosody is to be transferred."""

    def __init__(self, engine, prosody: str, voices: Sequence[str]):
        self.engine, self.transfer = engine, prosody == "transfer"
        for voice in voices:
            engine.check(voice)
        self.scales: dict[str, Scale | None] = {v: self._calibrate(v) for v in voices} if self.transfer else {}

    def _calibrate(self, voice: str) -> Scale | None:
        """None where the engine fails at it: every row will say so for itself."""
        with contextlib.suppress(SynthesisError):
            return manner.calibrate(
                lambda *asked: self.engine(asked[0], voice, asked[1]), "range" in self.engine.TRANSFERS
            )
        return None

    def say(self, parent: np.ndarray, heard: str, spoken: str, voice: str) -> tuple[np.ndarray, str, set[str]]:
        """(samples, flag, what of the prosody was out of the voice's reach); the flag is empty where all went well."""
        text = manner.speakable(spoken)
        if not text:
            return NOTHING, "nothing to say", set()
        try:
            if self.transfer:
                return self._transferred(parent, manner.letters(heard), text, voice)
            return self.engine(text, voice, Setting()), "", set()
        except SynthesisError as error:
            return NOTHING, f"engine failed: {error}", set()

    def _transferred(self, parent: np.ndarray, letters: int, text: str, voice: str) -> tuple[np.ndarray, str, set[str]]:
        wanted, scale = manner.measure(parent), self.scales[voice]
        spreads = "range" in self.engine.TRANSFERS
        setting, beyond = scale.aim(wanted, spreads) if scale else (Setting(), {"pitch", "range"})
        wave = self.engine(text, voice, setting)
        seconds = manner.activity(wave)[0]
        if letters and wanted.seconds and seconds and manner.letters(text):
            # Words per minute mean little in themselves: a draft tells how long this text takes.
            target = wanted.seconds * manner.letters(text) / letters
            rate, far = manner.rate(setting.rate, seconds, target)
            wave = self.engine(text, voice, replace(setting, rate=rate))
            beyond |= {"rate"} if far else set()
        wave, loud = manner.amplify(wave, wanted.level)
        return wave, "", beyond | ({"loudness"} if loud else set())
