"""Digest and imports of a Python file, both from one parse of its syntax tree, without running anything."""

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from emospace.core.errors import InputError

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields of a node that contain statements


class Syntax(NamedTuple):
    """digest: SHA-256 of the tree without docstrings. imports: dotted names, except those below `if TYPE_CHECKING:`."""

    digest: str
    imports: frozenset[str]


def syntax(path: Path) -> Syntax:
    """Return the digest and imports of a Python file. Raises InputError if it is not valid Python."""
    status = os.stat(path)
    return _syntax(path, status.st_mtime_ns, status.st_size)


@cache
def _syntax(path: Path, _modified: int, _size: int) -> Syntax:
    try:
        tree = ast.parse(Path(path).read_bytes(), str(path))
    except SyntaxError as error:
        raise InputError(path, f"not valid Python ({error})", "fix it and start the workflow again") from error
    imports = frozenset(name for node in _statements(tree, typing=False) for name in _imported(node))
    for node in list(_statements(tree)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return Syntax(hashlib.sha256(_text(tree).encode()).hexdigest(), imports)


def _text(tree: ast.AST) -> str:
    """The tree as text, the same in Python 3.11 and later, so that another Python recomputes nothing.

    Python 3.12 added type parameters to functions and classes, and 3.13 omits empty lists.
    """
    complete = {"show_empty": True} if sys.version_info >= (3, 13) else {}
    return ast.dump(tree, **complete).replace(", type_params=[]", "")


def _statements(node: ast.AST, typing: bool = True) -> Iterator[ast.AST]:
    """Yield the node and all statements in it; skip expressions, which make up most of a tree and contain none.

    typing: include statements below `if TYPE_CHECKING:`, which never run.
    """
    yield node
    for block in BLOCKS:
        for child in getattr(node, block, ()):
            if typing or not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
                yield from _statements(child, typing)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
