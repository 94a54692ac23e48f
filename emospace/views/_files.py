"""What decoding audio and pictures has in common: open each file once, answer row by row, lose nothing silently."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.manifest import Problem, Utterance
from emospace.media.confined import Failure, confined
from emospace.media.opening import AGAIN, MediaError, effective_size

# A file may end this many seconds before an interval does without a word: annotation is no finer than that.
SLACK = 0.1


@dataclass
class Answer:
    """What a file holds: for each of its rows (pieces, flaw or None), and flaws of the file as a whole.

    pieces: things with bytes (arrays, JPEGs); none where the modality is missing.
    """

    rows: list[tuple[Sequence, MediaError | None]]
    flaws: Sequence[MediaError] = field(default=())

    def packed(self) -> bytes:
        """Its bytes, for the way from the child that decoded the file: a line of JSON, then all pieces."""
        pieces = [[memoryview(piece).cast("B") for piece in found] for found, _ in self.rows]
        sizes = [[len(piece) for piece in found] for found in pieces]
        flaws = [vars(flaw) if flaw else None for _, flaw in self.rows]
        head = json.dumps({"sizes": sizes, "rows": flaws, "file": list(map(vars, self.flaws))})
        return b"".join([head.encode(), b"\n", *(piece for found in pieces for piece in found)])

    @classmethod
    def unpacked(cls, content: bytes) -> "Answer":
        head, at = json.loads(content[: content.index(b"\n")]), content.index(b"\n") + 1
        rows = []
        for sizes, flaw in zip(head["sizes"], head["rows"], strict=True):
            ends = [at + sum(sizes[: k + 1]) for k in range(len(sizes))]
            rows.append(([content[e - s : e] for s, e in zip(sizes, ends, strict=True)], flaw and MediaError(**flaw)))
            at += sum(sizes)
        return cls(rows, [MediaError(**flaw) for flaw in head["file"]])


def ends_early(start: float, end: float, available: float) -> MediaError | None:
    """Compare an interval with the seconds that its file holds: None if they suffice (within SLACK)."""
    if end <= available + SLACK:
        return None
    detail = f"the interval is {start:.3f} to {end:.3f} s, the file ends at {available:.3f} s"
    return MediaError("truncated", detail, "copy the file from the corpus again, or correct the times")


def mostly_there(start: float, end: float, available: float) -> bool:
    """Does the file hold at least half of an interval? Below that its features would describe something else."""
    return available - start >= (end - start) / 2


def by_file(
    rows: Sequence[Utterance],
    field: str,
    root: Path,
    work: Callable[[str, list[Utterance]], Answer],
    problems: list[Problem],
    workers: int = 1,
) -> Iterator[tuple[Utterance, list[bytes]]]:
    """Yield (row, pieces) in the order of `rows`, doing `work(file, rows of that file)` once per file, in a child.

    work: may raise a MediaError for all rows of the file. problems: gets what is wrong. field: "audio" or "video"; a
    row whose field is empty yields (row, []): the corpus says that it has none. workers: files worked on at a time.
    Only results that wait for their turn are held: one file's, where files follow each other.
    """
    from tqdm import tqdm

    groups = defaultdict(list)
    for row in rows:
        groups[getattr(row, field)].append(row)
    groups.pop("", None)
    done = confined(
        lambda file: _guarded(work, file, groups[file]), list(groups), lambda f: effective_size(Path(root, f)), workers
    )
    finished = zip(groups, done, strict=True)
    waiting: dict[str, list[bytes]] = {}
    for row in tqdm(rows, field, disable=None, unit="row"):
        while getattr(row, field) and row.utterance not in waiting:
            file, reply = next(finished)
            answer = _answer(reply, len(groups[file]))
            problems += [Problem("", file, f.reason, f.detail, f.remedy) for f in answer.flaws]
            for one, (pieces, flaw) in zip(groups[file], answer.rows, strict=True):
                waiting[one.utterance] = pieces
                problems += [Problem(one.utterance, file, flaw.reason, flaw.detail, flaw.remedy)] if flaw else []
        yield row, waiting.pop(row.utterance, [])


def _guarded(work: Callable[[str, list[Utterance]], Answer], file: str, rows: list[Utterance]) -> bytes:
    try:
        return work(file, rows).packed()
    except MediaError as flaw:
        return Answer([((), flaw)] * len(rows)).packed()


def _answer(reply: bytes | Failure, rows: int) -> Answer:
    if isinstance(reply, Failure):
        return Answer([((), MediaError("unreadable", reply.detail, AGAIN))] * rows)
    return Answer.unpacked(reply)
