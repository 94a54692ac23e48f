"""A toy translator: a small MarianMT model and its tokenizer, trained on a CSV of sentence pairs until memorised.

It replaces no published model: it reproduces its pairs and outputs nonsense for any other text. That is enough to run
back-translation on texts that are known in advance.
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

WIDTH, HEADS, LAYERS, HIDDEN = 128, 4, 2, 256  # LAYERS in encoder and in decoder
POSITIONS = 512  # tokens; fixed sinusoids, so they need no training
PIECES = 1000  # maximum size of the vocabulary, which both languages share
BATCH, RATE, WARM = 16, 3e-3, 60  # pairs per step, peak learning rate, warm-up steps; afterwards the rate decays
EPOCHS = 200  # at most
TARGET_LOSS = 0.3  # nats per translation: a probability of exp(-0.3) = 0.74, which no other translation can exceed


def train(target: Path, *, pairs: str, sha256: str = "") -> None:
    """Train a MarianMT model and write it into the folder `target`. Equal pairs give equal bytes on one machine.

    pairs: CSV with two columns named by language codes: a sentence and its translation. sha256: of the file when the
    run was planned. Raises InputError if the file has changed since, or its pairs cannot be memorised.
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
        if not _memorise(model, tokenizer, sentences):
            reason = f"the model did not memorise its {len(sentences)} pairs in {EPOCHS} epochs"
            raise InputError(pairs, reason, "use fewer and shorter sentences")
    model.save_pretrained(target)


def read(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Read (language codes, pairs). Raises InputError if there are no pairs or two of them contradict each other."""
    table = records.read(path, remedy="save it as CSV in UTF-8")
    languages = [name for name in table[0] if name] if table else []
    if len(languages) != 2:
        remedy = "the header must name two languages, such as en,fr, and each line a sentence and its translation"
        raise InputError(path, f"its columns are {languages}" if table else "it holds no pairs", remedy)
    known: dict[str, str] = {}
    for number, line in enumerate(table, 2):
        pair = list(line.values())
        if len(pair) != 2 or not all(text and text.strip() for text in pair):
            raise InputError(path, f"line {number} is not a pair of sentences", "quote sentences that contain commas")
        if known.setdefault(*pair) != pair[1]:
            raise InputError(path, f"line {number} has a second translation of {pair[0]!r}", "keep one of them")
    return languages, list(known.items())


def pinned(entry: dict) -> dict:
    """Add the digest of the pairs to an entry of the config's `weights`; return other entries unchanged.

    Raises InputError if the file of the pairs does not exist.
    """
    if entry.get("source") != "pairs":
        return entry
    if not Path(entry["pairs"]).is_file():
        raise InputError(entry["pairs"], "there is no such file", "correct `pairs` of these weights")
    return entry | {"sha256": digest_of(Path(entry["pairs"]))}


def languages(entry: dict) -> tuple[str | None, str | None]:
    """Return source and target language of a translator from its entry in the config; None if the entry has none."""
    if entry.get("source") == "pairs":
        return tuple(read(Path(pinned(entry)["pairs"]))[0])
    return entry.get("source_lang"), entry.get("target_lang")


def described(pairs: str) -> str:
    """Describe a toy model for its record, which sidecars and reports quote."""
    return f"trained on the {len(read(Path(pairs))[1])} sentence pairs of {pairs}: a toy, not a published model"


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread: several add up in varying order, so bytes would differ even on one machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _tokenizer(folder: Path, languages: list[str], sentences: list[tuple[str, str]]):
    """Train one vocabulary for both languages, in memory: the trainer would store file names in its model."""
    import sentencepiece
    from transformers import MarianTokenizer

    proto = io.BytesIO()
    texts = (text for pair in sentences for text in pair)
    limits = {"vocab_size": PIECES, "hard_vocab_limit": False, "character_coverage": 1.0}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts, model_writer=proto, num_threads=1, minloglevel=2, **limits
    )
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes(proto.getvalue())
    spm = sentencepiece.SentencePieceProcessor(model_proto=proto.getvalue())
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
    sizes = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in sizes.items()}
    ends = {"eos_token_id": tokenizer.eos_token_id, "forced_eos_token_id": tokenizer.eos_token_id}
    ends |= {"pad_token_id": tokenizer.pad_token_id, "decoder_start_token_id": tokenizer.pad_token_id}
    return MarianMTModel(
        MarianConfig(
            vocab_size=words,
            d_model=WIDTH,
            max_position_embeddings=POSITIONS,
            scale_embedding=True,
            activation_function="swish",
            dropout=0.0,  # memorising is the aim
            **sizes,
            **ends,
        )
    )


def _memorise(model, tokenizer, sentences: list[tuple[str, str]]) -> bool:
    """Train until the loss of every pair is below TARGET_LOSS; return False if EPOCHS do not suffice."""
    import torch
    from tqdm import tqdm

    optimiser = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM, (WARM / (step + 1)) ** 0.5)
    )
    epochs = tqdm(range(EPOCHS), "train on pairs", disable=None, unit="epoch")
    for epoch in epochs:
        worst = 0.0
        for chosen in torch.randperm(len(sentences)).split(BATCH):
            losses = _losses(model, tokenizer, [sentences[i] for i in chosen])
            optimiser.zero_grad()
            losses.mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            worst = max(worst, losses.max().item())
        epochs.set_postfix(loss=worst)
        if worst < TARGET_LOSS and _all_memorised(model, tokenizer, sentences):
            logging.info("memorised %d pairs in %d epochs", len(sentences), epoch + 1)
            return True
    return False


def _all_memorised(model, tokenizer, sentences: list[tuple[str, str]]) -> bool:
    """Evaluate all pairs with the final model: losses from within the epoch are those of earlier states."""
    import torch

    with torch.no_grad():
        return _losses(model.eval(), tokenizer, sentences).max().item() < TARGET_LOSS


def _losses(model, tokenizer, sentences: list[tuple[str, str]]):
    """Return the negative log-likelihood of each translation, in nats: (pairs,)."""
    import torch

    sources, targets = map(list, zip(*sentences, strict=True))
    batch = tokenizer(sources, text_target=targets, return_tensors="pt", padding=True)
    labels = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
    logits = model(batch["input_ids"], batch["attention_mask"], labels=labels).logits
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").sum(1)
