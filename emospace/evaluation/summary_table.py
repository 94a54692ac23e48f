"""summary.csv, one row per run: written by `summarize`, read by the report."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core import records

TEXT = {"run", "model", "corpus", "protocol", "baseline", "random_weights", "cluster_unit", "method", "intervals"}
TEXT |= {"training_noise_not_included", "leaks", "in_sample", "compared_protocol"}
FLAGS = ("leaky", "_p_at_most")  # endings of boolean columns


def write(path: Path, rows: Sequence[dict]) -> None:
    """Write the rows, which have the same columns: numbers with six decimals, "" where undefined."""
    write_columns(path, list(rows[0]), rows)


def write_columns(path: Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write selected columns of the rows, in the format of `write`."""
    records.write(path, columns, ({name: _cell(row[name]) for name in columns} for row in rows))


def read(path: Path) -> list[dict]:
    """The rows with parsed numbers; empty cells are None."""
    return [{name: _typed(name, text) for name, text in line.items()} for line in records.read(path, ["run"])]


def _cell(value):
    return str(value).lower() if isinstance(value, bool) else f"{value:.6f}" if isinstance(value, float) else value


def _typed(name: str, text: str):
    if name in TEXT:
        return text
    if name.endswith(FLAGS):
        return text == "true"
    return (int(text) if text.isdigit() else float(text)) if text else None
