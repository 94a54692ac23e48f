"""A corpus of any size in the layout of IEMOCAP, and its config: valid annotations, empty media files."""

from pathlib import Path

TURNS, SESSIONS = 67, 90  # utterances per dialogue, as in IEMOCAP; sessions
LABELS = ("ang", "hap", "neu", "sad")


def corpus(root: Path, utterances: int) -> None:
    """Write annotations and empty media in the layout of IEMOCAP."""
    for number in range(-(-utterances // TURNS)):
        session = number % SESSIONS + 1
        name = f"Ses{session:02d}F_impro{number:04d}"
        top = root / f"Session{session}"
        for folder in ("dialog/EmoEvaluation", "dialog/transcriptions", "dialog/avi/DivX", f"sentences/wav/{name}"):
            (top / folder).mkdir(parents=True, exist_ok=True)
        speaker = "FM"[number // SESSIONS % 2]  # one per dialogue, so that no dialogue links two sides of a fold
        turns = [f"{name}_{speaker}{i:03d}" for i in range(min(TURNS, utterances - number * TURNS))]
        lines = [f"[{i}.0000 - {i}.9000]\t{turn}\t{LABELS[i % 4]}" for i, turn in enumerate(turns)]
        rows = [f"{line}\t[2.5000, 2.5000, 2.5000]\n" for line in lines]
        (top / f"dialog/EmoEvaluation/{name}.txt").write_text("".join(rows))
        (top / f"dialog/transcriptions/{name}.txt").write_text("".join(f"{t} [0-1]: words\n" for t in turns))
        (top / f"dialog/avi/DivX/{name}.avi").touch()
        for turn in turns:
            (top / f"sentences/wav/{name}/{turn}.wav").write_bytes(turn.encode().ljust(64))


def config(parts: int, root: Path | str = "raw") -> dict:
    """Return a config of three features, six folds and four runs; root: folder of the corpus."""
    inputs = ["audio.mfcc", "frames.clip", "text.clip"]
    probe = {"model": "linear_probe", "protocol": "actors"}
    runs = {"probe": probe | {"inputs": inputs}, "probe_audio": probe | {"inputs": inputs[:1]}}
    runs["unified"] = {"model": "unified", "protocol": "actors", "inputs": inputs}
    runs["fusion"] = {"model": "late_fusion", "protocol": "actors", "inputs": ["run:probe", "run:probe_audio"]}
    clip = {"weights": "drawn", "model": "ViT-S-32-alt"}
    return {
        "name": "large",
        "seed": 1,
        "private_remote": "nowhere",
        "on_problem": "warn",
        "labels": {},
        "gate": {},
        "examples": 6,
        "corpora": {"iemocap": {"root": str(root), "parts": parts, "options": {"expect_counts": False}}},
        "views": {"audio": {}, "frames": {}, "text": {}},
        "weights": {"drawn": {"source": "random"}},
        "features": {"audio.mfcc": {}, "frames.clip": clip, "text.clip": clip},
        "protocols": {"actors": {"corpus": "iemocap", "split": "actors", "labels": "iemocap4", "folds": 6}},
        "runs": runs,
    }
