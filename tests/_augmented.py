"""The demo's config with augmented views, small enough for a test to build in full."""

from pathlib import Path

from _marian import tiny_marian

from emospace.weights.record import RECORD

CHAIN = [("en", "fr"), ("fr", "en")]
NAMES = [f"tiny_{source}_{target}" for source, target in CHAIN]


def tiny_weights(folder: Path) -> dict[str, dict]:
    """Save tiny translators below `folder`; return their entries for the `weights` block."""
    entries = {}
    for seed, (name, pair) in enumerate(zip(NAMES, CHAIN, strict=True)):
        tiny_marian(folder / name, seed, *pair, end=60)  # otherwise every translation is truncated and fails the gate
        files = {path.name: None for path in sorted((folder / name).iterdir()) if path.name != RECORD}
        entries[name] = {"source": "local", "path": str(folder / name), "files": files}
    return entries


def augmented(config: dict, weights: dict[str, dict]) -> dict:
    """Return the config with two augmented views and, beside its own runs, runs that train on them.

    Random translators give random similarities, so the gate accepts any similarity.
    """
    search = {"num_beams": 2, "max_source": 24, "max_output": 12}
    views = config["views"] | {"text_bt": {"chain": NAMES, **search}, "frames_aug": {}}
    features = config["features"] | {"text_bt.sbert": config["features"]["text.sbert"]}
    features |= {"frames_aug.clip": config["features"]["frames.clip"]}
    runs = config["runs"] | {"probe_bt": config["runs"]["probe_text"] | {"augment": ["text_bt"]}}
    runs |= {"probe_both": config["runs"]["probe"] | {"augment": ["text_bt", "frames_aug"]}}
    more = {"views": views, "features": features, "runs": runs, "weights": config["weights"] | weights}
    return config | more | {"gate": {"text_bt": {"min_similarity": -1.0}}}


def small(config: dict) -> dict:
    """Reduce the config to three sessions of one dialogue, one protocol, a small CLIP and the runs that tests read."""
    corpora = {"demo": {"parts": 3, "options": {"expect_counts": False}, "generate": {"sessions": 3, "dialogues": 1}}}
    protocols = {"session": {"corpus": "demo", "split": "session", "labels": "iemocap4", "folds": 3}}
    runs = {name: config["runs"][name] for name in ("probe", "probe_text")}
    clip = {"weights": "drawn", "model": "ViT-S-32-alt"}
    weights = {"minilm": config["weights"]["minilm"], "drawn": {"source": "random"}}
    features = {name: config["features"][name] for name in ("audio.mfcc", "text.sbert")} | {"frames.clip": clip}
    views = {"audio": {}, "text": {}, "frames": {"frames": 2, "size": 224}}
    return config | {
        "corpora": corpora,
        "protocols": protocols,
        "runs": runs,
        "weights": weights,
        "features": features,
        "views": views,
    }
