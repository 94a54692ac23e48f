"""Speech synthesis engines: the espeak-ng command line, and pyttsx3. Both return int16 samples at 16 kHz.

An engine is called with (text, voice, Setting), from any number of threads. TRANSFERS: the properties of prosody that
it can reproduce (loudness is adjusted afterwards). A voice is one of espeak-ng's: a language and, after a +, a variant.
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

SHORTEST = 0.1  # seconds; shorter output counts as a failure
INSTALL = "install espeak-ng (Debian: apt-get install espeak-ng)"


class SynthesisError(Exception):
    """An engine did not synthesise a text; the message completes "engine failed: ..."."""


def _samples(path: Path) -> np.ndarray:
    """Decode a file that an engine wrote, resampled as in the audio view."""
    try:
        wave = decode(locate(path.parent, path.name), RATE)[0]
    except MediaError as error:
        missing = error.reason == "missing file"
        raise SynthesisError("it wrote no file" if missing else f"its output is unusable ({error.detail})") from error
    if len(wave) < SHORTEST * RATE or not wave.any():
        raise SynthesisError(f"it wrote {len(wave) / RATE:.2f} s of audio" if wave.any() else "it wrote silence")
    return wave


class Espeak:
    """The espeak-ng program, run once per text; equal settings give equal bytes. timeout: seconds per text."""

    TRANSFERS = ("pitch", "range", "rate", "loudness")

    def __init__(self, timeout: float):
        self.timeout = timeout
        # The first line reads: eSpeak NG text-to-speech: 1.51  Data at: ...
        self.version = "espeak-ng " + self._run("--version").partition(":")[2].split()[0]

    def check(self, voice: str) -> None:
        """Raise InputError for an unknown voice; espeak-ng itself ignores an unknown variant."""
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
        if setting.spread != Setting.spread:  # only markup can set the range
            text = f'<speak><prosody range="{setting.spread}">{escape(text)}</prosody></speak>'
            options.append("-m")
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder, "speech.wav")
            # Pass the text on stdin: it may have any length and may begin with a dash.
            self._run("-b", "1", *options, "-w", str(wav), "--stdin", text=text)
            return _samples(wav)

    def _run(self, *arguments: str, text: str = "") -> str:
        command = ["espeak-ng", *arguments]
        try:
            completed = subprocess.run(
                command, input=text.encode(), capture_output=True, timeout=self.timeout, check=False
            )
        except FileNotFoundError as error:
            raise InputError("espeak-ng", "the program is not installed", INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise SynthesisError(f"it did not finish within {self.timeout:g} s") from error
        if completed.returncode:
            stderr = completed.stderr.decode(errors="replace").strip().splitlines() or [""]
            raise SynthesisError(f"it exited with status {completed.returncode} {stderr[0]}".strip())
        return completed.stdout.decode(errors="replace")

    def close(self) -> None:
        """Do nothing: no process outlives a call."""


class Pyttsx3:
    """pyttsx3, in one process per thread: the library can hang, crash, or write nothing without an error.

    One engine per process and one runAndWait per file, because the library remembers a single file name. A failure is
    retried, the last time in a fresh process. Bytes differ slightly between runs; there is no setting for pitch range.
    """

    TRANSFERS = ("pitch", "rate", "loudness")
    TRIES = 3

    def __init__(self, timeout: float):
        self.timeout, self.local, self.processes = timeout, threading.local(), []
        self.version = "pyttsx3 with " + Espeak(timeout).version  # its driver uses the same library

    def check(self, voice: str) -> None:
        """Raise InputError for an unknown voice; the library accepts any name without an error."""
        Espeak(self.timeout).check(voice)

    def __call__(self, text: str, voice: str, setting: Setting) -> np.ndarray:
        failure = SynthesisError("it was not tried")
        for attempt in range(self.TRIES):
            if attempt == self.TRIES - 1:
                self._stop()
            try:
                return self._synthesise(text, voice, setting)
            except SynthesisError as error:
                failure = error
        raise failure

    def _synthesise(self, text: str, voice: str, setting: Setting) -> np.ndarray:
        if not getattr(self.local, "process", None):
            self._start()
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder, "speech.wav")
            properties = {"voice": voice, "rate": setting.rate, "pitch": setting.pitch}
            error = self._request([text, str(wav), properties])
            if error:
                raise SynthesisError(error)
            return _samples(wav)

    def _request(self, request: list) -> str:
        process = self.local.process
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self.timeout)
        answer = process.stdout.readline() if ready else ""
        if not answer:
            self._stop()
            raise SynthesisError("it crashed" if ready else f"it did not finish within {self.timeout:g} s")
        return json.loads(answer)

    def _start(self) -> None:
        # -P keeps this folder off sys.path: its modules must not be importable by their bare names.
        command = [sys.executable, "-P", pyttsx3_worker.__file__]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.local.process = subprocess.Popen(command, **pipes, encoding="utf-8")
        self.processes.append(self.local.process)

    def _stop(self) -> None:
        if getattr(self.local, "process", None):
            _end(self.local.process)
            self.local.process = None

    def close(self) -> None:
        """End the processes of all threads."""
        for process in self.processes:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):  # unread requests cannot be flushed any more
            pipe.close()


ENGINES = {"espeak": Espeak, "pyttsx3": Pyttsx3}
