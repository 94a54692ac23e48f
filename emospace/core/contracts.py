"""The contracts of plug-ins: one typing.Protocol per kind, satisfied by each module in the folder of that kind.

`plugin.find` checks a module against its Protocol when a run is planned. docs/contracts.md is generated from these
docstrings.

Attributes with a default and functions marked `@optional` may be left out: `plugin.find` then adds the default.
A function takes the positional arguments listed and any of the keyword arguments listed; the workflow passes those that
the signature names. A function that takes options may add keyword-only arguments of its own, which a config can set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from emospace.core.steps import Step

if TYPE_CHECKING:  # an edit of these modules must not invalidate plug-ins that do not use them
    import numpy as np
    from numpy.typing import NDArray

    from emospace.core.data import Fold, Output, Rows, Trained
    from emospace.core.manifest import Problem, Utterance
    from emospace.evaluation.measures import Answers
    from emospace.evaluation.trained_run import Run
    from emospace.report.results import Results
    from emospace.weights.record import Weights

# docs/contracts.md prints the text below each alias.
Environment: TypeAlias = Literal["media", "encode", "train", "report"]
"""Environment of a job: the file in envs/ that lists its packages."""
JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
"""A value that a sidecar can hold: no NaN, no infinity, no numpy types."""
Word: TypeAlias = tuple[str, float, float]
"""A word with its start and end, in seconds from the start of the utterance."""
Item: TypeAlias = "NDArray[np.int16] | list[bytes] | str | list[Word] | Sized"
"""A view's data for one utterance, of kind "audio", "frames", "text" or "words", or of a kind of your own."""
Scores: TypeAlias = dict[str, float | str | None]
"""Scores of a copy: a number or None for each of COLUMNS, and `reason`, a str; no other keys."""
Side: TypeAlias = Literal["train", "dev", "test", ""]
"""Side of a fold that a row is on; "" for none."""
Sides: TypeAlias = Side | Sequence[Side]
"""Side of a row, or several if it is on more than one side or appears more than once."""
Statistics: TypeAlias = "NDArray[np.float64]"
"""Statistics of rows, (N, S), or sums of them, (..., S). S does not depend on the rows. Finite."""
Values: TypeAlias = "NDArray[np.float64]"
"""One value per vector of sums, (...), between LOWEST and HIGHEST, or NaN where undefined."""
EVERY = -1
"""Group of a raw file that every part of a corpus reads."""


def optional(function: Callable) -> Callable:
    """Mark a contract function that a plug-in may leave out; the workflow then uses the body given here."""
    function.optional = True
    return function


def configured(function: Callable) -> Callable:
    """Mark a contract function that takes options from the config, as keyword-only arguments of its own."""
    function.configured = True
    return function


class Corpus(Protocol):
    """A reader of one corpus: turns the published files into rows of the manifest.

    Folder: emospace/corpora. Config: `corpora: <name>: {root: ..., parts: ...}`; `reader` selects another module.

    - CODES: each label code of the corpus -> its English name.
    - LICENCE, CITATION: as the publisher states them.
    - PUBLIC: may files derived from the corpus be shared?
    - NOTE: a caveat for reports.
    """

    CODES: dict[str, str]
    LICENCE: str
    PUBLIC: bool
    CITATION: str
    NOTE: str = ""

    def group(self, path: str) -> int | None:
        """Return the group number of a file from its relative path alone (IEMOCAP: session - 1); None ignores the file.

        A part of the corpus holds the groups that are congruent modulo `parts`. No dialogue or recording may span two
        groups; a speaker should not, unless most dialogues share theirs. EVERY (-1) marks a file that every part reads.
        """
        ...

    @configured
    def index(
        self, root: Path, files: Sequence[str], *, part: int, parts: int
    ) -> tuple[list[Utterance], list[Problem]]:
        """Return the rows of whole groups and the problems met. `files` are the groups' files, relative to `root`.

        Report a bad file as a Problem; never raise for it. Leave `part` empty in every row. part, parts: index of this
        part and number of parts, for a reader with groups that have no files.
        """
        ...

    @optional
    @configured
    def grouping(self, root: Path, **options) -> Callable[[str], int | None] | None:
        """Return a replacement for `group` if paths alone do not determine the group; otherwise None.

        Takes the options of `index`. The corpus may be absent. Called once per plan, and once in each job that reads
        the corpus.
        """
        return None

    @optional
    @configured
    def about(self, root: Path, **options) -> dict[str, JSON]:
        """Return values that replace attributes, where they depend on the corpus files or on the options of `index`.

        Keys: codes, licence, public, citation, note. Omit codes if the corpus is absent.
        """
        return {}

    @optional
    @configured
    def expected(self, rows: Sequence[Utterance], **options) -> list[Problem]:
        """Compare the whole corpus with the counts in its publication. Takes the options of `index`."""
        return []

    @optional
    def words(self, root: Path, rows: Sequence[Utterance]) -> list[list[Word] | None]:
        """Return the words of each row with start and end, in seconds from the start of the utterance; None if unknown.

        Return published data only (a forced alignment, say), never an estimate. The view `words` serves them.
        """
        return [None] * len(rows)


class View(Protocol):
    """A view: one rendition of one modality, one item per row of the manifest.

    Folder: emospace/views. Config: `views: <name>: {<options of extract>}`; `view` selects another module, so one
    module can serve several views (`audio_22k: {view: audio, sample_rate: 22050}`). A view is extracted only if a
    feature or a run reads it.

    - KIND: the kind of item, by which encoders and models recognise it: a word of your own or one of the built-in
      kinds. The built-in kinds and their items are "audio": samples, int16 (T,); "frames": JPEGs in temporal order,
      list[bytes]; "text": str; "words": (word, start, end) in temporal order, seconds from the start of the utterance.
    - SUFFIX: suffix of the main file; ".npy" stands for a store of two files, written by emospace.core.store.write and
      read by store.Ragged.open.
    - MEDIUM: the medium that `extract` decodes; if a media file of a part changes, that part is extracted again.
    - ENVIRONMENT: the file in envs/ that lists the packages of `extract`.
    - PACKAGES: distributions whose versions the sidecar records.

    An option annotated `emospace.core.option_types.NamedWeights` (or `Chain`) names entries of `weights:`; `extract`
    receives them as `Weights`. An option annotated `NamedView` names another view; `extract` receives the path of its
    file.
    """

    KIND: str
    SUFFIX: Literal[".npy", ".csv", ".zip"]
    MEDIUM: Literal["audio", "video", ""] = ""
    ENVIRONMENT: Environment = "media"
    PACKAGES: Sequence[str] = ()

    @configured
    def extract(
        self, rows: Sequence[Utterance], root: Path, out: Path, *, threads: int
    ) -> tuple[list[Problem], dict[str, JSON]]:
        """Write `out` with one item per row, in order; return the problems met and facts for the sidecar.

        root: folder of the corpus. A row without the modality gets an empty item and a problem that gives the reason.
        The workflow adds `rows` and `missing` to the facts; a view of KIND "audio" must add `sample_rate`, Hz. The
        function may also take `seed` and `words`, the path of a table of the output of `Corpus.words` for these rows.
        """
        ...

    def read(self, path: Path, rows: Sequence[Utterance]) -> Iterable[Item]:
        """Yield the items of such a file in order; an item of length zero for a row without the modality."""
        ...

    @optional
    def leaky(self, **options) -> bool:
        """Do the items reveal labels, given these options of `extract`? The config must then declare the view leaky."""
        return False

    @optional
    def check_source(self, kind: str, **options) -> None:
        """Raise InputError unless a view of this kind, extracted with these options, can serve as a NamedView."""


class AugmentedView(Protocol):
    """An augmented view: a modified copy of each item of another view, used in training only.

    Folder: emospace/views. Config: `views: <name>: {<options of augment>}`, `gate: <name>: {<options of score>}`, and
    in `features` an entry `<name>.<encoder>` for each `<PARENT>.<encoder>` that its runs read, with the same options. A
    run lists the view under `augment` and reads the parent's features as before. Copies join the train rows of a fold
    if they pass the gate: `score` and, if PROBE is set, a probe trained on the fold's train rows that checks whether a
    copy still carries its parent's label.

    - PARENT: the view whose items are copied; its KIND and SUFFIX apply.
    - PROBE: train that probe?
    - COLUMNS: names of the scores.
    - GPU: does `augment` use a GPU if there is one?
    - ENVIRONMENT, PACKAGES: as for a view. Options may name weights as those of a view do.
    - STEPS: separate jobs before or after `augment` (emospace.core.steps.Step), by name; `augment` and `score` receive
      the file of each step that is named like one of their keyword-only arguments.
    - BLOCK: the key of the view's block that holds the options of `augment`, if steps keep theirs under other keys.
    - SIDES: captions of parent and copy in the report's examples.
    - WORDS: for sound, the steps that transcribe parent and copy for these examples.
    """

    PARENT: str
    PROBE: bool = True
    COLUMNS: Sequence[str]
    ENVIRONMENT: Environment = "media"
    PACKAGES: Sequence[str] = ()
    GPU: bool = False
    STEPS: Mapping[str, Step] = {}
    BLOCK: str = ""
    WORDS: Sequence[str] = ()
    SIDES: tuple[str, str] = ("Original", "Copy")

    @configured
    def augment(
        self, rows: Sequence[Utterance], parent: Path, out: Path, *, seed: int, threads: int
    ) -> tuple[list[Problem], dict[str, JSON]]:
        """Write `out`, row by row like `parent`; return the problems met and facts for the sidecar.

        A row without a copy gets an empty item. The parent's `read` reads both files. Sound has the `sample_rate` of
        its parent unless the facts give another. If the function takes `cache`, it receives a folder that survives a
        killed job and is removed when the job finishes.
        """
        ...

    @configured
    def score(self, rows: Sequence[Utterance], parent: Path, child: Path) -> list[Scores]:
        """Return the scores (COLUMNS) of each row and `reason`, which is empty if training may use the copy.

        If the function takes `features`, it receives two stores of the view's first feature: (parents, copies). A score
        that cannot be computed is None.
        """
        ...

    @optional
    def check_source(self, kind: str, **options) -> None:
        """Raise InputError unless a parent of this kind, extracted with these options, can be copied."""


class Encoder(Protocol):
    """An encoder: turns the items of a view into features.

    Folder: emospace/features/encoders. Config: `features: <view>.<name>: {<options of load>}`; `encoder` selects
    another module. An encoder receives whole items, not single frames, and has one output. Several outputs of one
    network are several features, selected by an option.

    - VIEWS: the kinds of view that it accepts (`View.KIND`).
    - HOLDS: what the features are ("cepstral", "embedding", ...); the sidecar records it, and models look it up there.
    - WEIGHTS: are pretrained weights required (`weights:` of the feature)?
    - GPU: does it use a GPU if there is one?
    - RATE: the only sample rate that it accepts, Hz. By default any rate if `load` takes `rate`, otherwise 16 000.
    - ENVIRONMENT: the file in envs/ that lists its packages.
    - PACKAGES: distributions whose versions the sidecar records.
    - EXTRAS: optional packages that it needs (requirements-extra.txt) -> restrictions of their licence, "" if it is
      open source. Planning refuses a feature whose packages are not installed, and prints the restrictions.

    An option annotated `emospace.core.option_types.File` names a file or folder outside the workflow; if its content
    changes, the features are computed again. No option may share its name with a key of the feature's block: encoder,
    weights, select, by, leaky.
    """

    VIEWS: Sequence[str]
    HOLDS: str = "embedding"
    WEIGHTS: bool = False
    GPU: bool = False
    RATE: int | None = None
    ENVIRONMENT: Environment = "encode"
    PACKAGES: Sequence[str] = ()
    EXTRAS: Mapping[str, str] = {}

    @configured
    def load(
        self, *, view: str, rate: int | None, weights: Weights | None, known: Collection[str], threads: int
    ) -> LoadedEncoder:
        """Return the encoder, ready to be called. Import heavy packages inside this function.

        view: the kind of view. rate: its sample rate from the view's sidecar, Hz; None unless the view is sound.
        weights: those that the feature names. known: ids of all utterances of the config's corpora. threads: number of
        threads to use; PyTorch is already set to it. Import librosa with `emospace.core.librosa_import.import_librosa`:
        jobs that compile its functions at the same time can crash later ones.
        """
        ...


class LoadedEncoder(Protocol):
    """The return value of an encoder's `load`: a function, or a callable object with attributes.

    batch: rows per call, 64 by default. facts: JSON for the sidecar, {} by default. If the states of several layers
    stand side by side, facts["layers"] lists the layers: D = layers x width, layer by layer. Models find their number
    in `Fold.about`.
    """

    batch: int = 64
    facts: Mapping[str, Any] = {}

    def __call__(self, items: Sequence[Item], utterances: Sequence[str]) -> Sequence[NDArray[np.floating]]:
        """Return the features of each item, in order: float (T_i, D), one width D, finite. (0, D) is a missing row.

        utterances: ids of the items. Items of length zero are never passed; their rows are missing.
        """
        ...


class Model(Protocol):
    """A model: learns from the train rows of a fold, selects on dev rows, and can be applied to any rows.

    Folder: emospace/models. Config: `runs: <name>: {model: <module>, inputs: [...], <options of train>}`. A list under
    `protocol` stands for a run on each of several protocols (docs/protocols.md).

    - INPUTS: the inputs that it reads: "feature" (Ragged stores), "view" (the items of a view, as its `read` returns
      them), "run" (the outputs of another run of the same protocol, fold and seed, which makes this model a second
      stage) or "weights" (the trained model of such a run, from which training starts). `run:<name>` is that run's
      probabilities; `run:<name>.embeddings` and `run:<name>.<extra>` are its other outputs; `run:<name>.weights` is its
      model, in `Fold.parents`. `apply` receives no such model: the state of this one must contain what it needs.
    - DETERMINISTIC: the seed has no effect.
    - GPU: it uses a GPU if there is one.
    - SUBSETS: `apply` accepts rows with any subset of the inputs missing.
    - EMBEDDINGS: `apply` returns embeddings, which other runs may read.
    - DEV_CHILDREN: in training, dev rows too have a child for each augmented view of the run, whatever its gate says,
      so that the history can show scores of copies. They are no train rows, and the predictions of the run have none.
    - LEARNS: it uses train rows. If so, the runs that it reads are applied to their own train rows, that is to rows
      that they were trained on; sidecars and metrics say so. With `crossfit: 3` on such a run, each third of the train
      speakers is predicted by a model trained on the others. If LEARNS is false, `run:` inputs of train rows are
      missing.
    - WEIGHTS: are pretrained weights required (`weights:` of the run)?
    - FITS_ON_TEST: training sees the inputs of test rows; such a run must be declared `leaky: true`.
    - PACKAGES: distributions whose versions the sidecar records.

    An option of `train` annotated `emospace.core.option_types.File` names a file outside the workflow; if its content
    changes, the run is trained again. `apply` cannot read it: store what it needs in the state.
    """

    INPUTS: Sequence[Literal["feature", "view", "run", "weights"]] = ("feature",)
    DETERMINISTIC: bool = False
    GPU: bool = False
    SUBSETS: bool = False
    EMBEDDINGS: bool = False
    DEV_CHILDREN: bool = False
    WEIGHTS: bool = False
    LEARNS: bool = True
    FITS_ON_TEST: bool = False
    PACKAGES: Sequence[str] = ()

    @configured
    def train(self, fold: Fold, *, seed: int, checkpoint: Path, weights: Weights | None, device: str) -> Trained:
        """Train on fold.train and select on fold.dev. The labels of test rows are hidden.

        A protocol may leave dev, test or both empty (`without`); a model must train all the same. Without dev rows
        training.fit keeps the last epoch and linear_probe takes its first candidate; a dev score is then NaN in the
        history and None in the facts.

        checkpoint: a folder for the state of a long training, empty or left by an earlier attempt at the same job that
        was killed. device: "cpu" or "cuda". Raises InputError on data that cannot be used.
        """
        ...

    def apply(self, trained: Trained, rows: Rows, *, weights: Weights | None, device: str) -> Output:
        """Return the trained model's outputs for any rows, from their inputs alone; `rows` may have length 0.

        trained: as returned by `train` or restored from disk, always without history and checkpoints. rows: without
        labels, from any side. The presence and width of an optional output must not depend on the rows. On the CPU,
        the same rows give bit-identical outputs.
        """
        ...

    @optional
    def extras(self, **options) -> Sequence[str]:
        """Return the names of the ragged arrays in `Output.extras`, given the options of `train` with defaults."""
        return ()

    @optional
    def checkpoints(self, **options) -> Sequence[str]:
        """Return the names of the states in `Trained.checkpoints`, given the options of `train` with defaults."""
        return ()


class Split(Protocol):
    """A split: assigns each row to train, dev or test in each fold.

    Folder: emospace/protocols/splits. Config: `protocols: <name>: {split: <module>, folds: ..., <options of split>}`.

    - FOLDS: default number of folds.
    - LEAKY: speakers cross sides by design; the protocol must be declared `leaky: true`.
    - COVERS: every row is a test row in exactly one fold.
    - SHARES_DIALOGUES: pairs of sides that may share dialogues by design; train is in none of them.
    - FILES: options that name files, whose content is part of the recipe.
    """

    FOLDS: int = 5
    LEAKY: bool = False
    COVERS: bool = False
    SHARES_DIALOGUES: Sequence[tuple[str, str]] = ()
    FILES: Sequence[str] = ()

    @configured
    def split(
        self, rows: Sequence[Utterance], folds: int, *, seed: int, known: Collection[str]
    ) -> list[Sequence[Sides]]:
        """Return for each fold the side of each row, in order: "train", "dev", "test", or "" for none.

        A side may also be a sequence: ("train", "train") trains on the row twice; ("train", "test") is a leak, which
        the protocol must declare. `label` of a row is its class. known: ids of all rows of the corpora, including those
        that the protocol leaves out.
        """
        ...

    @optional
    def check(self, folds: int, sides: Sequence[str], **options) -> None:
        """Raise InputError at planning time for options that fail for any rows. sides: those that must have rows."""


class Metric(Protocol):
    """A metric: a function of sums over rows, so one definition serves both a table and thousands of resamples.

    Folder: emospace/evaluation/metrics. Config: `metrics: [<name>, ...]`. The module's name is the column name in
    summary.csv.

    - TITLE: heading in tables.
    - PERCENT: do tables print it as a percentage?
    - LOWEST, HIGHEST: its range; values outside are rejected.
    - LOWER_IS_BETTER: true for an error.
    - NEEDS: the predictions required: "labels", one dimension, or "dimensions" for all three. If a run does not predict
      them, or no test row is rated, the cell stays empty and the reason is reported.
    """

    TITLE: str
    PERCENT: bool = True
    LOWEST: float = 0.0
    HIGHEST: float = 1.0
    LOWER_IS_BETTER: bool = False
    NEEDS: Literal["labels", "dimensions", "valence", "arousal", "dominance"] = "labels"

    def statistics(self, truth: Answers, predicted: Answers) -> Statistics:
        """Return additive statistics of each row, float64 (N, S), finite: its cell of a confusion matrix, say.

        truth, predicted: emospace.evaluation.measures.Answers with label, int64 (N,); probabilities, float64 (N, C),
        one-hot in the truth; and dimensions, float64 (N, 3): valence, arousal, dominance, NaN in the truth if unknown.
        S must not depend on the rows. A row without information is all zeros; include a statistic that counts the rest.
        """
        ...

    def value(self, sums: Statistics) -> Values:
        """Return the metric for sums of those statistics, (..., S) -> (...); NaN where undefined.

        Sums may be fractional because resamples weight clusters.
        """
        ...


class Section(Protocol):
    """A section of the report.

    Folder: emospace/report/sections. Config: `sections: [<name>, ...]`; by default all sections, sorted by ORDER.

    - TITLE: heading.
    - ORDER: position, lowest first; the built-in sections use 10, 20, ...
    - TEMPLATE: Jinja2 source, rendered with the mapping that `gather` returns; all output is escaped. A long template
      may be a file `<name>.html` next to the module instead. Macros: emospace/report/macros.html; filters:
      emospace/report/page.py.
    """

    TITLE: str
    ORDER: int
    TEMPLATE: str = ""

    def gather(self, results: Results) -> dict[str, Any] | None:
        """Return the template's variables; None omits the section. results: emospace.report.results.Results.

        `results` gives access to everything that the config produced: summary, metrics, records, predictions, audits,
        rows, features, analyses, config and more. A section reads nothing else.
        """
        ...


class Analysis(Protocol):
    """An analysis: a table, figure, video or other output derived from a trained run.

    Folder: emospace/analyses. Config: `analyses: <name>: {runs: [...], <options of analyse>}`; `analysis` selects
    another module. Without `runs`, it covers every run that it suits. Each run gets one job, which writes to
    results/<config>/analyses/<run>/<name>. If `analyse` takes an option `columns` (run -> heading), planning adds each
    of the `runs` that it lacks, with the title of the run's protocol; to an option `systems` (run -> name), it adds the
    entry of the config that stands for the run.

    An option annotated `emospace.core.option_types.NamedView` names a view; `Run.items` returns its items. One
    annotated `NamedRuns` names other runs to read beside each analysed run, in `Run.others`; not with JOINT.

    - OUTPUTS: names of the files that it writes. The report links them and shows pictures (.svg, .png) and tables
      (.csv), unless a section of the same name presents them.
    - DEFAULT: does it run even if the config does not name it? (`analyses: <name>: {runs: []}` turns it off.)
    - JOINT: does one job analyse all its runs together? It writes to results/<config>/analyses/_joint/<name>.
    - GPU: does it use a GPU if there is one?
    - ENVIRONMENT: the file in envs/ that lists its packages.
    - PACKAGES: distributions whose versions the sidecar records.
    """

    OUTPUTS: Sequence[str]
    DEFAULT: bool = False
    JOINT: bool = False
    GPU: bool = False
    ENVIRONMENT: Environment = "train"
    PACKAGES: Sequence[str] = ()

    @configured
    def analyse(self, run: Run, out: Path, *, seed: int) -> dict[str, JSON]:
        """Write OUTPUTS into the empty folder `out`; return facts for the sidecar.

        run: emospace.evaluation.trained_run.Run, with classes, folds, seeds, the truth and predictions of the test
        rows, the rows of each fold, `apply`, which applies the stored models to any rows, and `items` of views. With
        JOINT, a list of runs in the order of the config, without `rows`, `apply` and `items`.
        """
        ...

    @optional
    def suits(self, model: ModuleType, inputs: Sequence[str]) -> bool:
        """Can it analyse a run of this model (its module) with these inputs? Called at planning time."""
        return True

    @optional
    def check_others(self, run: Mapping[str, JSON], others: Sequence[Mapping[str, JSON]]) -> None:
        """Raise InputError(option, reason, remedy) if the runs that options name cannot be read beside an analysed run.

        Called at planning time for each analysed run, if there are such runs. Keys of a run: `name`, `model`,
        `protocol`, `inputs` and `seeds`, as in the config, completed.
        """
