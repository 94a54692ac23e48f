"""Speech synthesis for the view audio_tts: say a translated transcript with the prosody of the original recording."""

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
from emospace.speech.prosody import (
    RATE,
    Scale,
    Setting,
    activity,
    amplify,
    calibrate,
    letters,
    matching_rate,
    measure,
    speakable,
)
from emospace.speech.voices import ENGINES, SynthesisError

PROSODIES = ("transfer", "flat")
NO_AUDIO = np.empty(0, np.int16)
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
    """Write synthetic speech to the store `out`, int16 (T,) at 16 kHz per row; return problems and facts for a sidecar.

    parents: original recordings, int16 (T,) each. heard: their transcripts, from which the speech rate is derived.
    spoken: texts to say. prosody: transfer (the parent's pitch, range, rate and loudness, as far as the voice can) or
    flat (the engine's defaults). timeout: seconds allowed per text. female, male, neutral: espeak-ng voices by gender
    of the speaker; neutral if the manifest gives none. A row without text is empty; if the engine fails, the row is
    empty and a problem gives the reason. Raises InputError if the engine or a voice is missing.
    """
    from tqdm import tqdm

    chosen = {"engine": engine, "prosody": prosody, "timeout": timeout}
    chosen |= (by_gender := {"female": female, "male": male, "neutral": neutral})
    plugin.settings([synthesise], chosen, "synthesise")
    problems: list[Problem] = []
    counts: Counter[str] = Counter()
    voices = [by_gender[GENDERS.get(row.gender, "neutral")] for row in rows]

    def waves(speaker: "Speaker", pool: ThreadPoolExecutor) -> Iterator[np.ndarray]:
        results = tqdm(
            pool.map(speaker.say, parents, heard, spoken, voices), "say", len(rows), disable=None, unit="row"
        )
        for row, (wave, flag, beyond) in zip(rows, results, strict=True):
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
    """An engine and, if prosody is to be transferred, the measured scales of its voices."""

    def __init__(self, engine, prosody: str, voices: Sequence[str]):
        self.engine, self.transfer = engine, prosody == "transfer"
        for voice in voices:
            engine.check(voice)
        self.scales: dict[str, Scale | None] = {v: self._calibrate(v) for v in voices} if self.transfer else {}

    def _calibrate(self, voice: str) -> Scale | None:
        """Return None if the engine fails: then every row reports the failure itself."""
        with contextlib.suppress(SynthesisError):
            return calibrate(lambda text, setting: self.engine(text, voice, setting), "range" in self.engine.TRANSFERS)
        return None

    def say(self, parent: np.ndarray, heard: str, spoken: str, voice: str) -> tuple[np.ndarray, str, set[str]]:
        """Return (samples, flag, settings out of the voice's reach); the flag is empty on success."""
        text = speakable(spoken)
        if not text:
            return NO_AUDIO, "nothing to say", set()
        try:
            if self.transfer:
                return self._transferred(parent, heard, text, voice)
            return self.engine(text, voice, Setting()), "", set()
        except SynthesisError as error:
            return NO_AUDIO, f"engine failed: {error}", set()

    def _transferred(self, parent: np.ndarray, heard: str, text: str, voice: str) -> tuple[np.ndarray, str, set[str]]:
        target, scale = measure(parent), self.scales[voice]
        spreads = "range" in self.engine.TRANSFERS
        setting, beyond = scale.aim(target, spreads) if scale else (Setting(), {"pitch", "range"})
        wave = self.engine(text, voice, setting)
        seconds = activity(wave)[0]
        if letters(heard) and target.seconds and seconds and letters(text):
            # Words per minute do not predict a duration, so the first synthesis measures how long this text takes.
            duration = target.seconds * letters(text) / letters(heard)
            rate, clipped = matching_rate(setting.rate, seconds, duration)
            wave = self.engine(text, voice, replace(setting, rate=rate))
            beyond |= {"rate"} if clipped else set()
        wave, limited = amplify(wave, target.level)
        return wave, "", beyond | ({"loudness"} if limited else set())
