"""A corpus of tones: WAV files named <speaker>_<sex>_<label>_<number>.wav, all in one folder."""

from pathlib import Path

from emospace.core.manifest import Problem, Utterance

CODES = {"hi": "high tone", "lo": "low tone"}
LICENCE = "CC0-1.0"
PUBLIC = True
CITATION = "Nobody (2026): Tones"


def group(path):
    """All files of a speaker form one group: s03_F_hi_1.wav is in group 3."""
    name = Path(path)
    return int(name.stem.split("_")[0][1:]) if name.suffix == ".wav" else None


def index(root, files, *, shortest: float = 0.1):
    """Return one row per recording. shortest: seconds; shorter recordings are problems."""
    import soundfile

    rows, problems = [], []
    for file in sorted(files):
        speaker, sex, label, _ = Path(file).stem.split("_")
        try:
            seconds = soundfile.info(root / file).duration
        except soundfile.LibsndfileError as error:
            problems.append(Problem(Path(file).stem, file, "unreadable", str(error), "get it again", dropped=True))
            continue
        if seconds < shortest:
            problems.append(Problem(Path(file).stem, file, "too short", f"{seconds} s", "get it again", dropped=True))
            continue
        rows.append(
            Utterance(
                utterance=Path(file).stem,
                dialogue=Path(file).stem,
                session=speaker,
                speaker=speaker,
                gender=sex,
                scripted=True,
                start=0.0,
                end=seconds,
                whole=True,
                text="a tone",
                audio=file,
                video="",
                crop="",
                label=label,
            )
        )
    return rows, problems
