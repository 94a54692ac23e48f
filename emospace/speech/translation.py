"""Translation along a chain of MarianMT models: en -> fr -> de -> en is three folders, loaded one after another.

A text is cut into sentences; tags such as [LAUGHTER] and pictographs stay where they are and never reach a model. What
is left is translated once per distinct sentence, in batches of like length, by beam search without sampling. Marian's
architecture: Junczys-Dowmunt et al. 2018; the weights meant: Helsinki-NLP/opus-mt (Tiedemann and Thottingal 2020).
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

LEAST = 16  # tokens: no single character takes that many, so that halving always ends


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to translate; all of it is recorded and part of the key of a cached batch.

    num_beams: 1 is greedy. max_source: tokens of a piece, longer sentences are cut in two. max_output: tokens of its
    translation. budget: tokens of a batch, padding counted, before the beams. precision: fp32, bf16 or auto.
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
    """Each text after all models of `chain`, whether any of it was cut off, and facts for a sidecar; "" stays "".

    cache: folder for finished batches: a job that was killed and is started again with the same one goes on there. In
    fp32 a translation does not depend on what else is in its batch; in bf16 it may, so whole batches are cached.
    facts["models"] says per model how many distinct pieces it took, how many translations were cut off at `max_output`
    and how many came out empty. Raises InputError where a folder is missing, damaged, random or out of place.
    """
    settings = settings or Settings()
    _check(chain)
    device = batching.device()
    number = batching.precision(settings.precision, device)
    options = {**asdict(settings), "precision": number, "device": device.type}
    facts: dict = {**options, "models": []}
    cut = [False] * len(texts)
    for weights in chain:
        model = None  # let go of the last one before the next is loaded
        model = Marian(weights, settings, device, number)
        key = {"settings": options, "weights": weights.facts()["sha256"]}
        texts, newly, counts = _through(model, texts, Cache(cache, key))
        cut = [before or now for before, now in zip(cut, newly, strict=True)]
        facts["models"].append({"name": weights.name, **counts})
    return list(texts), cut, facts


def _check(chain: Sequence[Weights]) -> None:
    if not chain:
        raise InputError("option chain", "it names no model", "name at least two languages")
    for weights in chain:
        if weights.random:
            reason = f"a translator cannot have random weights ({weights.why})"
            raise InputError(weights.directory, reason, f"where there is a network, {REMEDY}")
    for first, second in pairwise(chain):
        target, source = _languages(first)[1], _languages(second)[0]
        if target and source and target != source:
            reason = f"it translates from {source!r}, but {first.name} before it into {target!r}"
            raise InputError(second.directory, reason, "correct the order of the chain in the config")


def _languages(weights: Weights) -> tuple[str | None, str | None]:
    """Source and target language, as far as the folder says so."""
    path = weights.directory / "tokenizer_config.json"
    record = read_json(path) if path.is_file() else {}
    return record.get("source_lang"), record.get("target_lang")


def _complete(weights: Weights) -> None:
    """Raise InputError where a file is missing: the library would look for some of them on the network."""
    for wanted in ("config.json", "source.spm", "target.spm", "vocab.json", "*.safetensors"):
        if not any(weights.directory.glob(wanted)):
            reason = f"this MarianMT model has no {wanted} (weights in a pickle are never opened)"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}")


class Cache:
    """Finished batches, one JSON file each, named by all that they depend on; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None, key: dict):
        self.folder, self.key = folder, {**key, "code": code_digest(Path(__file__)), "versions": versions(*PACKAGES)}

    def get(self, batch: list[str], make: Callable[[list[str]], list[tuple[str, bool]]]) -> list[tuple[str, bool]]:
        """What `make(batch)` returns, or returned when it was last asked; a damaged file is made again."""
        if self.folder is None:
            return make(batch)
        name = hashlib.sha256(canonical({**self.key, "batch": batch}).encode()).hexdigest()
        path = self.folder / f"{name}.json"
        try:
            kept = [(str(text), bool(cut)) for text, cut in read_json(path)]
        except (InputError, ValueError, TypeError):
            kept = []
        if len(kept) != len(batch):
            kept = make(batch)
            write_json(path, kept)
        return kept


class Never:
    """A processor of the scores of a step, (rows, vocabulary) in place, after which these tokens cannot be chosen."""

    def __init__(self, device, tokens: list[int]):
        import torch

        self.tokens = torch.tensor(tokens, device=device)

    def __call__(self, input_ids, scores):
        return scores.index_fill_(1, self.tokens, float("-inf"))


class Marian:
    """One MarianMT model from a folder: a list of pieces -> (translation, was it cut off) of each, in order."""

    def __init__(self, weights: Weights, settings: Settings, device, precision: str):
        torchvision_shim.ensure()
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        number = torch.bfloat16 if precision == "bf16" else torch.float32
        _complete(weights)
        folder, local = str(weights.directory), {"local_files_only": True}
        try:
            self.tokenizer = transformers.MarianTokenizer.from_pretrained(folder, **local)
            model, report = transformers.MarianMTModel.from_pretrained(
                folder, dtype=number, use_safetensors=True, output_loading_info=True, **local
            )
        except Exception as error:  # the library raises whatever it likes at a damaged folder
            reason = f"not a MarianMT model that can be loaded ({(str(error) or repr(error)).splitlines()[0]})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
        lost = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
        if lost:  # the library would fill them at random, with a warning
            reason = f"its file lacks {len(lost)} of the model's tensors ({lost[0]} ...)"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}")
        self.model, self.settings = model.eval().to(device), settings
        self._limit(weights)

    def _limit(self, weights: Weights) -> None:
        """Search for `num_beams` best, never sampling; the folder's own settings hold for everything else."""
        room = self.model.config.max_position_embeddings
        wanted = max(self.settings.max_source, self.settings.max_output)
        if wanted > room:
            raise InputError(weights.directory, f"its model has {room} positions, not {wanted}", "lower max_output")
        self.search = copy.deepcopy(self.model.generation_config)
        self.search.update(num_beams=self.settings.num_beams, do_sample=False, max_length=None)
        self.search.update(max_new_tokens=self.settings.max_output)
        # What may never be said, in opus-mt the padding: the library adds a mask of the whole vocabulary to the scores
        # of every step. Where it is single tokens, it is the same to write into their scores.
        never = [tokens for tokens in self.search.bad_words_ids or [] if tokens != [self.search.eos_token_id]]
        self.processors = []
        if never and all(len(tokens) == 1 for tokens in never):
            self.search.update(bad_words_ids=None)
            self.processors = [Never(self.model.device, [token for (token,) in never])]

    def length(self, text: str) -> int:
        """Tokens of a text, its end included."""
        return len(self.tokenizer(text, verbose=False).input_ids)

    def __call__(self, batch: list[str]) -> list[tuple[str, bool]]:
        import torch

        inputs = self.tokenizer(batch, return_tensors="pt", padding=True).to(self.model.device)
        with torch.inference_mode():
            made = self.model.generate(**inputs, generation_config=self.search, logits_processor=self.processors)
        made = made[:, 1:]  # all begin with one start token
        pad = self.search.pad_token_id
        # The last token is forced to be the end, so what needed all the room was, as far as one can tell, cut off.
        cut = ((made != pad).sum(1) >= self.settings.max_output).tolist()
        texts = self.tokenizer.batch_decode(made, skip_special_tokens=True)
        return [(" ".join(text.split()), was_cut) for text, was_cut in zip(texts, cut, strict=True)]


def batches(sizes: dict[str, int], budget: int) -> Iterator[list[str]]:
    """Pieces (with their tokens) in batches of like length, longest first, of at most `budget` tokens or one piece."""
    batch: list[str] = []
    for piece in sorted(sizes, key=lambda piece: (-sizes[piece], piece)):
        if batch and (len(batch) + 1) * sizes[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _through(model: Marian, texts: Sequence[str], cache: Cache) -> tuple[list[str], list[bool], dict]:
    """All texts through one model, which of them lost their end, and what to tell of it."""
    from tqdm import tqdm

    sizes: dict[str, int] = {}

    def fits(piece: str) -> bool:
        sizes[piece] = sizes.get(piece) or model.length(piece)
        return sizes[piece] <= model.settings.max_source

    parts = {text: list(segments(text, fits)) for text in dict.fromkeys(texts)}
    wanted = {piece: sizes[piece] for pieces in parts.values() for piece, use in pieces if use}
    made: dict[str, tuple[str, bool]] = {}
    for batch in tqdm(list(batches(wanted, model.settings.budget)), "translate", disable=None, unit="batch"):
        made.update(zip(batch, cache.get(batch, model), strict=True))
    joined = {t: "".join(made[piece][0] if use else piece for piece, use in pieces) for t, pieces in parts.items()}
    lost = {t: any(use and made[piece][1] for piece, use in pieces) for t, pieces in parts.items()}
    counts = {"pieces": len(made), "cut": sum(cut for _, cut in made.values())}
    counts["empty"] = sum(not text for text, _ in made.values())
    return [" ".join(joined[text].split()) for text in texts], [lost[text] for text in texts], counts
