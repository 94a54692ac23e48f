"""The rooms of the library: which folder holds each module, and which folders import which.

`python -m tests._rooms [FOLDER OF A CLONE]` prints the counts that docs/architecture.md quotes.
"""

import sys
from collections import Counter
from pathlib import Path

from emospace.core.syntax import syntax

ROOTS = ("emospace", "workflow_scripts")


def modules(project: Path) -> dict[str, Path]:
    """Map the dotted name of each project module to its file."""
    files = {}
    for path in sorted(p for root in ROOTS for p in (project / root).rglob("*.py")):
        parts = path.relative_to(project).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Project modules that a module imports, also inside functions; `from package import module` gives the module."""
    named = {other for other in syntax(path).imports if other in known and other != name}
    return {other for other in named if not any(inner.startswith(f"{other}.") for inner in named)}


def room(name: str) -> str:
    """The folder of a module: the first two parts of its dotted name, or the first for a module at the root."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else parts[0]


def arrows(project: Path) -> Counter:
    """Count the imports between rooms: (importing room, imported room) -> number."""
    known = modules(project)
    rooms = {room(name) for name in known}
    place = {name: name if name in rooms else room(name) for name in known}
    pairs = ((place[name], place[other]) for name, path in known.items() for other in imports(name, path, known))
    return Counter((a, b) for a, b in pairs if a != b)


def main(project: Path) -> None:
    known, counts = modules(project), arrows(project)
    root = [
        name
        for name in known
        if name.count(".") == 1 and known[name].name != "__init__.py" and name.startswith("emospace.")
    ]
    print(f"modules at the root of emospace/: {len(root)}")
    print(f"modules in all: {len(known)}")
    single = sum(len(imports(name, path, known)) for name, path in known.items())
    print(f"imports between modules: {single}")
    mutual = [pair for pair in counts if pair < pair[::-1] in counts]
    print(f"folders: {len({room(name) for name in known})}")
    print(f"arrows between folders: {len(counts)} ({sum(counts.values())} imports)")
    print(f"pairs of folders that import each other: {len(mutual)}")
    for (a, b), number in sorted(counts.items()):
        print(f"  {a} -> {b}: {number}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
