"""Lines of a database in audformat layout: db.yaml, and a CSV or Parquet file for each table.

Read by the package audformat (MIT; an extra, requirements-extra.txt), but for two things that it does and that run
whatever code a file holds: it loads a table's pickle where there is one, and a header with YAML's unsafe loader. Here
it gets a header that was read as plain data, and tables from a folder that has no pickles.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emospace.core.errors import InputError
from emospace.core.plugin import suggest
from emospace.corpora._csv import Line

HEADER = "db.yaml"
FORMATS = (".parquet", ".csv")
INSTALL = "pip install -r requirements-extra.txt -c constraints.txt"
SAVE = "save the database with `storage_format='csv'` or 'parquet' where you trust it, and delete the pickle"
Key = tuple  # (file,) or (file, start, end), in seconds; None where a piece goes on to the end


@dataclass
class Database:
    """A database whose tables are loaded when they are asked for. files: those that were read, below the root."""

    root: Path
    db: Any
    files: dict[str, str] = field(default_factory=dict)  # table -> its file

    def load(self, name: str) -> Any:
        """A table with its data. Raises InputError where there is none that may be read."""
        table = self.db[name]
        if name not in self.files:
            self.files[name] = _file(self.root, name)
            for other in _referred(self.db, table):  # a label that its misc table does not have would be dropped
                self.load(other)
            _fill(table, self.root / self.files[name])
        return table

    def having(self, column: str) -> list[str]:
        """Tables of files or segments that have a column."""
        return [name for name in self.db.tables if column in self.db[name].columns]


def opened(root: Path) -> Database:
    """The database, its header read. Raises InputError."""
    path = root / HEADER
    try:
        import audformat
    except ImportError as error:
        raise InputError(path, "the package audformat is not installed", INSTALL) from error
    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Database(root, audformat.Database.load_header_from_yaml(header))
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file", "give the folder that holds the database's db.yaml") from error
    except yaml.YAMLError as error:
        raise InputError(path, f"it is no plain YAML ({_first(error)})", "get the database again") from error
    except (KeyError, TypeError, ValueError, AttributeError, audformat.errors.BadValueError) as error:
        raise InputError(path, f"it is no header of audformat ({_first(error)})", "get the database again") from error


def lines(base: Database, columns: Mapping[str, str], tables: Sequence[str]) -> list[Line]:
    """A line for each labelled file or segment. columns: our name -> the database's, label among them.

    tables: those with labels; by default the only one that has the column. A column that these lack is looked up for
    the file, or the segment, in the other tables; then as a field of the speaker's scheme or misc table.
    """
    found = []
    chosen = _chosen(base, columns["label"], tables)
    seen: dict[Key, str] = {}
    for name in chosen:
        table = base.load(name)
        cells = {ours: _column(base, name, theirs, columns) for ours, theirs in columns.items()}
        side = base.db.splits[table.split_id].type if table.split_id else ""
        for number, key in enumerate(_keys(table.index), 2 if base.files[name].endswith(".csv") else 1):
            if (other := seen.setdefault(key, name)) != name:
                reason = f"{key[0]!r} is in the tables {other} and {name}"
                raise InputError(base.root / HEADER, reason, "name one of them in `options: {tables: ...}`")
            told = {ours: value for ours, values in cells.items() if (value := _at(values, key))}
            told |= {"path": key[0], "split": side} | _times(key)
            found.append(Line(base.files[name], number, {k: v for k, v in told.items() if v}))
    return found


def _chosen(base: Database, label: str, tables: Sequence[str]) -> list[str]:
    path, known = base.root / HEADER, base.having(label)
    for name in tables:
        if name not in base.db.tables:
            raise InputError(path, f"it has no table {name!r}", suggest(name, list(base.db.tables)))
        if name not in known:
            reason = f"the table {name!r} has no column {label!r}"
            raise InputError(path, reason, suggest(label, list(base.db[name].columns)))
    if not known:
        every = sorted({column for name in base.db.tables for column in base.db[name].columns})
        like = suggest(label, every)
        raise InputError(
            path, f"no table has a column {label!r}", f"set `options: {{columns: {{label: ...}}}}`; {like}"
        )
    if not tables and len(known) > 1:
        raise InputError(path, f"the tables {', '.join(known)} have {label!r}", "name those to take: `tables: [...]`")
    return list(tables) or known


def _column(base: Database, name: str, column: str, columns: Mapping[str, str]) -> dict[Key, str]:
    """Key -> value of a column, from the table itself, from others, or by way of the speaker; {} if none has it."""
    tables = [name] if column in base.db[name].columns else base.having(column)
    found: dict[Key, str] = {}
    for other in tables:
        series = base.load(other)[column].get()
        found = _values(series) | found
    speaker = columns["speaker"]
    homes = [] if found else [t for t in dict.fromkeys([name, *base.having(speaker)]) if speaker in base.db[t].columns]
    for home in homes:
        if column in _fields(base, home, speaker):
            found = _values(base.load(home)[speaker].get(map=column)) | found
    return found


def _fields(base: Database, table: str, column: str) -> set[str]:
    """What the labels of a column's scheme tell: columns of its misc table, or keys of its dictionary."""
    scheme = base.db.schemes.get(base.db[table].columns[column].scheme_id)
    labels = scheme.labels if scheme else None
    if isinstance(labels, str):
        return set(base.load(labels).columns)
    values = labels.values() if isinstance(labels, dict) else ()
    return {key for value in values if isinstance(value, dict) for key in value}


def _referred(db: Any, table: Any) -> Iterator[str]:
    """Misc tables that hold the labels of a table's columns."""
    for column in table.columns.values():
        labels = db.schemes[column.scheme_id].labels if column.scheme_id else None
        if isinstance(labels, str):
            yield labels


def _file(root: Path, name: str) -> str:
    """The file of a table."""
    for suffix in FORMATS:
        if (root / f"db.{name}{suffix}").is_file():
            return f"db.{name}{suffix}"
    pickled = root / f"db.{name}.pkl"
    if pickled.is_file():
        raise InputError(pickled, "the table is there as a pickle only, which may run any code and is not loaded", SAVE)
    raise InputError(root / f"db.{name}.csv", "the table of the header is not there", "get the database again")


def _fill(table: Any, path: Path) -> None:
    """Load a table by its package, from a folder where no pickle lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / path.name).symlink_to(path.resolve())
        try:
            table.load(str(Path(folder, path.stem)))
        except Exception as error:  # pandas and pyarrow have too many kinds of their own
            raise InputError(path, f"it cannot be read ({_first(error)})", "get the database again") from error


def _keys(index: Any) -> Iterator[Key]:
    """What each row is about."""
    if index.nlevels == 1:
        return ((str(file),) for file in index)
    return ((str(file), _seconds(start), _seconds(end)) for file, start, end in index)


def _seconds(time: Any) -> float | None:
    found = time.total_seconds()
    return None if found != found else found


def _values(series: Any) -> dict[Key, str]:
    """Key -> value that is not missing, as text."""
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
