"""Shared by the audio and frames views: decode each file once, in a child process, and report every loss."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core.manifest import SLACK, Problem, Utterance
from emospace.media.confined import Failure, confined
from emospace.media.opening import AGAIN, MediaError, effective_size


@dataclass
class Answer:
    """The result for a file: for each of its rows (pieces, error or None), and errors of the file as a whole.

    pieces: buffers (arrays, JPEGs); none if the modality is missing.
    """

    rows: list[tuple[Sequence, MediaError | None]]
    errors: Sequence[MediaError] = field(default=())

    def packed(self) -> bytes:
        """Serialize for the pipe from the child process: a line of JSON, then all pieces."""
        pieces = [[memoryview(piece).cast("B") for piece in row] for row, _ in self.rows]
        sizes = [[len(piece) for piece in row] for row in pieces]
        errors = [vars(error) if error else None for _, error in self.rows]
        head = json.dumps({"sizes": sizes, "rows": errors, "file": list(map(vars, self.errors))})
        return b"".join([head.encode(), b"\n", *(piece for row in pieces for piece in row)])

    @classmethod
    def unpacked(cls, content: bytes) -> "Answer":
        """The inverse of `packed`."""
        head, at = json.loads(content[: content.index(b"\n")]), content.index(b"\n") + 1
        rows = []
        for sizes, error in zip(head["sizes"], head["rows"], strict=True):
            ends = [at + sum(sizes[: k + 1]) for k in range(len(sizes))]
            rows.append(([content[e - s : e] for s, e in zip(sizes, ends, strict=True)], error and MediaError(**error)))
            at += sum(sizes)
        return cls(rows, [MediaError(**error) for error in head["file"]])


def ends_early(start: float, end: float, available: float) -> MediaError | None:
    """Return an error if an interval exceeds its file of `available` seconds by more than SLACK, else None."""
    if end <= available + SLACK:
        return None
    detail = f"the interval is {start:.3f} to {end:.3f} s, the file ends at {available:.3f} s"
    return MediaError("truncated", detail, "copy the file from the corpus again, or correct the times")


def mostly_there(start: float, end: float, available: float) -> bool:
    """Does the file contain at least half of an interval? With less, features would not represent the utterance."""
    return available - start >= (end - start) / 2


def by_file(
    rows: Sequence[Utterance],
    field: str,
    root: Path,
    work: Callable[[str, list[Utterance]], Answer],
    problems: list[Problem],
    workers: int = 1,
) -> Iterator[tuple[Utterance, list[bytes]]]:
    """Yield (row, pieces) in the order of `rows`, calling `work(file, rows of that file)` once per file, in a child.

    work: may raise a MediaError, which then applies to all rows of the file. problems: is appended to. field: "audio"
    or "video"; a row whose field is empty yields (row, []), as the corpus has no such medium. workers: files processed
    at a time. Only results that wait for their turn stay in memory: those of one file, if its rows are adjacent.
    """
    from tqdm import tqdm

    groups = defaultdict(list)
    for row in rows:
        groups[getattr(row, field)].append(row)
    groups.pop("", None)
    replies = confined(
        lambda file: _guarded(work, file, groups[file]), list(groups), lambda f: effective_size(Path(root, f)), workers
    )
    finished = zip(groups, replies, strict=True)
    waiting: dict[str, list[bytes]] = {}
    for row in tqdm(rows, field, disable=None, unit="row"):
        while getattr(row, field) and row.utterance not in waiting:
            file, reply = next(finished)
            answer = _answer(reply, len(groups[file]))
            problems += [_problem("", file, error) for error in answer.errors]
            for owner, (pieces, error) in zip(groups[file], answer.rows, strict=True):
                waiting[owner.utterance] = pieces
                problems += [_problem(owner.utterance, file, error)] if error else []
        yield row, waiting.pop(row.utterance, [])


def _problem(utterance: str, file: str, error: MediaError) -> Problem:
    return Problem(utterance, file, error.reason, error.detail, error.remedy)


def _guarded(work: Callable[[str, list[Utterance]], Answer], file: str, rows: list[Utterance]) -> bytes:
    try:
        return work(file, rows).packed()
    except MediaError as error:
        return Answer([((), error)] * len(rows)).packed()


def _answer(reply: bytes | Failure, rows: int) -> Answer:
    if isinstance(reply, Failure):
        return Answer([((), MediaError("unreadable", reply.detail, AGAIN))] * rows)
    return Answer.unpacked(reply)
