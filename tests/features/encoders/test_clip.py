"""CLIP embeddings equal those of open_clip and are never silently random; mostly on a tiny network."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from _jpegs import jpeg
from conftest import ROOT
from PIL import Image

from emospace.core import torchvision_shim
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.features.encoders import clip
from emospace.weights.fetch import fetch
from emospace.weights.record import RECORD, Weights, open_weights

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESS = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic", "resize_mode": "shortest"}
IDS = [f"u{i}" for i in range(9)]  # ignored by CLIP
RANDOM = Weights("clip", Path("nowhere"), "random", "random", "", {}, True, "a test")


def test_the_torchvision_shim_declares_few_operators_and_lets_open_clip_import():
    code = "from emospace.core.torchvision_shim import ensure; print(*ensure()); import open_clip; print(*ensure())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    first, second = done.stdout.split("\n")[:2]
    assert set(first.split()) <= {"nms", "qnms"} and not second.split()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Weights:
    """Random weights of a tiny CLIP with its own configuration, fetched like real ones."""
    torchvision_shim.ensure()
    import open_clip
    from safetensors.torch import save_file

    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("weights") / "tiny"
    (source / "tiny-clip.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(source / "tiny-clip.json")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = open_clip.create_model("tiny-clip")
    save_file(network.state_dict(), source / "open_clip_model.safetensors")
    (source / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": PREPROCESS}))
    files = dict.fromkeys(["open_clip_model.safetensors", "open_clip_config.json"])
    write_json(folder / RECORD, fetch("tiny", {"source": "local", "path": str(source), "files": files}, folder))
    return open_weights(folder)


def rows() -> list[list[bytes]]:
    sizes = [(32, 32), (43, 32), (32, 57), (720, 480), (20, 24), (31, 33), (64, 64)]
    images = [jpeg(w, h, i) for i, (w, h) in enumerate(sizes)] + [jpeg(50, 40, 9, "L")]
    return [images[:3], images[3:4], images[4:]]


def theirs(weights: Weights, batch: list[list[bytes]]) -> list[np.ndarray]:
    """Encode image by image with open_clip's own model and transform."""
    import open_clip

    network, _, transform = open_clip.create_model_and_transforms(f"local-dir:{weights.directory}")
    with torch.inference_mode():
        return [
            torch.cat([network.eval().encode_image(transform(Image.open(io.BytesIO(j)))[None]) for j in row]).numpy()
            for row in batch
        ]


def test_image_embeddings_equal_those_of_open_clip(tiny):
    embeddings = clip.load(weights=tiny)(rows(), IDS)
    assert [e.shape for e in embeddings] == [(3, 16), (1, 16), (4, 16)]
    assert all(e.dtype == np.float32 for e in embeddings)
    for ours, expected in zip(embeddings, theirs(tiny, rows()), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_facts_describe_the_transform_and_contain_no_paths(tiny):
    facts = clip.load(weights=tiny).facts
    assert (
        "Resize(size=32, interpolation=bicubic" in facts["transform"] and "mean=[0.4, 0.5, 0.6]" in facts["transform"]
    )
    assert facts["precision"] == "fp32" and str(tiny.directory) not in json.dumps(facts)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_embeddings_do_not_depend_on_the_batch_size(tiny, batch):
    for a, b in zip(
        clip.load(weights=tiny)(rows(), IDS), clip.load(weights=tiny, batch=batch)(rows(), IDS), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_text_embeddings_equal_those_of_open_clip_and_repeated_texts_are_encoded_once(tiny):
    import open_clip

    texts = ["I am so happy", "no", "I am so happy", "word " * 200, "no"]
    encoder = clip.load(weights=tiny, view="text")
    network = open_clip.create_model(f"local-dir:{tiny.directory}").eval()
    with torch.inference_mode():
        expected = network.encode_text(open_clip.tokenize(texts)).numpy()
    tokenized = []
    tokenize, encoder.tokenizer = encoder.tokenizer, lambda batch: tokenized.extend(batch) or tokenize(batch)
    embeddings = encoder(texts, texts)
    assert all(e.shape == (1, 16) for e in embeddings) and sorted(tokenized) == sorted(set(texts))
    np.testing.assert_allclose(np.concatenate(embeddings), expected, atol=1e-5)


def test_features_are_normalised_only_on_request(tiny):
    raw, unit = (clip.load(weights=tiny, normalise=flag)(rows(), IDS)[0] for flag in (False, True))
    assert not np.allclose(np.linalg.norm(raw, axis=1), 1, atol=1e-2)
    np.testing.assert_allclose(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-5)


def test_bf16_embeddings_have_nearly_the_same_direction(tiny):
    exact, rough = (np.concatenate(clip.load(weights=tiny, precision=p)(rows(), IDS)) for p in ("fp32", "bf16"))
    cosine = (exact * rough).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)
    assert rough.dtype == np.float32 and cosine.min() > 0.995 and not np.array_equal(exact, rough)
    with pytest.raises(InputError, match="'fp8' is not a number format"):
        clip.load(weights=tiny, precision="fp8")


def test_missing_weights_are_refused():
    with pytest.raises(InputError, match="run: snakemake --cores 1 weights"):
        clip.load(view="frames")


def test_another_architecture_is_refused_instead_of_partly_loaded(tiny):
    with pytest.raises(InputError, match="its weights do not fit the architecture 'RN50'"):
        clip.load(weights=tiny, model="RN50")
    with pytest.raises(InputError, match="no architecture 'ViT-B-23'"):
        clip.load(weights=tiny, model="ViT-B-23")


def test_damaged_weights_are_refused(tiny, tmp_path):
    for name in tiny.files:
        (tmp_path / name).write_bytes((tiny.directory / name).read_bytes())
    with open(tmp_path / "open_clip_model.safetensors", "r+b") as file:
        file.truncate(100_000)
    damaged = Weights("tiny", tmp_path, "local", "here", "", tiny.files, False, "")
    with pytest.raises(InputError, match="do not fit the architecture"):
        clip.load(weights=damaged)


def test_recorded_random_weights_are_reproducible_and_leave_the_global_generator_unchanged(tiny):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first = clip.load(weights=RANDOM, model="tiny-clip")(rows(), IDS)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(4)
    second = clip.load(weights=RANDOM, model="tiny-clip")(rows(), IDS)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    texts = clip.load(weights=RANDOM, model="tiny-clip", view="text").network.state_dict()
    images = clip.load(weights=RANDOM, model="tiny-clip").network.state_dict()
    assert all(torch.equal(value, images[name]) for name, value in texts.items())


def test_the_real_architecture():
    encoder = clip.load(weights=RANDOM)
    assert encoder.facts["model"] == "ViT-B-32-quickgelu" and "Resize(size=224" in encoder.facts["transform"]
    (embeddings,) = encoder([[jpeg(298, 224), jpeg(224, 298)]], ["u0"])
    assert embeddings.shape == (2, 512) and np.isfinite(embeddings).all()


def test_real_faces(tiny, grid):
    import av

    files = sorted(grid.glob("*.mpg"))[:4]
    assert files
    batch = []
    for file in files:
        with av.open(str(file)) as container:
            images = [frame.to_image() for frame in container.decode(video=0)][::25]
        buffers = [io.BytesIO() for _ in images]
        for image, buffer in zip(images, buffers, strict=True):
            image.save(buffer, "JPEG", quality=90)
        batch.append([buffer.getvalue() for buffer in buffers])
    for ours, expected in zip(clip.load(weights=tiny)(batch, IDS), theirs(tiny, batch), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)
