"""The contracts of plug-ins: one typing.Protocol per kind, which a module of that kind's folder satisfies.

`plugin.find` holds a module to its Protocol when a run is planned, and docs/contracts.md is made from these docstrings.
An attribute with a value, and a function marked `@optional`, may be left out: `plugin.find` then adds what stands here.
A function takes the positional arguments named here, of the keyword arguments those that it needs (the workflow
supplies them by name), and, where it takes options, any keyword-only arguments of its own: a config may set them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from emospace.core.steps import Step

if TYPE_CHECKING:  # so that an edit of these modules changes no plug-in that does not use them
    import numpy as np
    from numpy.typing import NDArray

    from emospace.core.data import Fold, Output, Rows, Trained
    from emospace.core.manifest import Problem, Utterance
    from emospace.evaluation.measures import Answers
    from emospace.evaluation.trained_run import Run
    from emospace.report.results import Results
    from emospace.weights.record import Weights

# What stands below each of these is on the page, too.
Environment: TypeAlias = Literal["media", "encode", "train", "report"]
"""The file of envs/ that has the packages of a job."""
JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
"""What a sidecar can hold; no NaN, no infinity, no numpy."""
Word: TypeAlias = tuple[str, float, float]
"""A word, its start and its end: seconds from the start of the utterance."""
Item: TypeAlias = "NDArray[np.int16] | list[bytes] | str | list[Word] | Sized"
"""What a view holds of one utterance: of the kinds "audio", "frames", "text", "words", or of a kind of your own."""
Scores: TypeAlias = dict[str, float | str | None]
"""Of a copy: a number or None for each of COLUMNS, and `reason`, a str; no other key."""
Side: TypeAlias = Literal["train", "dev", "test", ""]
"""Where a row stands in a fold; "" for nowhere."""
Sides: TypeAlias = Side | Sequence[Side]
"""Where a row stands, if on more than one side or more than once."""
Statistics: TypeAlias = "NDArray[np.float64]"
"""Of rows, (N, S), or sums of them, (..., S); S is the same whatever the rows are. Finite."""
Values: TypeAlias = "NDArray[np.float64]"
"""A value for each vector of sums, (...); between LOWEST and HIGHEST, or NaN where it is not defined."""
EVERY = -1
"""Group of a raw file that every part of a corpus reads."""


def optional(function: Callable) -> Callable:
    """Mark a function of a contract that a plug-in may leave out; its body is what the workflow uses instead."""
    function.optional = True
    return function


def configured(function: Callable) -> Callable:
    """Mark a function of a contract that takes options of the config, as keyword-only arguments of its own."""
    function.configured = True
    return function


class Corpus(Protocol):
    """A reader of one corpus: from the files as published to rows of the manifest.

    Folder: emospace/corpora. Config: `corpora: <name>: {root: ..., parts: ...}`; `reader` names another module.

    CODES: every label code of the corpus -> its English name. LICENCE, CITATION: as the publisher states them.
    PUBLIC: may others get what is made from it? NOTE: a caution for reports.
    """

    CODES: dict[str, str]
    LICENCE: str
    PUBLIC: bool
    CITATION: str
    NOTE: str = ""

    def group(self, path: str) -> int | None:
        """Number of the group of a file, from its relative path alone (IEMOCAP: session - 1), or None to ignore it.

        A part of the corpus holds the groups that are equal modulo `parts`. No speaker, dialogue or recording may
        span two groups. EVERY (-1) is the group of a file that every part reads.
        """
        ...

    @configured
    def index(
        self, root: Path, files: Sequence[str], *, part: int, parts: int
    ) -> tuple[list[Utterance], list[Problem]]:
        """Rows of whole groups, whose relative `files` are given, and what is wrong with them.

        One bad file is a Problem, never an exception. Rows leave `part` empty. part: number of the part of so many
        `parts`, for a reader that knows of groups without files.
        """
        ...

    @optional
    @configured
    def grouping(self, root: Path, **options) -> Callable[[str], int | None] | None:
        """What stands for `group` where paths alone do not tell: a function that knows the corpus; None if they do.

        Takes the options of `index`. The corpus need not be there. Called once a plan, and once in each job that reads
        the corpus.
        """
        return None

    @optional
    @configured
    def about(self, root: Path, **options) -> dict[str, JSON]:
        """What replaces an attribute because the corpus or the options of `index` tell it.

        Keys are codes, licence, public, citation and note. A corpus that is not there has no codes.
        """
        return {}

    @optional
    @configured
    def expected(self, rows: Sequence[Utterance], **options) -> list[Problem]:
        """Compare the whole corpus with what its publication counts; takes the options of `index`."""
        return []

    @optional
    def words(self, root: Path, rows: Sequence[Utterance]) -> list[list[Word] | None]:
        """For each row its words with start and end, seconds from the start of the utterance; None where unknown.

        What the corpus publishes (a forced alignment, say), never an estimate. The view `words` hands it on.
        """
        return [None] * len(rows)


class View(Protocol):
    """A view: one rendition of one modality, one item per row of the manifest.

    Folder: emospace/views. Config: `views: <name>: {<options of extract>}`; `view` names another module, so that one
    module can serve several views (`audio_22k: {view: audio, sample_rate: 22050}`). A view is extracted only if a
    feature or a run reads it.

    KIND: what encoders and models know its items by: a word of your own, or one of those that are shipped. Their items
    are: "audio", samples, int16 (T,); "frames", JPEGs in order of time, list[bytes]; "text", str; "words", (word,
    start, end) in order, seconds from the start of the utterance.
    SUFFIX: of its main file; ".npy" is a store, two files: emospace.core.store.write makes them, store.Ragged.open
    reads them. MEDIUM: the media that `extract` decodes; a change of one extracts its part again. ENVIRONMENT: the file
    of envs/ that has its packages. PACKAGES: distributions whose versions the sidecar records.

    An option annotated `emospace.core.option_types.NamedWeights` (or `Chain`) names entries of `weights:`; `extract`
    gets them as `Weights`. One annotated `NamedView` names another view, and `extract` gets the file of that view.
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
        """Write the file `out` with an item for each row, in order; (problems met, facts for the sidecar).

        root: the corpus. A row without the modality gets an empty item, and a problem that says why. The
        workflow adds `rows` and `missing` to the facts; those of a view of KIND "audio" hold `sample_rate`, Hz. Of
        further keyword arguments it may ask for `seed`, and for `words`: a table of what `Corpus.words` tells of these
        rows.
        """
        ...

    def read(self, path: Path, rows: Sequence[Utterance]) -> Iterable[Item]:
        """The items of such a file, in order; of a row without the modality one of length zero."""
        ...

    @optional
    def leaky(self, **options) -> bool:
        """Do items tell of labels, made with these options of `extract`? What reads such a view must be declared."""
        return False

    @optional
    def check_source(self, kind: str, **options) -> None:
        """Raise InputError unless a view of that kind, made with these options, will do for a NamedView."""


class AugmentedView(Protocol):
    """An augmented view: a changed copy of each item of another view, for training alone.

    Folder: emospace/views. Config: `views: <name>: {<options of augment>}`, `gate: <name>: {<options of score>}`, and
    in `features` a line `<name>.<encoder>` for each `<PARENT>.<encoder>` that its runs read, with the same options. A
    run lists the view under `augment` and reads the parent's features as before. Copies join the train rows of a fold
    if they pass the gate, that is `score` and, where PROBE is set, a probe which is trained on the fold's train rows
    and tells whether a copy still carries its parent's label.

    PARENT: the view whose items it copies, and whose KIND and SUFFIX it has. PROBE: see above. COLUMNS: of the scores.
    GPU: does `augment` use one where there is one? ENVIRONMENT, PACKAGES: as of a view, whose options may name weights
    in the same way.

    STEPS: jobs of their own before or after `augment` (emospace.core.steps.Step), by name; `augment` and `score` get
    the file of a step whose name is one of their keyword-only arguments. BLOCK: the key of the view's block that holds
    the options of `augment`, where steps have theirs in others. For examples in the report, SIDES: what parent and copy
    are called; WORDS: of sound, the steps that hold what is said in them.
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
        """Write `out`, like `parent` row by row; (problems met, facts for the sidecar). No copy is an empty item.

        `read` of the parent's view reads both. Sound has the `sample_rate` of its parent unless the facts tell another.
        cache, if it asks for it: a folder that outlives a killed job, and is removed when the job is done.
        """
        ...

    @configured
    def score(self, rows: Sequence[Utterance], parent: Path, child: Path) -> list[Scores]:
        """For each row its scores (COLUMNS) and `reason`, empty if the copy may be learnt from.

        features, if it asks for them: (store of the parents', of the copies') of the view's first feature. A score that
        cannot be told is None.
        """
        ...

    @optional
    def check_source(self, kind: str, **options) -> None:
        """Raise InputError unless a parent of that kind, made with these options of its `extract`, can be copied."""


class Encoder(Protocol):
    """An encoder: items of a view -> features.

    Folder: emospace/features/encoders. Config: `features: <view>.<name>: {<options of load>}`; `encoder` names another
    module. An encoder sees whole items, not frames, and has one output; several outputs of one network are several
    features (an option says which).

    VIEWS: the kinds of view that it takes (`View.KIND`). HOLDS: what its features are ("cepstral", "embedding", ...);
    the sidecar says so, and models look it up there. WEIGHTS: does it need pretrained weights (`weights:` of the
    feature)? RATE: the only rate of sound that it takes, Hz; by default whatever `load` is told, or 16 000 where it
    does not ask for `rate`. ENVIRONMENT: the file of envs/ that has its packages. PACKAGES: distributions whose
    versions the sidecar records.

    An option annotated `emospace.core.option_types.File` names a file or folder outside the workflow; a change of it
    makes the features anew. No option may be called like a key of the feature's block: encoder, weights, select, by.
    """

    VIEWS: Sequence[str]
    HOLDS: str = "embedding"
    WEIGHTS: bool = False
    RATE: int | None = None
    ENVIRONMENT: Environment = "encode"
    PACKAGES: Sequence[str] = ()

    @configured
    def load(
        self, *, view: str, rate: int | None, weights: Weights | None, known: Collection[str], threads: int
    ) -> LoadedEncoder:
        """The encoder, ready to be called. Imports of heavy packages belong in here.

        view: the kind of view. rate: of its sound, Hz, as the view's sidecar says; None of other views. weights: those
        that the feature names. known: ids of all utterances of the config's corpora. threads: how many to use; PyTorch
        has been told already.
        """
        ...


class LoadedEncoder(Protocol):
    """What `load` of an encoder returns: a function, or an object with attributes beside.

    batch: rows per call, 64 by default. facts: for the sidecar, JSON; {} by default.
    """

    batch: int = 64
    facts: Mapping[str, Any] = {}

    def __call__(self, items: Sequence[Item], utterances: Sequence[str]) -> Sequence[NDArray[np.floating]]:
        """Features of each item, in order: float (T_i, D), all of one width D, finite. (0, D) is a missing row.

        utterances: ids of the items. Items of length zero never come here; their rows are missing.
        """
        ...


class Model(Protocol):
    """A model: learns from the train rows of a fold, chooses on dev, and can be applied to any rows.

    Folder: emospace/models. Config: `runs: <name>: {model: <module>, inputs: [...], <options of train>}`.

    INPUTS: what it reads: "feature" (Ragged stores), "view" (the items of a view, as its own `read` gives them) or
    "run" (the outputs of another run of the same protocol, fold and seed, so this one is a second stage; with
    `run:<name>` its probabilities, with `run:<name>.embeddings` or `run:<name>.<extra>` those). DETERMINISTIC: the seed
    changes nothing. GPU: it uses one where there is one. SUBSETS: `apply` copes with rows whose inputs are missing in
    part, whatever part that is. EMBEDDINGS: `apply` gives embeddings, which other runs may then read. LEARNS: it looks
    at train rows. If so, the runs that it reads are applied to their own train rows: to rows that they have learnt
    from, which sidecars and metrics say, or with `crossfit: 3` of such a run to each third of the train speakers by a
    model that has learnt from the others. Without, `run:` inputs of train rows are missing. WEIGHTS: does it need
    pretrained weights (`weights:` of the run)? FITS_ON_TEST: fitting sees the inputs of test rows; such a run must be
    declared `leaky: true`. PACKAGES: distributions whose versions the sidecar records.
    """

    INPUTS: Sequence[Literal["feature", "view", "run"]] = ("feature",)
    DETERMINISTIC: bool = False
    GPU: bool = False
    SUBSETS: bool = False
    EMBEDDINGS: bool = False
    WEIGHTS: bool = False
    LEARNS: bool = True
    FITS_ON_TEST: bool = False
    PACKAGES: Sequence[str] = ()

    @configured
    def train(self, fold: Fold, *, seed: int, checkpoint: Path, weights: Weights | None, device: str) -> Trained:
        """Learn from fold.train, choose on fold.dev; test rows have no labels here.

        A protocol may leave dev, test or both empty (`without`); a model trains all the same. Without dev rows there is
        nothing to watch: training.fit keeps the last epoch, and linear_probe takes its first candidate. A score on dev
        is then NaN in the history and None in the facts.

        checkpoint: a folder in which a long training keeps its state; it is empty, or of the same job when that was
        killed. device: "cpu" or "cuda". Raises InputError on data that cannot be used.
        """
        ...

    def apply(self, trained: Trained, rows: Rows, *, weights: Weights | None, device: str) -> Output:
        """What the trained model says of any rows, from their inputs alone; `rows` may be of length 0.

        trained: as `train` returned it, or read from what was stored of it; never with history or checkpoints. rows:
        without labels, whatever side they are of. What is not None, and its width, is alike for all rows. On the CPU
        the same rows get the same output to the bit.
        """
        ...

    @optional
    def extras(self, **options) -> Sequence[str]:
        """Names of the ragged arrays in `Output.extras`, given the options of `train` with their defaults."""
        return ()

    @optional
    def checkpoints(self, **options) -> Sequence[str]:
        """Names of the states in `Trained.checkpoints`, given the options of `train` with their defaults."""
        return ()


class Split(Protocol):
    """A split: which row is train, dev or test in which fold.

    Folder: emospace/protocols/splits. Config: `protocols: <name>: {split: <module>, folds: ..., <options of split>}`.

    FOLDS: number of folds by default. LEAKY: speakers cross sides by design; a protocol must say `leaky: true`.
    COVERS: over the folds every row is test just once. SHARES_DIALOGUES: pairs of sides that may share dialogues by
    definition, never with train. FILES: options that name files; their content counts as an option does.
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
        """For each fold the side of each row, in order: "train", "dev", "test", or "" for none.

        Or a sequence of sides: ("train", "train") trains on the row twice; ("train", "test") is a leak, which the
        protocol must declare. `label` of a row is its class. known: ids of all rows of the corpora, with those that the
        protocol leaves out.
        """
        ...

    @optional
    def check(self, folds: int, sides: Sequence[str], **options) -> None:
        """Raise InputError, when planned, for what cannot work whatever the rows are. sides: that may not be empty."""


class Metric(Protocol):
    """A metric: a function of sums over rows, so that one definition serves a table and thousands of resamples.

    Folder: emospace/evaluation/metrics. Config: `metrics: [<name>, ...]`. The module's name is the column's in
    summary.csv.

    TITLE: as tables print it. PERCENT: is it a share, which tables print as percent? LOWEST, HIGHEST: its range; a
    value outside is refused. LOWER_IS_BETTER: as of an error. NEEDS: what a run has to predict for it: "labels",
    one of the dimensions, or "dimensions" for all three. Where a run does not predict it, or no tested row is rated,
    the cell stays empty and the reason is told.
    """

    TITLE: str
    PERCENT: bool = True
    LOWEST: float = 0.0
    HIGHEST: float = 1.0
    LOWER_IS_BETTER: bool = False
    NEEDS: Literal["labels", "dimensions", "valence", "arousal", "dominance"] = "labels"

    def statistics(self, truth: Answers, predicted: Answers) -> Statistics:
        """Statistics of each row that add up over rows, float64 (N, S), finite: the cell of a confusion matrix, say.

        truth, predicted: emospace.evaluation.measures.Answers, with label int64 (N,), probabilities float64 (N, C; of
        the truth 1 for its class) and dimensions float64 (N, 3: valence, arousal, dominance; of the truth NaN where
        unknown). S does not depend on the rows. A row that tells nothing is zeros; so one statistic has to count the
        others.
        """
        ...

    def value(self, sums: Statistics) -> Values:
        """The metric of sums of those statistics, (..., S) -> (...); NaN where it is not defined.

        Sums may be fractions: resamples weigh clusters.
        """
        ...


class Section(Protocol):
    """A section of the report.

    Folder: emospace/report/sections. Config: `sections: [<name>, ...]`; by default all of them, by ORDER.

    TITLE: its heading. ORDER: its place, lower first; those that are shipped have 10, 20, ... TEMPLATE: Jinja2, to
    which what `gather` returns is given; whatever it prints is escaped. A long template may lie in a file beside the
    module, `<name>.html`, instead. Macros: emospace/report/macros.html; filters: emospace/report/page.py.
    """

    TITLE: str
    ORDER: int
    TEMPLATE: str = ""

    def gather(self, results: Results) -> dict[str, Any] | None:
        """What the template shows; None leaves the section out. results: emospace.report.results.Results.

        `results` knows all that the config made: summary, metrics, records, predictions, audits, rows, features,
        analyses, config and more. A section reads nothing else.
        """
        ...


class Analysis(Protocol):
    """An analysis: something made from a trained run, such as a table, a figure or a video.

    Folder: emospace/analyses. Config: `analyses: <name>: {runs: [...], <options of analyse>}`; `analysis` names another
    module. Without `runs` it is made of every run that it suits. One job per run; its files lie in
    results/<config>/analyses/<run>/<name>.

    OUTPUTS: names of the files that it writes. The report links them, and shows pictures (.svg, .png) and tables
    (.csv), unless a section of the same name shows them in its own way. DEFAULT: is it made although the config does
    not name it? (`analyses: <name>: {runs: []}` says no.)
    ENVIRONMENT: the file of envs/ that has its packages. PACKAGES: distributions whose versions the sidecar records.
    """

    OUTPUTS: Sequence[str]
    DEFAULT: bool = False
    GPU: bool = False
    ENVIRONMENT: Environment = "train"
    PACKAGES: Sequence[str] = ()

    @configured
    def analyse(self, run: Run, out: Path, *, seed: int) -> dict[str, JSON]:
        """Write OUTPUTS into the folder `out`, which is empty; facts for the sidecar, JSON.

        run: emospace.evaluation.trained_run.Run: classes, folds, seeds, truth and predictions of the test rows, the
        rows of each fold, and `apply`, which asks the stored models about any rows.
        """
        ...

    @optional
    def suits(self, model: ModuleType, inputs: Sequence[str]) -> bool:
        """Can it be made of a run with this model (its module) that reads these inputs? Asked when planned."""
        return True
