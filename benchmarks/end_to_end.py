"""From the raw demo corpus to the trained published unified space: the workflow against the way of the original.

`_item_by_item.py` makes the same features and trains the same network item by item. Fetching weights, generating the
corpus and installing are left out. Both train the published size without dropout, whose draws would differ; the losses
of the timed epochs must agree. The naive training is timed for EPOCHS / SHARE epochs, since all cost the same.

`python -m benchmarks.end_to_end [DIALOGUES [PRECISION]]` also prints the cost of each stage. DIALOGUES: per session;
by default 4, twice as many as the demo has. With fewer, the starts of jobs count more, and the workflow gains less.
PRECISION: of the workflow's CLIP and of its training; by default auto, which is bf16 if the CPU multiplies it faster.
The naive way always computes in fp32.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import _item_by_item as naive
from benchmarks._project import copy_project, environment
from benchmarks._timing import Claim, row, wall
from benchmarks.cross_modal import Padded

CONFIG, NAME, RUN = "configs/systems/demo_cross_modal.yaml", "end_to_end", "all_frames"
EPOCHS, SHARE, CORES, SEED = 70, 10, 2, 42
SESSIONS, DIALOGUES, PRECISION = 5, 4, "auto"
PARTS = 1  # of the corpus: with two, each stage would start twice, which costs more than the cores left idle with one
TARGET = 5
# JPEGs of two programs and resampled cuts differ slightly, and each step of Adam amplifies that.
SIMILAR = 0.99  # least median correlation of features
TOLERANCE = 0.05  # relative, of the losses
FEATURES = {
    "audio_22k.mfcc": "mfcc",
    "audio_tts.mfcc": "mfcc_aug",
    "frames.clip": "clip",
    "frames_aug.clip": "clip_aug",
}
FEATURES |= {"text.sbert": "sentence", "text_bt.sbert": "sentence_aug"}
# Beginning of a rule's name -> stage.
STAGES = {"extract_audio": "speech", "embed_audio_22k": "speech", "extract_text": "text", "embed_text_sbert": "text"}
STAGES |= {"extract_frames": "pictures", "embed_frames_clip": "pictures", "augment_audio_tts": "copies of speech"}
STAGES |= {"embed_audio_tts": "copies of speech", "augment_text_bt": "copies of text", "train": "training"}
STAGES |= {"embed_text_bt": "copies of text", "augment_frames_aug": "copies of pictures"}
STAGES |= {"embed_frames_aug": "copies of pictures"}
OTHER = "audit, gate and tables"


def config(dialogues: int = DIALOGUES, precision: str = PRECISION) -> dict:
    """The demo's config, with the published size and a single run. dialogues: of each session."""
    from emospace.plan.config_files import read_config

    whole = read_config(Path(CONFIG))
    size = {"sessions": SESSIONS, "dialogues": dialogues}
    corpora = {"demo": {"parts": PARTS, "options": {"expect_counts": False}, "generate": size}}
    runs = {name: whole["runs"][name] | {"protocol": "published"} for name in ("probe", RUN)}
    kept = ("model", "protocol", "inputs", "augment")
    runs[RUN] = {key: runs[RUN][key] for key in kept} | {"epochs": EPOCHS, "dropout": 0.0, "precision": precision}
    for feature in ("frames.clip", "frames_aug.clip", "text.clip"):
        whole["features"][feature] |= {"precision": precision}
    whole["views"]["frames"] |= {"borders": "keep"}
    whole["protocols"] = {"published": whole["protocols"]["published"] | {"corpus": "demo"}}
    return whole | {
        "name": NAME,
        "corpora": corpora,
        "runs": runs,
        "analyses": {"subsets": {"runs": []}},
        "examples": 0,
    }


def snakemake(folder: Path, *targets: str) -> None:
    command = ["snakemake", *targets, "--cores", str(CORES), "--quiet", "all", "--configfile", "bench.json"]
    threads = ["--set-threads", f"train_{RUN}={CORES}"]
    subprocess.run([*command, *threads], check=True, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)


def by_stage(logs: Path) -> dict[str, float]:
    """Wall seconds of all jobs of each stage, which run CORES at a time.

    Snakemake also notes their CPU time, but from samples, whose last one can be half a minute before a job ends.
    """
    costs: dict[str, float] = {}
    for path in logs.rglob("*.tsv"):
        name = stage(path.relative_to(logs).parts)
        with open(path, encoding="utf-8") as file:
            line = next(csv.DictReader(file, delimiter="\t"))
        costs[name] = costs.get(name, 0.0) + float(line["s"])
    return costs


def stage(parts: tuple[str, ...]) -> str:
    """Stage of the log logs/<parts>, by the rule, and by the view or feature that it makes."""
    prefix = {"embed": "embed_", "augment_view": "augment_"}.get(parts[0], "")
    name = prefix + parts[2].replace(".", "_") if prefix else parts[0]
    return next((STAGES[start] for start in sorted(STAGES, key=len, reverse=True) if name.startswith(start)), OTHER)


def remade(folder: Path, work: Path) -> tuple[dict[str, tuple[float, float]], list[float]]:
    """Make everything in the naive way; return wall and CPU seconds of each stage, and the losses of the epochs."""
    from emospace.core import manifest
    from emospace.models import cross_modal
    from emospace.models._cross_modal import Terms
    from emospace.weights.record import open_weights

    rows = [line for part in range(PARTS) for line in manifest.read(folder / f"data/manifest/demo/{part}.csv")]
    weights = {
        name: open_weights(folder / f"weights/{name}") for name in (*naive.CHAIN, "minilm", "clip", "whisper_tiny_en")
    }
    silence = json.loads((folder / "bench.json").read_text())["views"]["audio_tts"]["recognise"]["silence"]
    made = naive.Naive(rows, folder / "data/raw/demo", work, weights, SEED, silence)
    done = folder / f"results/{NAME}/runs/{RUN}/fold0-{SEED}"
    architecture = json.loads((done / "run.json").read_text())["facts"]["architecture"] | {"precision": "fp32"}
    items = naive.Items(work, architecture["shapes"])
    terms = Terms({"emotion": 1.0, "gender": 1.0, "reconstruction": 1.0}, 0.1, False)
    network, sides = cross_modal._untrained(architecture, SEED), labelled(folder)
    network.__class__ = Padded
    losses: list[float] = []
    training = {"training": lambda: losses.extend(naive.trained(network, items, sides, EPOCHS // SHARE, terms))}
    costs = naive.timed(made.stages() | training)
    return costs | {"training": tuple(SHARE * cost for cost in costs["training"])}, losses


def labelled(folder: Path) -> dict[str, list[dict]]:
    """Train and dev rows of the fold: utterance, label, gender."""
    base = folder / f"results/{NAME}/protocols/published"
    classes = json.loads(base.with_suffix(".json").read_text())["classes"]
    sides: dict[str, list[dict]] = {"train": [], "dev": [], "test": []}
    with open(base / "fold0.csv", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            label = classes.index(line["label"]) if line["label"] else -1
            gender = {"F": 0, "M": 1}.get(line["gender"], -1)
            sides[line["split"]].append({"utterance": line["utterance"], "label": label, "gender": gender})
    return sides


def compare_features(folder: Path, work: Path) -> None:
    """Compare all features of both ways; raises if one differs in more than a few rows."""
    import numpy as np

    from emospace.core import manifest, store

    for feature, name in FEATURES.items():
        alike = []
        for part in range(PARTS):
            rows = manifest.read(folder / f"data/manifest/demo/{part}.csv")
            top = folder / ("data/augmented" if name.endswith("_aug") else "data")
            for line, mine in zip(rows, store.Ragged.open(top / f"features/demo/{feature}/{part}.npy"), strict=True):
                file = work / name / f"{line.utterance}.npy"
                theirs = np.load(file) if file.exists() else mine[:0]
                same = theirs.shape == mine.shape
                alike.append(np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] if same and len(mine) else float(same))
        assert np.median(alike) > SIMILAR and np.mean(np.array(alike) < SIMILAR) < 0.05, (
            f"{feature}: {sorted(alike)[:9]}"
        )


def compare_losses(losses: list[float], history: Path) -> None:
    with open(history, encoding="utf-8") as file:
        ours = [float(line["loss"]) for line in csv.DictReader(file)]
    for epoch, (mine, theirs) in enumerate(zip(ours, losses, strict=False), 1):
        assert abs(mine - theirs) <= TOLERANCE * abs(mine), f"epoch {epoch}: {mine} here, {theirs} in the naive way"


def table(ours: dict[str, float], theirs: dict[str, tuple[float, float]]) -> str:
    """One line per stage: wall seconds of our jobs, added up; wall and CPU seconds of the naive stage."""
    names = [*theirs, *(name for name in ours if name not in theirs)]
    rows = {name: (ours.get(name, 0.0), *theirs.get(name, (0.0, 0.0))) for name in names}
    rows["all"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    header = f"{'stage, seconds':24} {'ours':>8} {'naive':>8} {'CPU':>8}"
    return "\n".join([header, *(" ".join([f"{name:24}", *(f"{v:8.1f}" for v in row)]) for name, row in rows.items())])


def measure(dialogues: int = DIALOGUES, precision: str = PRECISION) -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        (folder / "bench.json").write_text(json.dumps(config(dialogues, precision)))
        snakemake(folder, "weights", "data/raw/demo/demo.json")
        for log in [*(folder / "logs").rglob("*.tsv")]:
            log.unlink()  # of fetching and generating
        target = f"results/{NAME}/runs/{RUN}/fold0-{SEED}/run.json"
        before = naive.spent()
        taken = wall(lambda: snakemake(folder, target))
        used = naive.spent() - before
        costs, losses = remade(folder, folder / "naive")
        print(table(by_stage(folder / "logs"), costs))
        print(f"ours on {CORES} cores: {taken:.1f} s, {used:.1f} s of CPU time", flush=True)
        compare_features(folder, folder / "naive")
        compare_losses(losses, folder / f"results/{NAME}/runs/{RUN}/fold0-{SEED}/history.csv")
    total = sum(cost for cost, _ in costs.values())
    size = f"{SESSIONS * dialogues} dialogues, {EPOCHS} epochs, precision {precision}"
    note = f"{taken:.0f} s on {CORES} cores, {total:.0f} s in the naive way; {size}"
    claim = Claim("raw demo corpus to the trained published space", "naive", "ours", TARGET, note)
    return [row(claim, [total / taken])]


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:2]), *sys.argv[2:3]))
