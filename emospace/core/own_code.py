"""Find the project's Python files that a module may run, by following import statements without importing anything."""

from pathlib import Path

from emospace.core.provenance import PACKAGE_ROOT
from emospace.core.syntax import syntax

PACKAGES = ("emospace", "workflow_scripts")
TEMPLATES = {".html", ".css"}  # code in another language: they shape an artifact as modules do


def _file(module: str, root: Path) -> Path | None:
    """Return the file of a dotted module name, or None if it names an object inside a module."""
    base = root.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _imports(path: Path) -> set[str]:
    """Return the dotted names of the project's modules imported anywhere in a file, with their packages."""
    own = (name for name in syntax(path).imports if name.partition(".")[0] in PACKAGES)
    return {parent for name in own for parent in _with_packages(name)}


def _with_packages(module: str) -> list[str]:
    """a.b.c -> a, a.b, a.b.c: importing a module runs its packages too."""
    words = module.split(".")
    return [".".join(words[: i + 1]) for i in range(len(words))]


def closure(*modules: str, root: Path = PACKAGE_ROOT) -> list[Path]:
    """Return the files that these modules may run, including their own and the templates in their packages, sorted.

    The caller must pass modules that are looked up by name at run time (plug-ins): no statement imports them.
    """
    files: dict[str, Path] = {}
    todo = [name for module in modules for name in _with_packages(module)]
    while todo:
        name = todo.pop()
        path = None if name in files else _file(name, root)
        if path:
            files[name] = path
            todo.extend(_imports(path))
    packages = [path.parent for path in files.values() if path.name == "__init__.py"]
    templates = [path for folder in packages for path in folder.iterdir() if path.suffix in TEMPLATES]
    return sorted({*files.values(), *templates})
