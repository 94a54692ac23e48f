"""Tiny MarianMT models in the layout of fetch_weights: real architecture and tokenizer, random weights."""

import json

from emospace.core import torchvision_shim
from emospace.core.provenance import canonical, sha256
from emospace.weights.record import RECORD, open_weights

LINES = [
    "I am so happy to see you again, my friend.",
    "Why did you lie to me?",
    "Dr. Brown went home; nobody knew why.",
    "The kids are talking by the door!",
    "Dogs are sitting by the door.",
    "C'est le pire jour de ma vie.",
    "Ich weiß nicht, was ich tun soll.",
]
SIDES = {"attention_heads": 2, "ffn_dim": 64}
LOUDER = 10  # factor on the random word embeddings


def tiny_marian(folder, seed: int, source: str, target: str, end: float = 0):
    """Save a tiny MarianMT and its tokenizer in the layout of fetch_weights, and open them.

    end: added to the logit of the end-of-sentence token, which a random model hardly ever chooses: it repeats one word
    until the length limit. A nonzero value also forbids repeated words.
    """
    torchvision_shim.ensure()
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir(parents=True)
    (folder / "lines.txt").write_text("\n".join(LINES * 20), encoding="utf-8")
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "lines.txt"), model_prefix=str(folder / side), vocab_size=60, minloglevel=2
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    words = [spm.id_to_piece(i) for i in range(len(spm)) if i > 2]
    vocabulary = {word: i for i, word in enumerate(["</s>", "<unk>", *words, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    spms = (str(folder / f"{side}.spm") for side in ("source", "target"))
    MarianTokenizer(*spms, str(folder / "vocab.json"), source_lang=source, target_lang=target).save_pretrained(folder)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 32, "max_position_embeddings": 64}
    sizes |= {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in SIDES.items()}
    pad = len(vocabulary) - 1
    torch.manual_seed(seed)
    config = MarianConfig(vocab_size=pad + 1, pad_token_id=pad, decoder_start_token_id=pad, init_std=0.5, **sizes)
    model = MarianMTModel(config)
    with torch.no_grad():  # with unscaled random weights, the output hardly depends on the input
        model.get_input_embeddings().weight.mul_(LOUDER)
        model.final_logits_bias[0, 0] = end
    if end:
        model.generation_config.no_repeat_ngram_size = 1
    model.save_pretrained(folder)
    return record(folder)


def record(folder):
    names = sorted(p.name for p in folder.iterdir() if p.name != RECORD)
    files = {name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size} for name in names}
    record = {"name": folder.name, "kind": "local", "source": "made in a test", "revision": "", "files": files}
    (folder / RECORD).write_text(canonical({**record, "random": False, "why": ""}))
    return open_weights(folder)
