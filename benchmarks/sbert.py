"""The sentence stage, from strings to features, against the bare model on batches already in memory.

Needs the weights in weights/minilm (`snakemake --cores 1 weights`), or in the folder that EMOSPACE_SBERT names.
"""

import os
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.features.encoders import sbert
from emospace.weights.record import open_weights

ROOT = Path(__file__).resolve().parent.parent
SENTENCES, BATCH = 512, 64
WORDS = "I you we they never always was is happy sad angry so very much today tomorrow because of the weather and my"


def measure() -> list[dict]:
    import torch

    draw = np.random.default_rng(0)
    words = WORDS.split()
    texts = [f"{i} " + " ".join(draw.choice(words, draw.integers(2, 30))) for i in range(SENTENCES)]
    encoder = sbert.load(weights=open_weights(os.environ.get("EMOSPACE_SBERT", ROOT / "weights/minilm")), batch=BATCH)
    order = sorted(range(SENTENCES), key=lambda i: -len(texts[i]))
    batches = [encoder.model.preprocess([texts[i] for i in order[s : s + BATCH]]) for s in range(0, SENTENCES, BATCH)]

    def bare() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([encoder.model(dict(b))["sentence_embedding"] for b in batches]).numpy()

    def stage() -> np.ndarray:
        return np.concatenate(encoder(texts, texts))

    np.testing.assert_allclose(stage()[order], bare(), atol=1e-5)
    name, note = f"SBERT stage / bare model, fp32, batch {BATCH}", f"{torch.get_num_threads()} threads"
    return compare({"bare": bare, "stage": stage}, [Claim(name, "bare", "stage", 0.85, note)], least=5)


if __name__ == "__main__":
    print(measure())
