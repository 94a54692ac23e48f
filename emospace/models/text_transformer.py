"""A pretrained transformer for text (BERT or a variant), fine-tuned for classification.

The run's `weights` names the network. The extra `hidden` is the last hidden state of the first token; early_fusion
reads it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.core import torchvision_shim
from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, NotNegative, Positive
from emospace.weights.record import REMEDY, Weights

if TYPE_CHECKING:
    import torch

INPUTS = ("view",)
GPU = True
WEIGHTS = True
PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")


def extras(**options) -> list[str]:
    """Name of the last hidden state of the first token, one step per row; early_fusion reads it."""
    return ["hidden"]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    weights: Weights,
    device: str = "cpu",
    longest: Count = 64,
    lr: Positive = 2e-5,
    weight_decay: NotNegative = 0.01,
    batch: Count = 16,
    epochs: Count = 5,
    patience: Natural = 5,
) -> Trained:
    """Train all layers with AdamW; keep the epoch with the best accuracy on dev.

    longest: number of tokens read per text. batch: rows per step, or all if there are fewer. Raises InputError if no
    train row has a text, and for weights that are not a text network.
    """
    import torch

    from emospace.models import _classifier

    torch.manual_seed(seed)
    if not any(text.strip() for text in _texts(fold.train)):
        raise InputError("input text", "no train row has a text", "see data/quality, or leave out the runs of texts")
    rows = _classifier.usable(fold.train, "text_transformer")
    tokenizer, network = _loaded(weights, len(fold.classes))
    pace = _classifier.Pace(epochs, patience, batch, lr, weight_decay, "adamw")
    stored, state, facts = _classifier.trained(
        network, lambda side: _tokens(side, tokenizer, longest), fold, rows, pace, checkpoint, device
    )
    facts |= {"network": type(network.network).__name__, "longest": longest}
    return Trained(stored, fold.classes, state.history, facts)


def apply(trained: Trained, rows: Rows, *, weights: Weights, device: str = "cpu") -> Output:
    """Class probabilities, and the last hidden state of the first token, zero without a text."""
    from emospace.models import _classifier

    tokenizer, network = _loaded(weights, len(trained.classes))
    width, longest = network.network.config.hidden_size, trained.facts["longest"]
    return _classifier.applied(
        network, lambda side: _tokens(side, tokenizer, longest), trained.state, rows, width, device
    )


def _loaded(weights: Weights, classes: int):
    """Load tokenizer and network, with a new last layer. Folder code never runs; weights are .safetensors only."""
    if weights.random:
        raise InputError(weights.directory, f"a vocabulary cannot be random ({weights.why})", REMEDY)
    torchvision_shim.ensure()
    import transformers

    from emospace.models._transformer import Classifier

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # silences the warning about the new last layer
    folder, local = str(weights.directory), {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        network = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=classes, use_safetensors=True, **local
        )
    except Exception as error:  # the libraries raise many exception types for a damaged folder
        reason = f"cannot be loaded by transformers ({(str(error) or repr(error)).strip().splitlines()[0]})"
        raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
    return tokenizer, Classifier(network, tokenizer.pad_token_id)


def _texts(rows: Rows) -> list[str]:
    return [" ".join(texts) for texts in zip(*rows.inputs.values(), strict=True)]


def _tokens(rows: Rows, tokenizer, longest: int) -> "torch.Tensor":
    """Token ids, int64 (N, longest)."""
    import torch

    encoded = tokenizer(_texts(rows), truncation=True, max_length=longest, padding="max_length")
    return torch.from_numpy(np.array(encoded["input_ids"], np.int64))
