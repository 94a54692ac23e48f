"""Translation by a full-size MarianMT with beam search: sorted batches against one sentence at a time.

The model has the architecture of opus-mt (base, 74 M parameters, vocabulary of 58,101) and seeded random weights. It
never ends a sentence, so every translation has 14 tokens. A trained model ends sentences like these at about that
length. Where lengths differ more, a batch waits for its longest translation, and the ratio is lower. Both sides load
the model and tokenise the text, on the same device. In fp32 on a CPU they return the same words. bf16 is measured only
where the hardware is fast at it.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core import batching, torchvision_shim
from emospace.speech.translation import Settings, translate
from emospace.weights.record import Weights

SENTENCES, TOKENS, BEAMS, VOCABULARY = 48, 14, 4, 58_101
SIZES = {"d_model": 512, "encoder_layers": 6, "decoder_layers": 6, "max_position_embeddings": 512}
# Word embeddings weigh as much as positions; otherwise nearly all sentences would have the same translation.
SIZES |= {"scale_embedding": True, "init_std": 0.05}
SIDE = {"attention_heads": 8, "ffn_dim": 2048}
PIECES = 150  # of the tokenizer trained here; the other words of the vocabulary occur in no source


def sentences() -> list[str]:
    """Return distinct sentences of 3 to 9 invented words, mostly 8 to 20 tokens."""
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abdeghiklmnoprstuvw"), draw.integers(2, 5))) for _ in range(500)]
    return [" ".join(draw.choice(words, draw.integers(3, 10))).capitalize() + "." for _ in range(SENTENCES)]


def save(folder: Path, lines: list[str]) -> None:
    """Save a model and a tokenizer in the file layout of opus-mt."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    (folder / "lines.txt").write_text("\n".join(lines * 5), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "lines.txt"), model_prefix=str(folder / "spm"), vocab_size=PIECES, minloglevel=2
    )
    spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    words = ["</s>", "<unk>", *(spm.id_to_piece(i) for i in range(3, PIECES))]
    words += [f"▁other{i}" for i in range(VOCABULARY - 1 - len(words))] + ["<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    files = [str(folder / "spm.model")] * 2 + [str(folder / "vocab.json")]
    MarianTokenizer(*files, source_lang="en", target_lang="fr").save_pretrained(folder)
    torch.manual_seed(0)
    sides = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in SIDE.items()}
    model = MarianMTModel(MarianConfig(vocab_size=VOCABULARY, activation_function="swish", **SIZES, **sides))
    model.final_logits_bias[0, 0] = -1e4  # no end of a sentence before the limit on tokens
    model.generation_config.update(bad_words_ids=[[VOCABULARY - 1]])
    model.save_pretrained(folder)


def one_by_one(folder: Path, lines: list[str]) -> list[str]:
    """Translate sentence by sentence, as in the library's own example."""
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    device = batching.device()
    tokenizer, model = MarianTokenizer.from_pretrained(folder), MarianMTModel.from_pretrained(folder).eval().to(device)
    made = []
    with torch.inference_mode():
        for line in lines:
            tokens = tokenizer([line], return_tensors="pt").to(device)
            made.append(model.generate(**tokens, num_beams=BEAMS, do_sample=False, max_new_tokens=TOKENS)[0])
    return [" ".join(tokenizer.decode(row, skip_special_tokens=True).split()) for row in made]


def measure() -> list[dict]:
    torchvision_shim.ensure()
    lines = sentences()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(folder, lines)
        weights = Weights("marian-base-random", folder, "local", "made here", "", {}, False, "")
        return [row for precision in ("fp32", "bf16") for row in against(folder, weights, lines, precision)]


def against(folder: Path, weights: Weights, lines: list[str], precision: str) -> list[dict]:
    """Return one row, or none where this machine is not fast at that precision."""
    device = batching.device()
    if precision == "bf16" and batching.precision("auto", device) != "bf16":
        return []
    results: dict[str, list[str]] = {}
    settings = Settings(num_beams=BEAMS, max_output=TOKENS, precision=precision)
    ways = {
        "naive": lambda: results.update(naive=one_by_one(folder, lines)),
        "ours": lambda: results.update(ours=translate(lines, [weights], settings)[0]),
    }
    name = f"translate {precision} / one sentence at a time in fp32"
    measured = compare(ways, [Claim(name, "naive", "ours", 4 if precision == "fp32" else 8)])
    other = np.mean([a != b for a, b in zip(results["naive"], results["ours"], strict=True)])
    assert other == 0 or precision == "bf16" or device.type != "cpu", f"{other:.1%} of the sentences differ"
    note = f"{SENTENCES} sentences, {BEAMS} beams, random weights"
    note += f"; {len(set(results['naive']))} distinct translations, {other:.1%} differ"
    return [row | {"note": note} for row in measured]


if __name__ == "__main__":
    for row in measure():
        print(row)
