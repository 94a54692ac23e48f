"""Which of our own Python files a module runs: follows `import emospace...` statements, without importing anything."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from emospace.provenance import PACKAGE_ROOT

PACKAGES = ("emospace", "workflow_scripts")
TEMPLATES = {".html", ".css"}  # code in another language: what they say shapes an artifact as a module does


def _file(module: str, root: Path) -> Path | None:
    """The file of a dotted module name, None if it names something inside a module."""
    base = root.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def _imports(path: Path, root: Path) -> frozenset[str]:
    """Dotted names of our own modules that a file imports anywhere, functions included, with their packages."""
    names = set()
    for node in _run(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = {n for n in names if n.split(".")[0] in PACKAGES}
    return frozenset(parent for name in own for parent in _lineage(name))


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which are never run."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from _run(child)


def _lineage(module: str) -> list[str]:
    """a.b.c -> a, a.b, a.b.c: importing a module runs its packages too."""
    words = module.split(".")
    return [".".join(words[: i + 1]) for i in range(len(words))]


def closure(*modules: str, root: Path = PACKAGE_ROOT) -> list[Path]:
    """Files that running these modules may execute, themselves included, sorted; and templates beside a package.

    Modules found at run time by name (plug-ins) must be given by the caller: no statement imports them.
    """
    found: dict[str, Path] = {}
    todo = [name for module in modules for name in _lineage(module)]
    while todo:
        name = todo.pop()
        path = None if name in found else _file(name, root)
        if path:
            found[name] = path
            todo.extend(_imports(path, root))
    packages = [path.parent for path in found.values() if path.name == "__init__.py"]
    templates = [path for folder in packages for path in folder.iterdir() if path.suffix in TEMPLATES]
    return sorted({*found.values(), *templates})
