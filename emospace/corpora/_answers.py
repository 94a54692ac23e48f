"""Hold a reader of a corpus to its contract: what its functions returned, before anything of it is written."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance, fault

SEE = "see Corpus in docs/contracts.md"


def indexed(
    reader: ModuleType, root: Path, files: Sequence[str], options: dict
) -> tuple[list[Utterance], list[Problem]]:
    """Rows and problems of these files. Raises InputError, naming the reader's file, for anything else."""
    file = plugin.file_of(reader)
    with plugin.blamed(file, "index()", f"one bad file is a Problem, never an exception; {SEE}"):
        answer = reader.index(root, files, **options)
    if not (isinstance(answer, Sequence) and len(answer) == 2 and all(isinstance(one, Sequence) for one in answer)):
        raise InputError(file, f"index() returned {answer!r:.80}", f"return (rows, problems); {SEE}")
    for items, cls in zip(answer, (Utterance, Problem), strict=True):
        _refuse_faulty(items, cls, file, "index()")
    return list(answer[0]), list(answer[1])


def words_of(reader: ModuleType, root: Path, rows: Sequence[Utterance]) -> list:
    """Words of each row with their times, or None. Raises InputError if `words` breaks its contract."""
    file = plugin.file_of(reader)
    with plugin.blamed(file, "words()", SEE):
        answer = list(reader.words(root, rows))
    if len(answer) != len(rows):
        remedy = f"return None for a row whose words are unknown, {SEE}"
        raise InputError(file, f"words() tells of {len(answer)} rows, there are {len(rows)}", remedy)
    for row, words in zip(rows, answer, strict=True):
        if wrong := plugin.fault(words, list[tuple[str, float, float]] | None):
            raise InputError(file, f"words() tells {words!r:.80} of {row.utterance!r}", f"{wrong}; {SEE}")
    return answer


def missed(reader: ModuleType, rows: Sequence[Utterance], options: dict) -> list[Problem]:
    """What the corpus lacks by its publication. Raises InputError, naming the reader's file, for anything else."""
    file = plugin.file_of(reader)
    with plugin.blamed(file, "expected()", SEE):
        answer = list(reader.expected(rows, **options))
    _refuse_faulty(answer, Problem, file, "expected()")
    return answer


def _refuse_faulty(items: Iterable, cls: type, file: str, call: str) -> None:
    """Raise InputError for the first item that is not of this class, or has a field of a wrong type."""
    for k, item in enumerate(items):
        if wrong := fault(item, cls):
            name = f", {item.utterance!r}" if isinstance(item, cls) else ""
            raise InputError(file, f"{call}, {cls.__name__} {k}{name}: {wrong}", SEE)
