"""Read the lines of a database in audformat layout: db.yaml, and a CSV or Parquet file for each table.

The package audformat (MIT; an extra, requirements-extra.txt) does the reading, except for two steps in which it would
run code from a file: it loads a table's pickle if there is one, and the header with YAML's unsafe loader. This module
loads the header as plain data, and gives the package a folder without pickles.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emospace.core import extras
from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.corpora._csv import Line

HEADER = "db.yaml"
FORMATS = (".parquet", ".csv")
SAVE = "on a machine where you trust it, save the database with `storage_format='csv'`, and delete the pickle"
Key = tuple  # (file,) or (file, start, end) in seconds; an end of None is the end of the file


@dataclass
class Database:
    """A database that loads its tables on demand. files: paths of the loaded tables, relative to the root."""

    root: Path
    db: Any
    files: dict[str, str] = field(default_factory=dict)  # table -> its file

    def load(self, name: str) -> Any:
        """Load a table. Raises InputError if it has no file that may be read."""
        table = self.db[name]
        if name not in self.files:
            self.files[name] = _file(self.root, name)
            for other in _referred(self.db, table):  # audformat drops labels that are not in their misc table
                self.load(other)
            _fill(table, self.root / self.files[name])
        return table

    def having(self, column: str) -> list[str]:
        """Names of the tables of files or segments that have this column."""
        return [name for name in self.db.tables if column in self.db[name].columns]


def opened(root: Path) -> Database:
    """Open a database: read its header. Raises InputError."""
    path = root / HEADER
    extras.require("audformat", str(path))
    import audformat

    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Database(root, audformat.Database.load_header_from_yaml(header))
    except FileNotFoundError as error:
        raise InputError(
            path, "the file does not exist", "set `root` to the folder of the database's db.yaml"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(path, f"it is not plain YAML ({_first(error)})", "get the database again") from error
    except (KeyError, TypeError, ValueError, AttributeError, audformat.errors.BadValueError) as error:
        raise InputError(path, f"it is not an audformat header ({_first(error)})", "get the database again") from error


def lines(base: Database, columns: Mapping[str, str], tables: Sequence[str]) -> list[Line]:
    """One line per labelled file or segment. columns: our column name -> the database's, including the label's.

    tables: those with labels; by default the only one that has the label column. A column that is not in them is looked
    up by file or segment in the other tables, then as a field of the speaker's scheme or misc table.
    """
    lines = []
    seen: dict[Key, str] = {}
    for name in _labelled(base, columns["label"], tables):
        table = base.load(name)
        cells = {ours: _column(base, name, theirs, columns) for ours, theirs in columns.items()}
        side = base.db.splits[table.split_id].type if table.split_id else ""
        for number, key in enumerate(_keys(table.index), 2 if base.files[name].endswith(".csv") else 1):
            if (other := seen.setdefault(key, name)) != name:
                reason = f"{key[0]!r} is in both tables {other} and {name}"
                raise InputError(base.root / HEADER, reason, "name one of them in `options: {tables: ...}`")
            row = {ours: value for ours, values in cells.items() if (value := _at(values, key))}
            row |= {"path": key[0], "split": side} | _times(key)
            lines.append(Line(base.files[name], number, {k: v for k, v in row.items() if v}))
    return lines


def _labelled(base: Database, label: str, tables: Sequence[str]) -> list[str]:
    """Names of the tables to take labels from. Raises InputError for an unknown table or column, or an open choice."""
    path, known = base.root / HEADER, base.having(label)
    for name in tables:
        if name not in base.db.tables:
            raise InputError(path, f"it has no table {name!r}", suggest(name, list(base.db.tables)))
        if name not in known:
            reason = f"the table {name!r} has no column {label!r}"
            raise InputError(path, reason, suggest(label, list(base.db[name].columns)))
    if not known:
        every = sorted({column for name in base.db.tables for column in base.db[name].columns})
        remedy = f"set `options: {{columns: {{label: ...}}}}`; {suggest(label, every)}"
        raise InputError(path, f"no table has a column {label!r}", remedy)
    if not tables and len(known) > 1:
        reason = f"several tables have a column {label!r}: {', '.join(known)}"
        raise InputError(path, reason, "name those to use: `options: {tables: [...]}`")
    return list(tables) or known


def _column(base: Database, name: str, column: str, columns: Mapping[str, str]) -> dict[Key, str]:
    """Map keys to values of a column: from the table itself, from other tables, or through the speaker; {} if none."""
    tables = [name] if column in base.db[name].columns else base.having(column)
    values: dict[Key, str] = {}
    for other in tables:
        series = base.load(other)[column].get()
        values = _values(series) | values
    speaker = columns["speaker"]
    homes = [] if values else [t for t in dict.fromkeys([name, *base.having(speaker)]) if speaker in base.db[t].columns]
    for home in homes:
        if column in _fields(base, home, speaker):
            values = _values(base.load(home)[speaker].get(map=column)) | values
    return values


def _fields(base: Database, table: str, column: str) -> set[str]:
    """Fields of the labels of a column's scheme: the columns of its misc table, or the keys of its dictionary."""
    scheme = base.db.schemes.get(base.db[table].columns[column].scheme_id)
    labels = scheme.labels if scheme else None
    if isinstance(labels, str):
        return set(base.load(labels).columns)
    values = labels.values() if isinstance(labels, dict) else ()
    return {key for value in values if isinstance(value, dict) for key in value}


def _referred(db: Any, table: Any) -> Iterator[str]:
    """Misc tables that contain the labels of a table's columns."""
    for column in table.columns.values():
        labels = db.schemes[column.scheme_id].labels if column.scheme_id else None
        if isinstance(labels, str):
            yield labels


def _file(root: Path, name: str) -> str:
    """The file of a table. Raises InputError if there is none, or only a pickle."""
    for suffix in FORMATS:
        if (root / f"db.{name}{suffix}").is_file():
            return f"db.{name}{suffix}"
    pickled = root / f"db.{name}.pkl"
    if pickled.is_file():
        raise InputError(
            pickled, "the only file of the table is a pickle, which could run code and is not loaded", SAVE
        )
    raise InputError(
        root / f"db.{name}.csv", "the header lists this table, but it has no file", "get the database again"
    )


def _fill(table: Any, path: Path) -> None:
    """Let audformat load a table from a folder that contains no pickle."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / path.name).symlink_to(path.resolve())
        try:
            table.load(str(Path(folder, path.stem)))
        except Exception as error:  # pandas and pyarrow raise exceptions of many types
            raise InputError(path, f"it cannot be read ({_first(error)})", "get the database again") from error


def _keys(index: Any) -> Iterator[Key]:
    """The file or segment of each row."""
    if index.nlevels == 1:
        return ((str(file),) for file in index)
    return ((str(file), _seconds(start), _seconds(end)) for file, start, end in index)


def _seconds(time: Any) -> float | None:
    seconds = time.total_seconds()
    return None if seconds != seconds else seconds


def _values(series: Any) -> dict[Key, str]:
    """Map keys to values as text, without those that are missing."""
    pairs = zip(_keys(series.index), series, series.isna(), strict=True)
    return {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value, empty in pairs if not empty}


def _at(values: Mapping[Key, str], key: Key) -> str:
    return values.get(key) or values.get(key[:1], "")


def _times(key: Key) -> dict[str, str]:
    if len(key) == 1:
        return {}
    return {name: repr(time) for name, time in zip(("start", "end"), key[1:], strict=True) if time is not None}


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
