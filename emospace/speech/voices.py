"""Engines that say a text: the espeak-ng command line, and pyttsx3. Each returns int16 samples at 16 kHz.

An engine is called with (text, voice, Setting), by any number of threads at once. TRANSFERS: what of a prosody it can
be asked for (loudness is set afterwards). Voices are those of espeak-ng: a language and, after +, a variant.
"""

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.media.opening import MediaError, locate
from emospace.media.sound import decode
from emospace.speech import pyttsx3_worker
from emospace.speech.prosody import RATE, Setting

SHORTEST = 0.1  # seconds; an engine that says less has failed
INSTALL = "install espeak-ng (Debian: apt-get install espeak-ng)"


class SynthesisError(Exception):
    """Why an engine did not say a text."""


def _samples(path: Path) -> np.ndarray:
    """The samples of a file that an engine wrote, resampled as the audio view does."""
    try:
        wave = decode(locate(path.parent, path.name), RATE)[0]
    except MediaError as flaw:
        raise SynthesisError("it wrote no audio" if flaw.reason == "missing file" else f"its {flaw.detail}") from flaw
    if len(wave) < SHORTEST * RATE or not wave.any():
        raise SynthesisError(f"it wrote {len(wave) / RATE:.2f} s of audio" if wave.any() else "it wrote silence")
    return wave


class Espeak:
    """The espeak-ng program, once per text: equal bytes for equal settings. timeout: seconds."""

    TRANSFERS = ("pitch", "range", "rate", "loudness")

    def __init__(self, timeout: float):
        self.timeout = timeout
        # The first line reads: eSpeak NG text-to-speech: 1.51  Data at: ...
        self.version = "espeak-ng " + self._run("--version").partition(":")[2].split()[0]

    def check(self, voice: str) -> None:
        """Raise InputError if there is no such voice; espeak-ng itself passes over an unknown variant."""
        _, _, variant = voice.partition("+")
        files = [line.split()[4] for line in self._run("--voices=variant").splitlines()[1:]]
        variants = {Path(file).name for file in files}
        if variant and variant not in variants:
            raise InputError(f"voice {voice!r}", f"there is no variant {variant!r}", suggest(variant, variants))
        try:
            self("one", voice, Setting())
        except SynthesisError as error:
            if "does not exist" in str(error):
                remedy = "see `espeak-ng --voices` for the languages"
                raise InputError(f"voice {voice!r}", "espeak-ng has no such voice", remedy) from error

    def __call__(self, text: str, voice: str, setting: Setting) -> np.ndarray:
        options = ["-v", voice, "-p", str(setting.pitch), "-s", str(setting.rate)]
        if setting.spread != Setting.spread:  # markup alone can ask for a range
            text = f'<speak><prosody range="{setting.spread}">{escape(text)}</prosody></speak>'
            options.append("-m")
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder, "said.wav")
            # The text goes in by stdin: it may be of any length and begin with a dash.
            self._run("-b", "1", *options, "-w", str(wav), "--stdin", text=text)
            return _samples(wav)

    def _run(self, *arguments: str, text: str = "") -> str:
        command = ["espeak-ng", *arguments]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=self.timeout, check=False)
        except FileNotFoundError as error:
            raise InputError("espeak-ng", "the program is not installed", INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise SynthesisError(f"it did not end within {self.timeout:g} s") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
            raise SynthesisError(f"it ended with status {done.returncode} {said[0]}".strip())
        return done.stdout.decode(errors="replace")

    def close(self) -> None:
        """Nothing is left running."""


class Pyttsx3:
    """pyttsx3, by a process of its own per thread: it can hang, crash, or write nothing, and not say so.

    One engine per process and one runAndWait per file, since it keeps one file name only. What fails is tried again,
    the last time by a fresh process. Its bytes differ a little from run to run; it has no range of pitch.
    """

    TRANSFERS = ("pitch", "rate", "loudness")
    TRIES = 3

    def __init__(self, timeout: float):
        self.timeout, self.mine, self.all = timeout, threading.local(), []
        self.version = "pyttsx3 with " + Espeak(timeout).version  # its driver speaks through the same library

    def check(self, voice: str) -> None:
        """Raise InputError if there is no such voice; the library would take any name and say nothing of it."""
        Espeak(self.timeout).check(voice)

    def __call__(self, text: str, voice: str, setting: Setting) -> np.ndarray:
        failed = SynthesisError("it was not tried")
        for attempt in range(self.TRIES):
            if attempt == self.TRIES - 1:
                self._stop()
            try:
                return self._try(text, voice, setting)
            except SynthesisError as error:
                failed = error
        raise failed

    def _try(self, text: str, voice: str, setting: Setting) -> np.ndarray:
        if not getattr(self.mine, "process", None):
            self._start()
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder, "said.wav")
            properties = {"voice": voice, "rate": setting.rate, "pitch": setting.pitch}
            error = self._ask([text, str(wav), properties])
            if error:
                raise SynthesisError(error)
            return _samples(wav)

    def _ask(self, request: list) -> str:
        process = self.mine.process
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self.timeout)
        answer = process.stdout.readline() if ready else ""
        if not answer:
            self._stop()
            raise SynthesisError("it crashed" if ready else f"it did not end within {self.timeout:g} s")
        return json.loads(answer)

    def _start(self) -> None:
        # -P: modules of this package must not be found under their bare names there.
        command = [sys.executable, "-P", pyttsx3_worker.__file__]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.mine.process = subprocess.Popen(command, **pipes, encoding="utf-8")
        self.all.append(self.mine.process)

    def _stop(self) -> None:
        if getattr(self.mine, "process", None):
            _end(self.mine.process)
            self.mine.process = None

    def close(self) -> None:
        """End the processes of all threads."""
        for process in self.all:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):  # what was never read cannot be written any more
            pipe.close()


ENGINES = {"espeak": Espeak, "pyttsx3": Pyttsx3}
