"""LSTM classifiers of Sahu 2019 (arXiv 1904.06022) on acoustic features, words of the text, or both.

With a feature, the LSTM reads one vector per utterance (scaled features, and TF-IDF if there is a text) as a sequence
of one step. With a text alone, it reads the embedded words; the embeddings are trained, from a random start or from
given vectors.
"""

import copy
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, File, Natural, Positive, Share
from emospace.core.store import Ragged
from emospace.models import _table

if TYPE_CHECKING:
    import torch

INPUTS = ("feature", "view")
GPU = True
PACKAGES = ("numpy", "scikit-learn")
PAD, UNKNOWN = 0, 1  # indices of padding and of words outside the vocabulary
SCORED = 1024  # rows per batch at inference


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    fit_on: Literal["train", "train_and_dev"] = "train",
    copies: dict[str, Count] = {},  # noqa: B006, never changed
    min_df: Count = 5,
    layers: Count = 2,
    hidden: Count = 50,
    bidirectional: bool = False,
    embedding: Count = 200,
    vectors: File = "",
    words: Count = 20,
    dropout: Share = 0.0,
    softmax_twice: bool = False,
    lr: Positive = 0.01,
    batch: Count = 1567,
    epochs: Count = 200,
    patience: Natural = 50,
) -> Trained:
    """Train with Adam and keep the epoch with the best accuracy on dev.

    fit_on, copies, min_df: as in light_weight. layers, hidden, bidirectional, dropout: of the LSTM. embedding: size of
    the word embeddings. vectors: a text file of word vectors (GloVe), from which they start and take their size; words
    that it lacks start at random. words: number of words read per text. softmax_twice: the published loss, which takes
    probabilities as logits. batch: rows per step, or all if there are fewer. Raises InputError for unusable data.
    """
    import torch
    from torch.nn import functional

    from emospace.models import _classifier
    from emospace.training.loop import fit

    torch.manual_seed(seed)
    rows = fold.train.take(_table.repeated(fold, copies))
    sides = [rows, fold.dev] if fit_on == "train_and_dev" else [rows]
    table = _vocabulary(sides, min_df) if _reads_words(rows) else _table.fit(sides, min_df)
    architecture = {"layers": layers, "hidden": hidden, "bidirectional": bidirectional, "dropout": dropout}
    architecture |= {"classes": len(fold.classes), "embedding": embedding, "size": _size(table)}
    start = _start(vectors, table) if vectors else {}
    architecture["embedding"] = len(next(iter(start.values()))) if start else embedding
    network = _network(architecture, "idf" not in table and "low" not in table)
    _begin(network, start)
    network.to(device)
    inputs, labels = _tensor(table, rows, words).to(device), torch.from_numpy(rows.label).to(device)
    held = _tensor(table, fold.dev, words).to(device) if len(fold.dev) else None

    def losses(numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        numbers = numbers.to(device)
        logits = network(inputs[numbers])
        return {"emotion": functional.cross_entropy(logits.softmax(1) if softmax_twice else logits, labels[numbers])}

    def score(candidate) -> dict[str, float]:
        if held is None:
            return {"dev_accuracy": float("nan")}
        return {"dev_accuracy": float((_probabilities(candidate, held).argmax(1) == fold.dev.label).mean())}

    schedule = _classifier.Pace(epochs, patience, batch, lr).schedule(len(rows))
    state = fit(network, copy.deepcopy(network).eval(), len(rows), losses, score, schedule, checkpoint)
    facts = {"words": words, "architecture": architecture} | _classifier.facts(network, state)
    facts |= {"words_with_vectors": len(start)} if vectors else {}
    stored = {f"network.{name}": value.cpu().numpy() for name, value in state.best.items()}
    return Trained(
        stored | {f"table.{name}": value for name, value in table.items()}, fold.classes, state.history, facts
    )


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities of the rows."""
    import torch

    if not len(rows):
        return Output(np.zeros((0, len(trained.classes)), np.float32))
    table, weights = (_table.part(prefix, trained.state) for prefix in ("table", "network"))
    network = _network(trained.facts["architecture"], "idf" not in table and "low" not in table)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    inputs = _tensor(table, rows, trained.facts["words"]).to(device)
    return Output(_probabilities(network.to(device).eval(), inputs))


def _reads_words(rows: Rows) -> bool:
    return not any(isinstance(items, Ragged) for items in rows.inputs.values())


def _vocabulary(sides: list[Rows], min_df: int) -> dict[str, np.ndarray]:
    """Words that occur in at least `min_df` texts, most frequent first. Raises InputError if there are none."""
    counts = Counter(word for rows in sides for text in _table.texts(rows) for word in set(text.split()))
    kept = [word for word, count in counts.most_common() if count >= min_df]
    if not kept:
        reason = f"no word occurs in {min_df} train texts" if counts else "no train row has a text"
        raise InputError(_table.WHERE, reason, "lower `min_df`, or read a feature")
    return _table.encoded(kept)


def _start(vectors: str, table: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
    """Row of the embeddings -> vector, for the words of the vocabulary that the file has."""
    from emospace.models import _word_vectors

    if "low" in table or "idf" in table:
        reason = "word vectors were given, but a run with a feature does not read words"
        raise InputError("option vectors", reason, "leave out `vectors`, or the feature")
    known = {word: i for i, word in enumerate(_table.vocabulary(table), 2)}
    return {known[word]: vector for word, vector in _word_vectors.read(Path(vectors), known).items()}


def _begin(network, start: dict[int, np.ndarray]) -> None:
    """Set rows of the word embeddings."""
    import torch

    with torch.no_grad():
        for row, vector in start.items():
            network.embedding.weight[row] = torch.from_numpy(vector)


def _size(table: dict[str, np.ndarray]) -> int:
    """Width of the vectors, or size of the vocabulary."""
    terms = len(_table.vocabulary(table)) if "terms" in table else 0
    return terms + len(table.get("low", ()))


def _tensor(table: dict[str, np.ndarray], rows: Rows, words: int) -> "torch.Tensor":
    """Vectors float32 (N, D), or word indices int64 (N, words)."""
    import torch

    if "low" in table or "idf" in table:
        return torch.from_numpy(_table.dense(_table.matrix(table, rows)))
    number = {word: i for i, word in enumerate(_table.vocabulary(table), 2)}
    values = np.full((len(rows), words), PAD)
    for i, text in enumerate(_table.texts(rows)):
        found = [number.get(word, UNKNOWN) for word in text.split()[:words]]
        values[i, : len(found)] = found
    return torch.from_numpy(values)


def _network(architecture: dict, of_words: bool):
    from emospace.models._lstm import VectorLstm, WordLstm

    return (WordLstm if of_words else VectorLstm)(**architecture)


def _probabilities(network, inputs: "torch.Tensor") -> np.ndarray:
    import torch

    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part).softmax(1) for part in inputs.split(SCORED)]).float().cpu().numpy()
