"""summary.csv, one row per run: written by `summarize`, read by the report."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core import records

WORDS = {"run", "model", "corpus", "protocol", "baseline", "random_weights", "cluster_unit", "method", "intervals"}
WORDS |= {"training_noise_not_included", "leaks", "in_sample", "compared_protocol"}
FLAGS = ("leaky", "_p_at_most")  # ends of columns that hold true or false


def write(path: Path, rows: Sequence[dict]) -> None:
    """Write the rows, all of the same columns: numbers with six digits, "" for what is undefined."""
    write_columns(path, list(rows[0]), rows)


def write_columns(path: Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write some columns of rows, cells as `write` has them."""
    records.write(path, columns, ({name: _cell(row[name]) for name in columns} for row in rows))


def read(path: Path) -> list[dict]:
    """The rows with numbers as numbers; what is empty is None."""
    return [{name: _typed(name, text) for name, text in line.items()} for line in records.read(path, ["run"])]


def _cell(value):
    return str(value).lower() if isinstance(value, bool) else f"{value:.6f}" if isinstance(value, float) else value


def _typed(name: str, text: str):
    if name in WORDS:
        return text
    if name.endswith(FLAGS):
        return text == "true"
    return (int(text) if text.isdigit() else float(text)) if text else None
