"""A toy translator: a small MarianMT, trained with its tokenizer on a CSV of sentence pairs until it knows them.

It stands in for no published model. It says what its pairs say and babbles at anything else, which is enough to run
back-translation for real on texts that are known beforehand.
"""

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from emospace.core import records, torchvision_shim
from emospace.core.errors import InputError
from emospace.core.provenance import sha256 as digest_of

WIDTH, HEADS, LAYERS, HIDDEN = 128, 4, 2, 256  # LAYERS each in encoder and decoder
POSITIONS = 512  # tokens; of fixed sinusoids, so they cost nothing to learn
PIECES = 1000  # of the vocabulary that both languages share, at most
BATCH, RATE, WARM = 16, 3e-3, 60  # pairs per step, step size, steps until it is reached; from then on it falls
ROUNDS = 200  # through all pairs, at most
SURE = 0.3  # nats: each translation as a whole has a probability of exp(-0.3) = 0.74, so that no other comes near it


def train(target: Path, *, pairs: str, sha256: str = "") -> None:
    """Write the folder of a MarianMT model into `target`. Equal pairs give equal bytes on one machine.

    pairs: CSV of two columns, named by the codes of their languages: a sentence and its translation. sha256: of the
    file that was planned with. Raises InputError for another file, or one that cannot be learnt.
    """
    if sha256 and digest_of(Path(pairs)) != sha256:
        raise InputError(pairs, "the file changed while the workflow was running", "start the workflow again")
    languages, sentences = read(Path(pairs))
    torchvision_shim.ensure()
    import torch

    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = _tokenizer(target, languages, sentences)
        model = _model(len(tokenizer), tokenizer)
        if not _learnt(model, tokenizer, sentences):
            reason = f"its {len(sentences)} pairs were not learnt in {ROUNDS} rounds"
            raise InputError(pairs, reason, "take fewer and shorter sentences: this is a toy")
    model.save_pretrained(target)


def read(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The codes of both languages, and the pairs. Raises InputError where there are none or they contradict."""
    table = records.read(path, remedy="save it as CSV in UTF-8")
    languages = [name for name in table[0] if name] if table else []
    if len(languages) != 2:
        remedy = "its header names two languages, as in en,fr; each line has a sentence and its translation"
        raise InputError(path, f"it has the columns {languages}" if table else "it holds no pairs", remedy)
    known: dict[str, str] = {}
    for number, line in enumerate(table, 2):
        pair = list(line.values())
        if len(pair) != 2 or not all(text and text.strip() for text in pair):
            raise InputError(path, f"line {number} is not a pair of two sentences", "quote a sentence with commas")
        if known.setdefault(*pair) != pair[1]:
            raise InputError(path, f"line {number} translates {pair[0]!r} a second time", "keep one translation")
    return languages, list(known.items())


def pinned(entry: dict) -> dict:
    """An entry of the config's `weights`; if it is trained on pairs, with the digest of these. Raises InputError."""
    if entry.get("source") != "pairs":
        return entry
    if not Path(entry["pairs"]).is_file():
        raise InputError(entry["pairs"], "there is no such file", "correct `pairs` of these weights")
    return entry | {"sha256": digest_of(Path(entry["pairs"]))}


def languages(entry: dict) -> tuple[str | None, str | None]:
    """Source and target language of a translator, as far as its entry of the config's `weights` says them."""
    if entry.get("source") == "pairs":
        return tuple(read(Path(pinned(entry)["pairs"]))[0])
    return entry.get("source_lang"), entry.get("target_lang")


def described(pairs: str) -> str:
    """What is to be said of such a model wherever it is named."""
    return f"trained on the {len(read(Path(pairs))[1])} sentence pairs of {pairs}: a toy, not a published model"


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """More threads add up in another order, so that not even the same machine would give the same bytes."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _tokenizer(folder: Path, languages: list[str], sentences: list[tuple[str, str]]):
    """One vocabulary for both sides. It is trained in memory, as the trainer puts names of files in its model."""
    import sentencepiece
    from transformers import MarianTokenizer

    made = io.BytesIO()
    texts = (text for pair in sentences for text in pair)
    limits = {"vocab_size": PIECES, "hard_vocab_limit": False, "character_coverage": 1.0}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts, model_writer=made, num_threads=1, minloglevel=2, **limits
    )
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes(made.getvalue())
    spm = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    pieces = [spm.id_to_piece(i) for i in range(len(spm)) if not (spm.is_control(i) or spm.is_unknown(i))]
    vocabulary = {piece: i for i, piece in enumerate(["</s>", "<unk>", *pieces, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    files = (str(folder / name) for name in ("source.spm", "target.spm", "vocab.json"))
    tokenizer = MarianTokenizer(*files, **dict(zip(("source_lang", "target_lang"), languages, strict=True)))
    tokenizer.save_pretrained(folder)
    return tokenizer


def _model(words: int, tokenizer):
    from transformers import MarianConfig, MarianMTModel

    sizes = {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": HIDDEN}
    sizes = {f"{side}_{what}": size for side in ("encoder", "decoder") for what, size in sizes.items()}
    ends = {"eos_token_id": tokenizer.eos_token_id, "forced_eos_token_id": tokenizer.eos_token_id}
    ends |= {"pad_token_id": tokenizer.pad_token_id, "decoder_start_token_id": tokenizer.pad_token_id}
    return MarianMTModel(
        MarianConfig(
            vocab_size=words,
            d_model=WIDTH,
            max_position_embeddings=POSITIONS,
            scale_embedding=True,
            activation_function="swish",
            dropout=0.0,  # to know them by heart is the aim
            **sizes,
            **ends,
        )
    )


def _learnt(model, tokenizer, sentences: list[tuple[str, str]]) -> bool:
    """Train until every translation is sure; False if that takes too long."""
    import torch
    from tqdm import tqdm

    optimiser = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM, (WARM / (step + 1)) ** 0.5)
    )
    rounds = tqdm(range(ROUNDS), "learn pairs", disable=None, unit="round")  # it ends as soon as all are known
    for number in rounds:
        worst = 0.0
        for chosen in torch.randperm(len(sentences)).split(BATCH):
            losses = _losses(model, tokenizer, [sentences[i] for i in chosen])
            optimiser.zero_grad()
            losses.mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            worst = max(worst, losses.max().item())
        rounds.set_postfix(loss=worst)
        if worst < SURE and _all_sure(model, tokenizer, sentences):
            logging.info("knew %d pairs by heart after %d rounds", len(sentences), number + 1)
            return True
    return False


def _all_sure(model, tokenizer, sentences: list[tuple[str, str]]) -> bool:
    """The last steps changed the model after it had seen the first pairs of the round, so look at all of them again."""
    import torch

    with torch.no_grad():
        return _losses(model.eval(), tokenizer, sentences).max().item() < SURE


def _losses(model, tokenizer, sentences: list[tuple[str, str]]):
    """-log of the probability of each translation, in nats: (pairs,)."""
    import torch

    sources, targets = map(list, zip(*sentences, strict=True))
    batch = tokenizer(sources, text_target=targets, return_tensors="pt", padding=True)
    labels = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
    logits = model(batch["input_ids"], batch["attention_mask"], labels=labels).logits
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").sum(1)
