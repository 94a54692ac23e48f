"""What decoding audio and pictures has in common: open each file once, answer row by row, lose nothing silently."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from emospace.manifest import Problem, Utterance

# A file may end this many seconds before an interval does without a word: annotation is no finer than that.
SLACK = 0.1
# Only local files: a media file that is really a playlist must not make the decoder fetch anything.
LOCAL = {"protocol_whitelist": "file"}


class Flaw(Exception):
    """Why a file or an interval is of no (or of limited) use; `reason` is one of emospace.manifest.REASONS."""

    def __init__(self, reason: str, detail: str, remedy: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.remedy = reason, detail, remedy

    def problem(self, row: Utterance, file: str) -> Problem:
        """The line of the quality table that says so for one row."""
        return Problem(row.utterance, file, self.reason, self.detail, self.remedy)


def locate(root: Path, file: str) -> Path:
    """The path of a media file; a Flaw if it is absent or holds no bytes."""
    path = Path(root, file)
    if not path.is_file():
        raise Flaw("missing file", "the corpus has no such file", "copy it from the corpus again")
    if not path.stat().st_size:
        raise Flaw("unreadable", "the file is empty", "copy it from the corpus again")
    return path


def source(path: Path) -> str:
    """What FFmpeg takes for a path: without the prefix, `a:b.avi` would name a protocol."""
    return f"file:{path}"


def ends_early(start: float, end: float, available: float) -> Flaw | None:
    """Compare an interval with the seconds that its file holds: None if they suffice (within SLACK)."""
    if end <= available + SLACK:
        return None
    detail = f"the interval is {start:.3f} to {end:.3f} s, the file ends at {available:.3f} s"
    return Flaw("truncated", detail, "copy the file from the corpus again, or correct the times")


def mostly_there(start: float, end: float, available: float) -> bool:
    """Does the file hold at least half of an interval? Below that its features would describe something else."""
    return available - start >= (end - start) / 2


def by_file(rows: Sequence[Utterance], field: str, work: Callable, run: Callable = map) -> Iterator[tuple]:
    """Yield (row, result, flaw) in the order of `rows`, doing `work(file, rows of that file)` once per file.

    work: returns (result or None, flaw or None) for each of its rows, or raises a Flaw for all of them. field: "audio"
    or "video"; a row whose field is empty yields (row, None, None): the corpus says that it has none. run: `map`, or
    that of a pool. Only results that wait for their turn are held: one file's, where files follow each other.
    """
    from tqdm import tqdm

    groups = defaultdict(list)
    for row in rows:
        groups[getattr(row, field)].append(row)
    groups.pop("", None)
    finished = run(lambda item: _guarded(work, *item), list(groups.items()))
    waiting: dict[str, tuple] = {}
    for row in tqdm(rows, field, disable=None, unit="row"):
        while getattr(row, field) and row.utterance not in waiting:
            waiting.update(next(finished))
        yield row, *waiting.pop(row.utterance, (None, None))


def _guarded(work: Callable, file: str, rows: list[Utterance]) -> dict[str, tuple]:
    try:
        results: Iterable[tuple] = work(file, rows)
    except Flaw as flaw:
        results = [(None, flaw)] * len(rows)
    return dict(zip((row.utterance for row in rows), results, strict=True))
