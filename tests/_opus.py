"""OPUS-MT packages in Marian's own format, made from real MarianMT models with random weights."""

import json
import zipfile

import numpy as np
import yaml
from _marian import tiny_marian

SIZES = {"encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
SETTINGS = {  # the settings of a published model that determine what it computes
    "type": "transformer",
    "version": "v1.7.6 2d7f5d4",
    "tied-embeddings": False,
    "tied-embeddings-all": True,
    "tied-embeddings-src": False,
    "right-left": False,
    "layer-normalization": False,
    "transformer-decoder-autoreg": "self-attention",
    "transformer-ffn-depth": 2,
    "transformer-guided-alignment-layer": "last",
    "transformer-no-projection": False,
    "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d",
    "transformer-preprocess": "",
    "transformer-train-position-embeddings": False,
}
DECODER = {"relative-paths": True, "beam-size": 6, "normalize": 1, "word-penalty": 0, "mini-batch": 1}
NPZ, VOCABULARY = "opus.spm32k-spm32k.transformer-align.model1.npz.best-perplexity.npz", "opus.spm32k-spm32k.vocab.yml"
BLOCKS = {"self_attn": "self", "encoder_attn": "context"}
FEED = {"fc1.weight": "ffn_W1", "fc1.bias": "ffn_b1", "fc2.weight": "ffn_W2", "fc2.bias": "ffn_b2"}
NORM = {"weight": "ln_scale", "bias": "ln_bias"}


def drawn(folder, seed: int, source: str, target: str, **changes):
    """Create a model with the architecture of OPUS-MT and random tensors; return it and its tokenizer's folder."""
    tokenizer = tiny_marian(folder, seed, source, target).directory
    import torch
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig.from_pretrained(tokenizer, **{**SIZES, "activation_function": "swish", **changes})
    config.scale_embedding = True
    model = MarianMTModel(config).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in learnt(model):
            about = 1.0 if "layer_norm.weight" in name else 0.0
            tensor.copy_(about + torch.randn(tensor.shape) * (0.12 if tensor.ndim == 1 else 0.2))
        model.model.shared.weight[config.pad_token_id] = 0  # Marian starts decoding from a zero embedding
        model.final_logits_bias[0, config.pad_token_id] = -torch.inf  # never generated
    return model, tokenizer


def learnt(model) -> list[tuple]:
    tensors = [*model.named_parameters(), ("final_logits_bias", model.final_logits_bias)]
    return [(name, tensor) for name, tensor in tensors if "embed_positions" not in name]


def teach(model, tokenizer, lines: list[str], answers: list[str], steps: int = 100) -> None:
    """Train the model until it reproduces the answers, so that its output is not random."""
    import torch
    from transformers import MarianTokenizer

    tokenizer = MarianTokenizer.from_pretrained(tokenizer)
    batch, labels = (tokenizer(texts, return_tensors="pt", padding=True) for texts in (lines, answers))
    labels = labels.input_ids.masked_fill(labels.attention_mask == 0, -100)
    optimizer = torch.optim.Adam([tensor for _, tensor in learnt(model) if tensor.requires_grad], lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        model.model.shared.weight.grad[-1] = 0  # <pad> stays zero
        optimizer.step()
    model.requires_grad_(False)


def arrays(model) -> dict[str, np.ndarray]:
    """The model's tensors with Marian's names and shapes."""
    made = {}
    for name, tensor in model.state_dict().items():
        value, words = tensor.detach().numpy(), name.split(".")
        if name == "model.shared.weight":
            made["Wemb"] = value[:-1]
        elif name == "final_logits_bias":
            made["decoder_ff_logit_out_b"] = value[:, :-1]
        elif "layers" in words:
            _, side, _, layer, *rest = words
            made[f"{side}_l{int(layer) + 1}_{_theirs(rest)}"] = value.T if value.ndim == 2 else value[None]
    return {name: np.ascontiguousarray(value) for name, value in made.items()}


def _theirs(rest: list[str]) -> str:
    kind = rest[-1]
    if rest[0] in BLOCKS:  # for example self_attn.q_proj.weight
        return f"{BLOCKS[rest[0]]}_{'W' if kind == 'weight' else 'b'}{rest[1][0]}"
    if rest[0].startswith("fc"):
        return FEED[".".join(rest)]
    block = rest[0].removesuffix("_layer_norm")
    return f"ffn_ffn_{NORM[kind]}" if block == "final" else f"{BLOCKS[block]}_Wo_{NORM[kind]}"


def package(folder, model, tokenizer) -> dict[str, bytes]:
    """Write the files of a package to `folder`; return their contents by name."""
    config = model.config
    settings = {"dim-emb": config.d_model, "transformer-dim-ffn": config.encoder_ffn_dim}
    settings |= {"transformer-heads": config.encoder_attention_heads, "enc-depth": config.encoder_layers}
    settings |= {"dec-depth": config.decoder_layers, "transformer-ffn-activation": config.activation_function}
    settings |= {"dim-vocabs": [config.vocab_size - 1] * 2}
    vocabulary = json.loads((tokenizer / "vocab.json").read_text())
    del vocabulary["<pad>"]
    folder.mkdir(parents=True, exist_ok=True)
    write_npz(folder, arrays(model), SETTINGS | settings)
    write_yaml(folder / VOCABULARY, vocabulary)
    write_yaml(folder / "decoder.yml", DECODER | {"models": [NPZ], "vocabs": [VOCABULARY] * 2})
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())
    for name in ("LICENSE", "README.md", "preprocess.sh", "postprocess.sh"):
        (folder / name).write_text(f"{name} of a model made in a test\n")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_npz(folder, tensors: dict, settings: dict) -> None:
    text = np.frombuffer(yaml.safe_dump(settings).encode() + b"\0", np.int8)
    np.savez(folder / NPZ, **tensors, **{"special:model.yml": text})


def write_yaml(path, value) -> None:
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")


def zipped(path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
