"""Translation along a chain of MarianMT models: en -> fr -> de -> en is three folders, loaded one after another.

Texts are split into sentences; tags such as [LAUGHTER] and pictographs keep their places and never reach a model. Each
distinct sentence is translated once, in batches of similar length, by beam search without sampling. Architecture:
Marian (Junczys-Dowmunt et al. 2018); intended weights: Helsinki-NLP/opus-mt (Tiedemann and Thottingal 2020).
"""

import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from emospace.core import batching, plugin, torchvision_shim
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision
from emospace.core.provenance import canonical, code_digest, read_json, versions, write_json
from emospace.speech.sentences import segments
from emospace.weights.record import REMEDY, Weights

PACKAGES = ("torch", "transformers", "sentencepiece", "sacremoses")

LEAST = 16  # tokens: no single character takes that many, so halving a piece always ends


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of translation; all are recorded and are part of the key of a cached batch.

    num_beams: 1 is greedy search. max_source: tokens of a piece; longer sentences are split. max_output: tokens of its
    translation. budget: tokens per batch, including padding, before beams. precision: fp32, bf16 or auto.
    """

    num_beams: Count = 4
    max_source: Annotated[int, Ge(LEAST)] = 160
    max_output: Count = 320
    budget: Count = 768
    precision: Precision = "fp32"

    def __post_init__(self):
        plugin.settings([Settings], asdict(self), "translation")


def translate(
    texts: Sequence[str], chain: Sequence[Weights], settings: Settings | None = None, cache: Path | None = None
) -> tuple[list[str], list[bool], dict]:
    """Translate texts through all models of `chain`; return (translations, which were truncated, facts for a sidecar).

    An empty text stays empty. cache: folder of finished batches; a killed job that is restarted with it resumes there.
    In fp32 a translation does not depend on the rest of its batch; in bf16 it may, so whole batches are cached.
    facts["models"] counts, for each model, its distinct pieces, the translations truncated at `max_output`, and the
    empty ones. Raises InputError for weights that are missing, damaged, random or out of order in the chain.
    """
    settings = settings or Settings()
    _check(chain)
    device = batching.device()
    precision = batching.precision(settings.precision, device)
    options = {**asdict(settings), "precision": precision, "device": device.type}
    facts: dict = {**options, "models": []}
    truncated = [False] * len(texts)
    for weights in chain:
        model = None  # free the previous model before the next is loaded
        model = Marian(weights, settings, device, precision)
        key = {"settings": options, "weights": weights.facts()["sha256"]}
        texts, new, counts = _translate_through(model, texts, Cache(cache, key))
        truncated = [before or now for before, now in zip(truncated, new, strict=True)]
        facts["models"].append({"name": weights.name, **counts})
    return list(texts), truncated, facts


def _check(chain: Sequence[Weights]) -> None:
    if not chain:
        raise InputError("option chain", "it is empty", "name at least one translator")
    for weights in chain:
        if weights.random:
            reason = f"a translator cannot have random weights ({weights.why})"
            raise InputError(weights.directory, reason, f"with network access, {REMEDY}")
    for first, second in pairwise(chain):
        target, source = _languages(first)[1], _languages(second)[0]
        if target and source and target != source:
            reason = f"it translates from {source!r}, but {first.name} before it translates into {target!r}"
            raise InputError(second.directory, reason, "correct the order of the chain in the config")


def _languages(weights: Weights) -> tuple[str | None, str | None]:
    """Return source and target language; None for one that the folder does not record."""
    path = weights.directory / "tokenizer_config.json"
    record = read_json(path) if path.is_file() else {}
    return record.get("source_lang"), record.get("target_lang")


def _check_files(weights: Weights) -> None:
    """Raise InputError for a missing file: the library would try the network for some of them."""
    for pattern in ("config.json", "source.spm", "target.spm", "vocab.json", "*.safetensors"):
        if not any(weights.directory.glob(pattern)):
            reason = f"this MarianMT model has no {pattern} (pickled weights are never opened)"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}")


class Cache:
    """Finished batches, one JSON file each, named by a digest of all inputs; without a folder, nothing is cached."""

    def __init__(self, folder: Path | None, key: dict):
        self.folder, self.key = folder, {**key, "code": code_digest(Path(__file__)), "versions": versions(*PACKAGES)}

    def get(self, batch: list[str], compute: Callable[[list[str]], list[tuple[str, bool]]]) -> list[tuple[str, bool]]:
        """Return the cached result of `compute(batch)`; compute and store it if it is missing or damaged."""
        if self.folder is None:
            return compute(batch)
        name = hashlib.sha256(canonical({**self.key, "batch": batch}).encode()).hexdigest()
        path = self.folder / f"{name}.json"
        try:
            results = [(str(text), bool(truncated)) for text, truncated in read_json(path)]
        except (InputError, ValueError, TypeError):
            results = []
        if len(results) != len(batch):
            results = compute(batch)
            write_json(path, results)
        return results


class BannedTokens:
    """Logits processor that sets the scores of banned tokens to -inf in place; scores: (rows, vocabulary)."""

    def __init__(self, device, tokens: list[int]):
        import torch

        self.tokens = torch.tensor(tokens, device=device)

    def __call__(self, input_ids, scores):
        return scores.index_fill_(1, self.tokens, float("-inf"))


class Marian:
    """A MarianMT model loaded from a folder: a list of pieces -> (translation, whether it was truncated) for each."""

    def __init__(self, weights: Weights, settings: Settings, device, precision: str):
        torchvision_shim.ensure()
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        _check_files(weights)
        folder, local = str(weights.directory), {"local_files_only": True}
        try:
            self.tokenizer = transformers.MarianTokenizer.from_pretrained(folder, **local)
            model, report = transformers.MarianMTModel.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **local
            )
        except Exception as error:  # the library raises many types for a damaged folder
            reason = f"cannot be loaded as a MarianMT model ({(str(error) or repr(error)).splitlines()[0]})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
        missing = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
        if missing:  # the library would initialise them at random, with only a warning
            reason = f"its file lacks {len(missing)} of the model's tensors ({missing[0]} ...)"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}")
        self.model, self.settings = model.eval().to(device), settings
        self._configure_search(weights)

    def _configure_search(self, weights: Weights) -> None:
        """Set beam search without sampling; the folder's own generation settings apply otherwise."""
        positions = self.model.config.max_position_embeddings
        needed = max(self.settings.max_source, self.settings.max_output)
        if needed > positions:
            reason = f"its model has {positions} positions, fewer than {needed}"
            raise InputError(weights.directory, reason, "lower max_source or max_output")
        self.search = copy.deepcopy(self.model.generation_config)
        self.search.update(num_beams=self.settings.num_beams, do_sample=False, max_length=None)
        self.search.update(max_new_tokens=self.settings.max_output)
        # For bad_words_ids (in opus-mt: the padding) the library adds a mask over the whole vocabulary at every step.
        # If they are single tokens, overwriting their scores is equivalent and cheaper.
        banned = [tokens for tokens in self.search.bad_words_ids or [] if tokens != [self.search.eos_token_id]]
        self.processors = []
        if banned and all(len(tokens) == 1 for tokens in banned):
            self.search.update(bad_words_ids=None)
            self.processors = [BannedTokens(self.model.device, [token for (token,) in banned])]

    def length(self, text: str) -> int:
        """Return the number of tokens of a text, including the end token."""
        return len(self.tokenizer(text, verbose=False).input_ids)

    def __call__(self, batch: list[str]) -> list[tuple[str, bool]]:
        import torch

        inputs = self.tokenizer(batch, return_tensors="pt", padding=True).to(self.model.device)
        with torch.inference_mode():
            tokens = self.model.generate(**inputs, generation_config=self.search, logits_processor=self.processors)
        tokens = tokens[:, 1:]  # without the start token
        pad = self.search.pad_token_id
        # The last token is forced to be the end token, so an output of full length counts as truncated.
        truncated = ((tokens != pad).sum(1) >= self.settings.max_output).tolist()
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [(" ".join(text.split()), cut) for text, cut in zip(texts, truncated, strict=True)]


def batches(sizes: dict[str, int], budget: int) -> Iterator[list[str]]:
    """Batch pieces of similar length, longest first; a batch has one piece or at most `budget` tokens with padding.

    sizes: piece -> number of tokens.
    """
    batch: list[str] = []
    for piece in sorted(sizes, key=lambda piece: (-sizes[piece], piece)):
        if batch and (len(batch) + 1) * sizes[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _translate_through(model: Marian, texts: Sequence[str], cache: Cache) -> tuple[list[str], list[bool], dict]:
    """Translate texts with one model; return (translations, which were truncated, counts for the sidecar)."""
    from tqdm import tqdm

    sizes: dict[str, int] = {}

    def fits(piece: str) -> bool:
        sizes[piece] = sizes.get(piece) or model.length(piece)
        return sizes[piece] <= model.settings.max_source

    parts = {text: list(segments(text, fits)) for text in dict.fromkeys(texts)}
    pending = {piece: sizes[piece] for pieces in parts.values() for piece, use in pieces if use}
    results: dict[str, tuple[str, bool]] = {}
    for batch in tqdm(list(batches(pending, model.settings.budget)), "translate", disable=None, unit="batch"):
        results.update(zip(batch, cache.get(batch, model), strict=True))
    joined = {t: "".join(results[piece][0] if use else piece for piece, use in pieces) for t, pieces in parts.items()}
    truncated = {t: any(use and results[piece][1] for piece, use in pieces) for t, pieces in parts.items()}
    counts = {"pieces": len(results), "cut": sum(cut for _, cut in results.values())}
    counts["empty"] = sum(not text for text, _ in results.values())
    return [" ".join(joined[text].split()) for text in texts], [truncated[text] for text in texts], counts
