"""What a gated fusion attends to: a table of all test rows, the distribution of the gate, figures and a video.

The figures show the share of each modality, the probabilities, the acoustic attention over the waveform with borders
of words, the same as a strip of grey, and the lexical attention as a heat map of words. In the video, the attention
moves with the sound. Acoustic steps are evenly spaced over the recording.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.option_types import Count, NamedView
from emospace.runs.run_files import read_outputs

OUTPUTS = ("samples.csv", "gates.svg", "bars.svg", "sound.png", "strip.png", "words.svg", "attention.mp4")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib", "av")
EXTRAS = ("gate", "acoustic_attention", "lexical_attention")
BEFORE = ("utterance", "fold", "seed", "truth", "predicted")
AFTER = ("gate", "words", "starts", "ends", "lexical_attention", "acoustic_attention")


@dataclass(frozen=True)
class Sample:
    """A test row in one training.

    gate: share of the acoustic side, the mean over its dimensions; None for a row without any input. words: (word,
    start, end), seconds. lexical: weights of [CLS] and of each word that the encoder read. acoustic: weights of steps.
    """

    utterance: str
    fold: str
    seed: int
    truth: int
    probabilities: np.ndarray
    gate: float | None
    words: list[tuple[str, float, float]]
    lexical: np.ndarray
    acoustic: np.ndarray

    @property
    def predicted(self) -> int:
        return int(self.probabilities.argmax())

    def by_word(self, seconds: float) -> np.ndarray:
        """Acoustic weight during each word (W,): the sum over the steps within its times. seconds: of the recording."""
        times = (np.arange(len(self.acoustic)) + 0.5) / max(1, len(self.acoustic)) * seconds
        return np.array([self.acoustic[(times >= start) & (times < end)].sum() for _, start, end in self.words])


def suits(model, inputs) -> bool:
    """Whether the model fuses sound and words."""
    return model.__name__.endswith(".blstm_fusion")


def analyse(
    run,
    out: Path,
    *,
    seed: int,
    audio: NamedView = "audio",
    words: NamedView = "words",
    utterances: tuple[str, ...] = (),
    samples: Count = 1,
) -> dict:
    """Write the table, the figures and the video; return the mean gate by class.

    audio, words: the views of the features. utterances: test rows to show, the first also in the video; by default of
    each class the `samples` rows with sound and words that get the highest probability. Raises InputError for a run
    without a gate, words that are not those of the feature, an utterance that cannot be shown, or no encoder of video.
    """
    from emospace.analyses import _attention_figures, _attention_video

    waves, rate, spoken = run.items(audio), run.sample_rate(audio), run.items(words)
    table = [sample for training in run.trainings for sample in _samples(run, training, spoken)]
    seconds = {sample.utterance: len(waves[sample.utterance]) / rate for sample in table}
    lines = [_line(run.classes, sample, seconds[sample.utterance]) for sample in table]
    records.write(out / OUTPUTS[0], [*BEFORE, *(f"p_{name}" for name in run.classes), *AFTER], lines)
    shown = _chosen(run, table, utterances, samples)
    pictured = [(sample, np.asarray(waves[sample.utterance])) for sample in shown]
    _attention_figures.draw(run.classes, table, pictured, rate, out)
    _attention_video.write(out / OUTPUTS[-1], run.classes, *pictured[0], rate)
    return {"gate": _gates(run.classes, table), "utterances": [sample.utterance for sample in shown]}


def _samples(run, training, spoken: dict) -> list[Sample]:
    """The test rows of a training, in the order of its fold."""
    try:
        stored = read_outputs(training.folder, run.classes, ["", *EXTRAS])
    except InputError as error:
        raise InputError(run.name, "it has no gate and attention", "set `fusion: gated`, or leave it out") from error
    places, samples = run.places(training), []
    for place in places:
        name = run.truth.rows[place].utterance
        line = stored.index["test", name]
        gate, acoustic, lexical = (stored.values[extra][line] for extra in EXTRAS)
        heard = list(spoken[name])[: max(0, len(lexical) - 1)]
        if len(heard) != max(0, len(lexical) - 1):
            reason = f"{name!r} has {len(heard)} words, but the model read {len(lexical) - 1}"
            raise InputError(run.name, reason, "set the option `words` to the view of the feature")
        values = stored.values[""][line], float(gate.mean()) if len(gate) else None
        label = int(run.truth.label[place])
        samples.append(Sample(name, training.fold, training.seed, label, *values, heard, lexical[:, 0], acoustic[:, 0]))
    return samples


def _line(classes: list[str], sample: Sample, seconds: float) -> dict:
    line = {"utterance": sample.utterance, "fold": sample.fold, "seed": sample.seed}
    line |= {"truth": classes[sample.truth], "predicted": classes[sample.predicted]}
    line |= {f"p_{name}": f"{value:.4f}" for name, value in zip(classes, sample.probabilities, strict=True)}
    columns = [list(column) for column in zip(*sample.words, strict=True)] or [[], [], []]
    values = [columns[0], *([f"{t:.3f}" for t in times] for times in columns[1:])]
    values += [[f"{weight:.4f}" for weight in weights] for weights in (sample.lexical, sample.by_word(seconds))]
    gate = "" if sample.gate is None else f"{sample.gate:.4f}"
    return line | {"gate": gate} | {name: " ".join(cells) for name, cells in zip(AFTER[1:], values, strict=True)}


def _chosen(run, table: list[Sample], utterances: tuple[str, ...], count: int) -> list[Sample]:
    """The samples to show. Raises InputError for one that is no test row, or that lacks sound or words."""
    complete = {s.utterance: s for s in reversed(table) if len(s.words) and len(s.acoustic)}
    if wrong := [name for name in utterances if name not in complete]:
        known = any(sample.utterance == wrong[0] for sample in table)
        reason = f"the utterance {wrong[0]!r} has no {'sound or words' if known else 'test row'}"
        raise InputError(f"{run.name}: utterances", reason, "name other utterances, or none")
    if utterances:
        return [complete[name] for name in utterances]
    by_class = [[s for s in complete.values() if s.truth == k] for k in range(len(run.classes))]
    ranked = [sorted(rows, key=lambda s: (-s.probabilities[s.truth], s.utterance))[:count] for rows in by_class]
    if not any(ranked):
        raise InputError(run.name, "no test row has both sound and words", "leave it out of the runs of this analysis")
    return [sample for rows in ranked for sample in rows]


def _gates(classes: list[str], table: list[Sample]) -> dict[str, float]:
    """Mean gate over all rows and over the rows of each class that has any."""
    groups = {"all": table} | {name: [s for s in table if s.truth == k] for k, name in enumerate(classes)}
    values = {name: [s.gate for s in rows if s.gate is not None] for name, rows in groups.items()}
    return {name: round(float(np.mean(gates)), 4) for name, gates in values.items() if gates}
