"""The rooms of the library: which module lies in which folder, and which folder imports which.

`python tests/_rooms.py [FOLDER OF A CLONE]` prints the counts that docs/architecture.md quotes.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("emospace", "workflow_scripts")


def modules(project: Path) -> dict[str, Path]:
    """Dotted name of each of our modules, and its file."""
    found = {}
    for path in sorted(p for root in ROOTS for p in (project / root).rglob("*.py")):
        parts = path.relative_to(project).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which are never run."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from run(child)


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Those of our modules that one imports, at its top or inside a function."""
    found = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in run(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            found |= {inner if (inner := f"{base}.{alias.name}") in known else base for alias in node.names}
    return {other for other in found if other in known and other != name}


def room(name: str) -> str:
    """The folder of a module: the first two words of its dotted name, or one where it lies at the root."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else parts[0]


def arrows(project: Path) -> Counter:
    """How many imports lead from one room to another: (from, to) -> number."""
    known = modules(project)
    rooms = {room(name) for name in known}
    place = {name: name if name in rooms else room(name) for name in known}
    pairs = ((place[name], place[other]) for name, path in known.items() for other in imports(name, path, known))
    return Counter((a, b) for a, b in pairs if a != b)


def main(project: Path) -> None:
    known, found = modules(project), arrows(project)
    root = [
        name
        for name in known
        if name.count(".") == 1 and known[name].name != "__init__.py" and name.startswith("emospace.")
    ]
    print(f"modules at the root of emospace/: {len(root)}")
    print(f"modules in all: {len(known)}")
    single = sum(len(imports(name, path, known)) for name, path in known.items())
    print(f"imports between modules: {single}")
    print(f"arrows between folders: {len(found)} ({sum(found.values())} imports)")
    for (a, b), number in sorted(found.items()):
        print(f"  {a} -> {b}: {number}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
