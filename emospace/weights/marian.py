"""Convert Marian's native model files, as published by OPUS-MT, to a MarianMT folder. Nothing is unpickled.

A package contains decoder.yml, which names the weights (.npz; its array `special:model.yml` holds the training
options) and one vocabulary (.yml) for both languages, and a SentencePiece model per language. Marian stores matrices as
(in, out), torch as (out, in). Marian starts decoding from a vector of zeros and has no padding token; MarianMT needs a
token for both, so <pad> is appended to the vocabulary with zero weights and banned from output. Layers follow Vaswani
et al. 2017: dropout, add, normalise after each block ("dan"). Marian: Junczys-Dowmunt et al. 2018; OPUS-MT: Tiedemann
and Thottingal 2020.
"""

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from emospace.core.errors import InputError
from emospace.core.provenance import write_json

REMEDY = "use another model"
SETTINGS = "special:model.yml"
COPIED = ("source.spm", "target.spm", "LICENSE")
POSITIONS = 512  # tokens; positions are sinusoids that are computed, not stored, so any number works
PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
# Values that MarianMT supports, for settings not visible in array names or shapes; "" also covers False and null.
COMPUTED = {
    "type": ("transformer",),
    "tied-embeddings-all": (True,),
    "right-left": ("",),
    "transformer-decoder-autoreg": ("self-attention",),
    "transformer-ffn-activation": ("swish", "relu"),
    "transformer-preprocess": ("",),
    "transformer-postprocess": ("dan",),
    "transformer-postprocess-emb": ("", "d"),
    "transformer-postprocess-top": ("",),
    "transformer-train-position-embeddings": ("",),
}


def convert(package: Path, target: Path, source_lang: str, target_lang: str) -> None:
    """Convert an unpacked OPUS-MT `package` to a MarianMT model in the folder `target`; equal input gives equal bytes.

    Raises InputError for a missing file or array, an unused array, a wrong shape, or an unsupported setting.
    """
    decoder = _mapping(_member(package, "decoder.yml"))
    search, copied = _search(decoder), [_member(package, name) for name in COPIED]
    weights, vocabulary = (_single(package, decoder, key) for key in ("models", "vocabs"))
    words = read_vocabulary(vocabulary)
    with _opened(weights) as arrays:
        settings = _settings(arrays, weights.name)
        tensors = _tensors(arrays, weights.name, settings, len(words))
    pad, end = len(words), words["</s>"]
    words["<pad>"] = pad
    ids = {"pad_token_id": pad, "decoder_start_token_id": pad}
    ids |= dict.fromkeys(("bos_token_id", "eos_token_id", "forced_eos_token_id"), end)
    write_json(target / "config.json", _config(settings, len(words)) | ids)
    write_json(target / "generation_config.json", search | ids | {"bad_words_ids": [[pad]]})
    write_json(target / "tokenizer_config.json", {"source_lang": source_lang, "target_lang": target_lang})
    write_json(target / "vocab.json", words)
    for path in copied:
        shutil.copyfile(path, target / path.name)
    from safetensors.numpy import save

    (target / "model.safetensors").write_bytes(save(tensors, {"format": "pt"}))


def _search(decoder: dict) -> dict:
    """Translate the decoding options of decoder.yml to generation options of transformers."""
    if decoder.get("word-penalty"):
        raise InputError("decoder.yml", "MarianMT does not support word-penalty", REMEDY)
    search = {"renormalize_logits": True, "max_length": POSITIONS}  # renormalised without <pad>
    try:
        search["num_beams"] = int(decoder.get("beam-size") or 1)
        search["length_penalty"] = float(decoder.get("normalize") or 0)
    except (TypeError, ValueError) as error:
        raise InputError("decoder.yml", f"beam-size or normalize is not a number ({error})", REMEDY) from error
    return search


def read_vocabulary(path: Path) -> dict[str, int]:
    """Read word -> number, from 0 without gaps. All scalars are text: YAML itself would convert "no" and "1e5"."""
    words = _mapping(path, getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    try:
        numbers = {word: int(number) for word, number in words.items()}
    except (TypeError, ValueError) as error:
        raise InputError(path.name, f"a word has no valid number ({error})", REMEDY) from error
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise InputError(path.name, f"its {len(numbers)} words are not numbered from 0 without gaps", REMEDY)
    if not {"</s>", "<unk>"} <= numbers.keys() or "<pad>" in numbers:
        raise InputError(path.name, "it must have </s> and <unk>, and no <pad>", REMEDY)
    return numbers


def _mapping(path: Path, loader=yaml.SafeLoader) -> dict:
    return _parsed(path.read_bytes(), path.name, loader)


def _parsed(content: bytes, name: str, loader=yaml.SafeLoader) -> dict:
    """Parse a YAML mapping; the loaders used here construct only plain values."""
    try:
        value = yaml.load(content, loader)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(name, f"not valid YAML ({error})", REMEDY) from error
    if not isinstance(value, dict):
        raise InputError(name, "not a mapping", REMEDY)
    return value


def _member(package: Path, name: str) -> Path:
    if PurePosixPath(name).name != name or not (package / name).is_file():
        raise InputError(name, "the package has no such file", REMEDY)
    return package / name


def _single(package: Path, decoder: dict, key: str) -> Path:
    """Return the one file that decoder.yml lists under `key`, possibly once per language."""
    names = {str(name) for name in decoder.get(key) or ()}
    if len(names) != 1:
        raise InputError("decoder.yml", f"its {key} are {sorted(names)}, but MarianMT has exactly one", REMEDY)
    return _member(package, names.pop())


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        opened = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(path.name, f"not an .npz file ({error})", REMEDY) from error
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise InputError(path.name, "not an .npz file", REMEDY)
    return opened


def _array(arrays: Mapping, file: str, name: str) -> np.ndarray:
    try:
        array = arrays[name]
    except KeyError as error:
        raise InputError(file, f"it has no array {name!r}", REMEDY) from error
    except (ValueError, EOFError, OSError, MemoryError, zipfile.BadZipFile) as error:  # object arrays are pickles
        raise InputError(file, f"{name!r} is not a plain array ({error})", REMEDY) from error
    if not isinstance(array, np.ndarray):  # numpy returns members without the .npy header as bytes
        raise InputError(file, f"{name!r} is not a plain array", REMEDY)
    return array


def _settings(arrays: Mapping, file: str) -> dict:
    """Read the training options. Raises InputError for an architecture that MarianMT does not support."""
    settings = _parsed(_array(arrays, file, SETTINGS).tobytes().rstrip(b"\0"), SETTINGS)
    for name, allowed in COMPUTED.items():
        if (settings.get(name) or "") not in allowed:
            raise InputError(file, f"{name} is {settings.get(name)!r}, which MarianMT does not support", REMEDY)
    for name in ("dim-emb", "transformer-dim-ffn", "transformer-heads", "enc-depth", "dec-depth"):
        if not isinstance(settings.get(name), int) or settings[name] < 1:
            raise InputError(file, f"{name} is {settings.get(name)!r}", REMEDY)
    if settings["dim-emb"] % settings["transformer-heads"]:
        raise InputError(file, "dim-emb is not a multiple of transformer-heads", REMEDY)
    return settings


def _config(settings: dict, words: int) -> dict:
    config = {"architectures": ["MarianMTModel"], "model_type": "marian", "vocab_size": words}
    for side, depth in (("encoder", "enc-depth"), ("decoder", "dec-depth")):
        config[f"{side}_layers"] = settings[depth]
        config[f"{side}_attention_heads"] = settings["transformer-heads"]
        config[f"{side}_ffn_dim"] = settings["transformer-dim-ffn"]
    config |= {"d_model": settings["dim-emb"], "activation_function": settings["transformer-ffn-activation"]}
    config |= {"max_position_embeddings": POSITIONS, "scale_embedding": True, "tie_word_embeddings": True}
    return config | {"share_encoder_decoder_embeddings": True, "dtype": "float32"}


def _tensors(arrays: Mapping, file: str, settings: dict, words: int) -> dict[str, np.ndarray]:
    """Return all tensors by their names in MarianMT; raise InputError if an array is left over."""
    width, used = settings["dim-emb"], {SETTINGS}

    def take(name: str, shape: tuple[int, int]) -> np.ndarray:
        array = _array(arrays, file, name)
        if (array.shape, array.dtype) != (shape, np.float32):
            raise InputError(file, f"{name!r} is {array.dtype} {array.shape}, not float32 {shape}", REMEDY)
        used.add(name)
        return np.ascontiguousarray(array)  # safetensors writes memory in its physical order

    bias = np.pad(take("decoder_ff_logit_out_b", (1, words)), ((0, 0), (0, 1)))
    tensors = {"model.shared.weight": np.pad(take("Wemb", (words, width)), ((0, 1), (0, 0))), "final_logits_bias": bias}
    for side, depth in (("encoder", "enc-depth"), ("decoder", "dec-depth")):
        for i in range(settings[depth]):
            for name, tensor, shape in _layer(side, width, settings["transformer-dim-ffn"]):
                array = take(f"{side}_l{i + 1}_{name}", shape)
                plain = array[0] if shape[0] == 1 else np.ascontiguousarray(array.T)
                tensors[f"model.{side}.layers.{i}.{tensor}"] = plain
    if left := sorted(set(arrays) - used):
        raise InputError(file, f"MarianMT does not use {len(left)} of its arrays ({left[0]} ...)", REMEDY)
    return tensors


def _layer(side: str, width: int, inner: int) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Yield (name of the array, name of the tensor, shape of the array) for one layer."""
    vector = (1, width)
    for theirs, ours in (("self", "self_attn"), ("context", "encoder_attn"))[: 1 + (side == "decoder")]:
        for letter, projection in PROJECTIONS.items():
            yield f"{theirs}_W{letter}", f"{ours}.{projection}.weight", (width, width)
            yield f"{theirs}_b{letter}", f"{ours}.{projection}.bias", vector
        yield f"{theirs}_Wo_ln_scale", f"{ours}_layer_norm.weight", vector
        yield f"{theirs}_Wo_ln_bias", f"{ours}_layer_norm.bias", vector
    yield from (("ffn_W1", "fc1.weight", (width, inner)), ("ffn_b1", "fc1.bias", (1, inner)))
    yield from (("ffn_W2", "fc2.weight", (inner, width)), ("ffn_b2", "fc2.bias", vector))
    yield "ffn_ffn_ln_scale", "final_layer_norm.weight", vector
    yield "ffn_ffn_ln_bias", "final_layer_norm.bias", vector
