"""One vector per utterance from features and texts: scaled features, then TF-IDF (Sahu 2019, arXiv 1904.06022).

A fitted table is a dict of arrays, so a model can store it in its state.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    Matrix = np.ndarray | csr_array
State = dict[str, np.ndarray]
WHERE = "input text"


def cleaned(text: str) -> str:
    """Lower-case the text and remove accents; any run of characters other than letters and `.!?` becomes one space."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text.lower().strip()) if unicodedata.category(c) != "Mn")
    return re.sub(r"[^a-z.!?]+", " ", re.sub(r"([.!?])", r" \1", letters))


def fit(sides: Sequence[Rows], min_df: int) -> State:
    """Fit the scaler and the TF-IDF weights on the rows of these sides.

    Features are scaled to [0, 1]; a constant one becomes 0. min_df: minimum number of texts that contain a term. Raises
    InputError if a feature has no value in any row, or no term remains.
    """
    state: State = {}
    if _names(sides[0], Ragged):
        values = np.concatenate([_features(rows) for rows in sides])
        _refuse_missing(sides[0], values)
        state["low"], high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        state["range"] = np.where(high > state["low"], high - state["low"], 1)
        state["mean"] = np.nanmean(values, axis=0)
    if _names(sides[0], list):
        state |= _fit_terms([text for rows in sides for text in texts(rows)], min_df)
    return state


def matrix(state: State, rows: Rows) -> "Matrix":
    """Vectors of the rows, float64 (N, D + V): dense without texts, else sparse. A missing feature takes its mean."""
    features = scaled(state, rows) if "low" in state else None
    if "terms" not in state:
        return features
    from scipy.sparse import csr_array, hstack

    terms = csr_array(_vectoriser(state).transform(texts(rows))) if len(rows) else csr_array((0, len(state["idf"])))
    return terms if features is None else csr_array(hstack([csr_array(features), terms]))


def repeated(fold: Fold, copies: Mapping[str, int]) -> np.ndarray:
    """Indices of train rows, each repeated as `copies` says for its class. Raises InputError for an unknown class."""
    if unknown := copies.keys() - set(fold.classes):
        known = ", ".join(fold.classes)
        raise InputError("option copies", f"{min(unknown)!r} is not a class", f"the classes are {known}")
    times = np.array([copies.get(name, 1) for name in fold.classes])
    return np.repeat(np.arange(len(fold.train)), times[fold.train.label])


def scaled(state: State, rows: Rows) -> np.ndarray:
    """Scaled features of the rows, float64 (N, D). Raises InputError if their width differs from the fitted rows'."""
    values = _features(rows)
    if values.shape[1] != len(state["low"]):
        names = ", ".join(_names(rows, Ragged))
        reason = f"it has {values.shape[1]} columns, but the model was trained on {len(state['low'])}"
        raise InputError(f"input {names}", reason, "give it the features that the run was trained on")
    return (np.where(np.isnan(values), state["mean"], values) - state["low"]) / state["range"]


def columns(state: State, fold: Fold) -> list[str]:
    """Names of the columns: feature names from the encoder, otherwise `<input>[<number>]`, then terms."""
    names = []
    for name in _names(fold.train, Ragged):
        width = int(np.prod(fold.train.inputs[name].values.shape[1:]))
        names += fold.about.get(name, {}).get("columns", [f"{name}[{i}]" for i in range(width)])
    return names + (vocabulary(state) if "terms" in state else [])


def encoded(terms: Sequence[str]) -> State:
    """Encode terms as an array, which a state can store."""
    return {"terms": np.frombuffer("\n".join(terms).encode("utf-8"), np.uint8)}


def vocabulary(state: State) -> list[str]:
    """Terms in the order of their columns."""
    return state["terms"].tobytes().decode("utf-8").split("\n")


def dense(x: "Matrix") -> np.ndarray:
    """The table as float32, (N, D)."""
    return np.asarray(x.toarray() if hasattr(x, "toarray") else x, np.float32)


def part(prefix: str, state: State) -> State:
    """The arrays `<prefix>.<name>` of a state, by name."""
    return {name.removeprefix(f"{prefix}."): value for name, value in state.items() if name.startswith(f"{prefix}.")}


def _names(rows: Rows, kind: type) -> list[str]:
    return [name for name, items in rows.inputs.items() if isinstance(items, kind)]


def _features(rows: Rows) -> np.ndarray:
    """All features, averaged over their steps: float64 (N, D), NaN where a feature is missing."""
    blocks = []
    for name in _names(rows, Ragged):
        store = rows.inputs[name]
        width = int(np.prod(store.values.shape[1:]))
        block = np.full((len(rows), width), np.nan)
        for i, row in enumerate(store):
            if len(row):
                block[i] = np.asarray(row, np.float64).reshape(len(row), -1).mean(axis=0)
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _refuse_missing(rows: Rows, values: np.ndarray) -> None:
    if not values.shape[1] or np.isnan(values).all(axis=0).any():
        names = ", ".join(_names(rows, Ragged))
        raise InputError(f"input {names}", "no train row has one of these features", "see data/quality")


def texts(rows: Rows) -> list[str]:
    """Cleaned text of each row, with all text inputs joined."""
    names = _names(rows, list)
    if strange := [name for name in names for item in rows.inputs[name] if not isinstance(item, str)]:
        raise InputError(f"input {strange[0]}", "its items are not texts", "list a view of texts, or a feature")
    return [cleaned(" ".join(items)) for items in zip(*(rows.inputs[name] for name in names), strict=True)]


def _fit_terms(texts: Sequence[str], min_df: int) -> State:
    if not any(text.strip() for text in texts):
        raise InputError(WHERE, "no train row has a text", "see data/quality, or train without texts")
    vectoriser = _unfitted(min_df=min_df)
    try:
        vectoriser.fit(texts)
    except ValueError as error:  # scikit-learn: "empty vocabulary", "no terms remain"
        reason = (
            f"no term of the {len(texts)} train texts is left: stop words and terms of fewer than {min_df} texts go"
        )
        raise InputError(WHERE, reason, "lower `min_df`, or train without texts") from error
    return encoded(vectoriser.get_feature_names_out()) | {"idf": vectoriser.idf_}


def _unfitted(**options) -> "TfidfVectorizer":
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, norm="l2", ngram_range=(1, 2), stop_words="english", **options)


def _vectoriser(state: State) -> "TfidfVectorizer":
    vectoriser = _unfitted(vocabulary=vocabulary(state))
    vectoriser.idf_ = state["idf"]
    return vectoriser
