"""Which of our own Python files a module runs: follows `import emospace...` statements, without importing anything."""

from pathlib import Path

from emospace.core.provenance import PACKAGE_ROOT
from emospace.core.syntax import syntax

PACKAGES = ("emospace", "workflow_scripts")
TEMPLATES = {".html", ".css"}  # code in another language: what they say shapes an artifact as a module does


def _file(module: str, root: Path) -> Path | None:
    """The file of a dotted module name, None if it names something inside a module."""
    base = root.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _imports(path: Path) -> set[str]:
    """Dotted names of our own modules that a file imports anywhere, functions included, with their packages."""
    own = (name for name in syntax(path).imports if name.partition(".")[0] in PACKAGES)
    return {parent for name in own for parent in _lineage(name)}


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
            todo.extend(_imports(path))
    packages = [path.parent for path in found.values() if path.name == "__init__.py"]
    templates = [path for folder in packages for path in folder.iterdir() if path.suffix in TEMPLATES]
    return sorted({*found.values(), *templates})
