"""Speech synthesis by real engines; faulty engines are simulated by programs of the same name.

Covers: speech/pyttsx3_worker, speech/voices, views/_spoken.
"""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, utterance

from emospace.core import manifest, store, texts
from emospace.core.errors import InputError
from emospace.core.plugin import settings
from emospace.core.provenance import write_json
from emospace.media.sound import decode
from emospace.speech import prosody, voices
from emospace.speech.prosody import RATE, Setting
from emospace.speech.synthesis import synthesise

KIDS, DOGS = "Kids are talking by the door", "Dogs are sitting by the door"


def parent(seconds: float = 1.0, hertz: float = 180) -> np.ndarray:
    """A sine, int16."""
    return (np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE) * 6000).astype(np.int16)


def synthesised(out, spoken, genders=None, parents=None, **options):
    """Synthesise `spoken`; return the store, the problems and the facts."""
    rows = [utterance(f"d_{i:03d}", gender=g) for i, g in enumerate(genders or ["F"] * len(spoken))]
    parents = parents or [parent()] * len(spoken)
    problems, facts = synthesise(rows, parents, spoken, spoken, out, **options)
    return store.Ragged.open(out, len(rows)), problems, facts


AWKWARD = {
    "empty": "",
    "tag": "[LAUGHTER]",
    "dash": "--version is what I said",
    "emoji": "so happy 😀😀",
    "rtl": "שלום עולם",
    "arabic": "مرحبا بالعالم",
    "markup": '<speak>a & b</speak> "c" </prosody>',
    "control": "nul \x00 and \x1b[31m",
    "plain": "this is fine",
}


@pytest.mark.parametrize("engine", ["espeak", "pyttsx3"])
@pytest.mark.parametrize("mode", ["flat", "transfer"])
def test_awkward_texts_are_spoken_or_left_out_without_errors(tmp_path, engine, mode):
    spoken = list(AWKWARD.values())
    rows, problems, facts = synthesised(tmp_path / "0.npy", spoken, engine=engine, prosody=mode, threads=2)
    lengths = dict(zip(AWKWARD, rows.lengths, strict=True))
    assert lengths.pop("empty") == lengths.pop("tag") == 0
    assert all(length > 0.3 * RATE for length in lengths.values()), lengths
    assert not problems and facts["counts"]["nothing to say"] == 2 and facts["counts"]["ok"] == len(spoken) - 2


def test_a_text_of_4000_words_is_spoken_in_full(tmp_path):
    rows, _, _ = synthesised(
        tmp_path / "0.npy", ["one two three four " * 1000, "one two three four " * 10], prosody="flat"
    )
    assert rows.lengths[0] > 0.95 * 100 * rows.lengths[1] and rows.lengths[0] > 15 * 60 * RATE


def test_markup_in_a_text_is_escaped():
    engine = voices.Espeak(30)
    for text in ("a <b> & c", '</prosody><prosody rate="20%">slowly</prosody>', "so <audio src='x.wav'/> what"):
        plain, marked = (engine(text, "en-us", Setting(spread=spread)) for spread in (50, 51))
        assert len(marked) == pytest.approx(len(plain), rel=0.1, abs=0.05 * RATE), text


def test_espeak_gives_equal_bytes_in_any_order_and_with_any_number_of_threads(tmp_path):
    spoken = [KIDS, DOGS, "no", "why did you lie to me?"] * 3
    synthesised(tmp_path / "a.npy", spoken, threads=1)
    synthesised(tmp_path / "b.npy", spoken, threads=4)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    rows, _, _ = synthesised(tmp_path / "c.npy", spoken[::-1], threads=2)
    first = store.Ragged.open(tmp_path / "a.npy")
    assert all((rows[i] == first[len(rows) - 1 - i]).all() for i in range(len(rows)))


def test_samples_equal_those_of_the_audio_view(tmp_path):
    wav = tmp_path / "x.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "175", "-w", str(wav), "--", KIDS], check=True)
    rows, _, _ = synthesised(tmp_path / "0.npy", [KIDS], genders=["M"], prosody="flat")
    assert (rows[0] == decode(wav, RATE)[0]).all()


def test_the_voice_follows_the_speakers_gender(tmp_path):
    rows, _, facts = synthesised(tmp_path / "0.npy", [KIDS] * 3, genders=["F", "M", ""], prosody="flat")
    high, low, between = (prosody.pitch(row)[0] for row in rows)
    assert high > 1.4 * low and not (rows[1].shape == rows[2].shape and (rows[1] == rows[2]).all())
    assert np.isfinite(between) and facts["voices"] == {"en-us": 1, "en-us+f2": 1, "en-us+m7": 1}


def fake_espeak(folder, monkeypatch, body: str) -> None:
    """Put a program named espeak-ng before the real one on PATH; it runs `body` for texts that contain the word BAD."""
    real = subprocess.run(["which", "espeak-ng"], capture_output=True, text=True, check=True).stdout.strip()
    program = folder / "bin" / "espeak-ng"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport os, subprocess, sys, time, wave\n"
        "text = '' if len(sys.argv) < 4 else sys.stdin.read()\n"
        f"if 'BAD' in text:\n    out = sys.argv[sys.argv.index('-w') + 1]\n    {body}\n"
        f"sys.exit(subprocess.run([{real!r}, *sys.argv[1:]], input=text, text=True).returncode)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


EMPTY = "w = wave.open(out, 'wb'); w.setnchannels(1); w.setsampwidth(2); w.setframerate(22050); w.close()"
FAULTS = {
    "writes nothing": ("sys.exit()", "it wrote no file"),
    "0 seconds": (f"{EMPTY}; sys.exit()", "its output is unusable (the file holds no samples)"),
    "0 bytes": ("open(out, 'w').close(); sys.exit()", "its output is unusable (the file is empty)"),
    "silence": (EMPTY.replace("w.close()", "w.writeframes(bytes(44100)); w.close(); sys.exit()"), "it wrote silence"),
    "junk": ("open(out, 'w').write('no sound at all'); sys.exit()", "its output is unusable (not a media file"),
    "crash": ("os.abort()", "it exited with status -6"),
    "refusal": ("sys.exit('out of breath')", "it exited with status 1 out of breath"),
    "hang": ("time.sleep(60)", "it did not finish within 3 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_on_one_text_is_flagged_and_the_rest_is_spoken(tmp_path, monkeypatch, fault):
    body, reason = FAULTS[fault]
    fake_espeak(tmp_path, monkeypatch, body)
    rows, problems, facts = synthesised(tmp_path / "0.npy", [KIDS, "BAD luck", DOGS], prosody="flat", timeout=3.0)
    assert rows.lengths[1] == 0 and rows.lengths[0] > RATE and rows.lengths[2] > RATE
    assert [p.utterance for p in problems] == ["d_001"] and reason in problems[0].detail
    assert problems[0].reason in manifest.REASONS and facts["counts"] == {"engine failed": 1, "ok": 2}


def test_a_failure_on_every_text_flags_every_row(tmp_path, monkeypatch):
    fake_espeak(tmp_path, monkeypatch, "pass")
    program = tmp_path / "bin" / "espeak-ng"
    program.write_text(program.read_text().replace("'BAD' in text", "len(text)").replace("    pass", "    sys.exit()"))
    rows, problems, facts = synthesised(tmp_path / "0.npy", [KIDS, DOGS])
    assert not rows.lengths.any() and len(problems) == 2 and facts["uncalibrated"] == ["en-us+f2"]


def test_pyttsx3_is_restarted_after_a_crash_or_a_hang(tmp_path, monkeypatch):
    real = voices.pyttsx3_worker.__file__
    worker = tmp_path / "worker.py"
    # The first process fails on its first text; every later one runs the real worker.
    worker.write_text(
        f"import os, pathlib, runpy, sys, time\nmark = pathlib.Path({str(tmp_path / 'tried')!r})\n"
        "if not mark.exists():\n    mark.touch(); sys.stdin.readline(); FAULT\n"
        f"runpy.run_path({real!r}, run_name='__main__')\n"
    )
    template = worker.read_text()
    monkeypatch.setattr(voices.pyttsx3_worker, "__file__", str(worker))
    for fault in ("os._exit(3)", "time.sleep(60)"):
        (tmp_path / "tried").unlink(missing_ok=True)
        worker.write_text(template.replace("FAULT", fault))
        engine = voices.Pyttsx3(4.0)
        assert len(engine("is anybody there", "en-us", Setting())) > 0.5 * RATE
        assert len(engine.processes) == 2  # the failed process and its successor
        engine.close()
        assert all(process.returncode is not None for process in engine.processes)
    worker.write_text("import sys\nsys.exit(1)\n")
    engine = voices.Pyttsx3(4.0)
    with pytest.raises(voices.SynthesisError, match="it crashed"):
        engine("hello", "en-us", Setting())
    engine.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("pass", "it wrote no file"), (EMPTY, "its output is unusable (the file holds no samples)")],
    ids=["nothing", "0 s"],
)
def test_success_of_pyttsx3_without_audio_is_flagged(tmp_path, monkeypatch, fault, reason):
    worker = tmp_path / "worker.py"
    # The real worker, except for texts that contain the word BAD.
    worker.write_text(
        "import contextlib, json, os, runpy, sys, wave\ndef requests():\n    for line in sys.stdin:\n"
        "        text, out, _ = json.loads(line)\n        if 'BAD' not in text:\n            yield line\n"
        f"            continue\n        {fault}\n        print(json.dumps(''), file=sys.__stdout__, flush=True)\n"
        f"serve = runpy.run_path({voices.pyttsx3_worker.__file__!r})['serve']\n"
        "with open(os.devnull, 'w') as nowhere, contextlib.redirect_stdout(nowhere):\n"
        "    serve(requests(), sys.__stdout__)\n"
    )
    monkeypatch.setattr(voices.pyttsx3_worker, "__file__", str(worker))
    spoken = [KIDS, "BAD luck", DOGS]
    rows, problems, facts = synthesised(tmp_path / "0.npy", spoken, engine="pyttsx3", prosody="flat", timeout=10.0)
    assert rows.lengths[1] == 0 and rows.lengths[0] > RATE and rows.lengths[2] > RATE
    assert [p.utterance for p in problems] == ["d_001"] and reason in problems[0].detail
    assert problems[0].reason in manifest.REASONS and facts["counts"] == {"engine failed": 1, "ok": 2}


def test_pyttsx3_speaks_each_text_with_its_own_settings():
    """Neither the previous settings nor the defaults of a new process leak into a text."""
    requests = [
        ("en-us+f2", 50, 175),
        ("en-us+f2", 0, 120),
        ("en-us", 50, 175),
        ("en-us", 99, 300),
        ("en-us+f2", 50, 120),
    ]
    settings = [(voice, Setting(pitch=step, rate=rate)) for voice, step, rate in requests]
    expected = [len(voices.Espeak(30)(KIDS, *setting)) for setting in settings]
    for _ in range(20):  # each in a new process: settings were lost at random
        with contextlib.closing(voices.Pyttsx3(30)) as engine:
            assert [len(engine._synthesise(KIDS, *setting)) for setting in settings] == pytest.approx(
                expected, rel=0.03
            )


def test_pyttsx3_transfers_pitch_and_rate(tmp_path):
    targets = [(hertz, seconds) for hertz in (160, 200, 250) for seconds in (1.2, 1.8)]
    parents = [parent(seconds, hertz) for hertz, seconds in targets]
    measured = {}
    for mode in ("transfer", "flat"):
        options = {"engine": "pyttsx3", "prosody": mode}
        rows, problems, facts = synthesised(tmp_path / f"{mode}.npy", [KIDS] * len(targets), parents=parents, **options)
        assert not problems and facts["counts"] == {"ok": len(targets)}
        voiced = [prosody.measure(row) for row in rows]
        measured[mode] = np.array([(voice.pitch, voice.seconds) for voice in voiced])
        transfers = ["pitch", "rate", "loudness"] if mode == "transfer" else []  # pyttsx3 cannot set a range
        assert facts["transfers"] == transfers
    assert np.abs(measured["transfer"] / targets - 1).max() < 0.15, measured["transfer"] / targets
    assert np.ptp(measured["flat"] / measured["flat"][0], axis=0).max() < 0.05


def test_a_missing_program_or_voice_and_a_misspelt_option_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"there is no variant 'f22'.*did you mean"):
        synthesised(tmp_path / "0.npy", [KIDS], female="en-us+f22")
    with pytest.raises(InputError, match="espeak-ng has no such voice"):
        synthesised(tmp_path / "0.npy", [KIDS], female="zz-zz")
    for wrong, words in {"prosdy": "did you mean 'prosody'", "engin": "did you mean 'engine'"}.items():
        with pytest.raises(InputError, match=f"config: it got an unexpected option '{wrong}'.*{words}"):
            settings([synthesise], {wrong: "x"}, "config")
    with pytest.raises(InputError, match=r"engine: it is 'espaek'. it must be 'espeak' or 'pyttsx3'"):
        settings([synthesise], {"engine": "espaek"}, "config")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"espeak-ng: the program is not installed.*install espeak-ng"):
        synthesised(tmp_path / "0.npy", [KIDS])


def step(folder, options, *more) -> subprocess.CompletedProcess:
    """Run the synthesis step of audio_tts as the workflow does."""
    recipe = {"plugin": "audio_tts", "step": "", "reader": "audio", "options": options}
    write_json(folder / "recipe.json", recipe)
    command = [sys.executable, "-m", "workflow_scripts.augment_view", "--recipe", folder / "recipe.json"]
    command += ["--source", folder / "0.npy", "--manifest", folder / "m.csv", "--read"]
    command += [f"recognised={folder / 'heard.csv'}", f"spoken={folder / 'spoken.csv'}"]
    command += ["--out", folder / "synthesised.npy", "--quality", folder / "q.csv"]
    command += ["--sidecar", folder / "synthesised.json", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_step_writes_equal_bytes_and_records_its_settings(tmp_path):
    rows = [utterance("d_000", gender="F"), utterance("d_001", gender="M"), utterance("d_002", gender="M")]
    manifest.write(tmp_path / "m.csv", rows)
    store.write(tmp_path / "0.npy", [parent(), parent(2), np.empty(0, np.int16)], dtype=np.int16)
    write_json(tmp_path / "0.json", {"sample_rate": RATE})
    names, flags = [row.utterance for row in rows], ["", "", "no audio"]
    for name in ("heard", "spoken"):
        texts.write(tmp_path / f"{name}.csv", names, [KIDS, DOGS, ""], flag=flags)
    done = step(tmp_path, {"engine": "espeak"}, "--threads", "2")
    assert done.returncode == 0, done.stderr
    first = [(tmp_path / name).read_bytes() for name in ("synthesised.npy", "synthesised.json", "q.csv")]
    facts = json.loads(first[1])
    assert facts["transfers"] == ["pitch", "range", "rate", "loudness"] and facts["engine_version"].startswith("espeak")
    assert facts["counts"]["ok"] == 2 and facts["settings"]["prosody"] == "transfer" and facts["sample_rate"] == RATE
    assert step(tmp_path, {"engine": "espeak"}).returncode == 0
    assert first == [(tmp_path / name).read_bytes() for name in ("synthesised.npy", "synthesised.json", "q.csv")]
    write_json(tmp_path / "0.json", {"sample_rate": 22050})
    done = step(tmp_path, {})
    assert done.returncode == 1 and "its sample rate is 22050 Hz" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def clips(ravdess):
    """36 recordings of RAVDESS, spread over actors and emotions: (rows, waves, transcripts)."""
    files = sorted(ravdess.glob("Actor_*/03-01-*.flac"))
    files = [files[i] for i in np.linspace(0, len(files) - 1, 36).astype(int)]
    spoken = [{"01": KIDS, "02": DOGS}[f.stem.split("-")[4]] for f in files]
    rows = [utterance(f.stem, speaker=f.stem[-2:], gender="MF"[int(f.stem[-2:]) % 2 == 0]) for f in files]
    return rows, [decode(f, RATE)[0] for f in files], spoken


def correlation(parents, children, women: np.ndarray) -> tuple[float, float]:
    """Return Spearman's rho and p between values of children and parents, relative to the median of each gender.

    The voice is chosen by gender, which by itself correlates the pitches; dividing by the median removes that effect.
    """
    from scipy.stats import spearmanr

    pairs = np.array([parents, children], float).T
    known = np.isfinite(pairs).all(1)
    for group in (women, ~women):
        pairs[group & known] /= np.median(pairs[group & known], axis=0)
    assert known.sum() >= 30
    if np.ptp(pairs[known, 1]) == 0:  # rho is undefined for constant values, which are uncorrelated
        return 0.0, 1.0
    result = spearmanr(*pairs[known].T)
    return float(result.statistic), float(result.pvalue)


def values(wave: np.ndarray, text: str) -> dict[str, float]:
    measured = prosody.measure(wave)
    rate = prosody.letters(text) / measured.seconds
    return {"pitch": measured.pitch, "range": measured.spread, "rate": rate, "loudness": measured.level}


def test_transferred_prosody_correlates_with_the_parent_and_flat_prosody_does_not(tmp_path, clips):
    rows, waves, spoken = clips
    women = np.array([row.gender == "F" for row in rows])
    parents = [values(*pair) for pair in zip(waves, spoken, strict=True)]
    results = {}
    for mode in ("transfer", "flat"):
        out = tmp_path / f"{mode}.npy"
        problems, facts = synthesise(rows, waves, spoken, spoken, out, prosody=mode, threads=2)
        assert not problems and facts["counts"]["ok"] == len(rows)
        children = [values(*pair) for pair in zip(store.Ragged.open(out), spoken, strict=True)]
        for field in parents[0]:
            pair = ([item[field] for item in items] for items in (parents, children))
            results[mode, field] = correlation(*pair, women)
            print(f"{mode:9} {field:9} rho {results[mode, field][0]:6.3f}  p {results[mode, field][1]:.1g}")
    for field, least in {"pitch": 0.75, "rate": 0.9, "loudness": 0.95, "range": 0.45}.items():
        rho, p = results["transfer", field]
        assert rho > least and p < 0.01, (field, rho, p)
        rho, p = results["flat", field]
        assert abs(rho) < 0.4 and p > 0.01, (field, rho, p)
