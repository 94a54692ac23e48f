"""Tests mirror the rooms of the library: the test of a module is found in one guess or one search.

The test of emospace/a/x.py is tests/a/test_x.py (without the underscore of a private module), or the file whose
docstring names a/x in its last line, `Covers: a/x, a/y.`; a pattern such as a/* names a folder of like plug-ins.
"""

import ast
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import _rooms
import pytest
from conftest import ROOT

COVERS = re.compile(r"^Covers:\s+([^\n.][^.]*)\.\Z", re.MULTILINE)


def holds_code(path: Path) -> bool:
    """Whether a module has more than a docstring."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def modules(project: Path) -> list[str]:
    """The library's modules that hold code, as paths below emospace/ without suffix: `plan/start`, `corpora/demo`."""
    names = {name: path for name, path in _rooms.modules(project).items() if name.startswith("emospace.")}
    return [name.removeprefix("emospace.").replace(".", "/") for name, path in names.items() if holds_code(path)]


def docstrings(project: Path) -> dict[Path, str]:
    """Map each test file, relative to the project, to its docstring."""
    files = sorted((project / "tests").rglob("test_*.py"))
    return {file.relative_to(project): ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "" for file in files}


def own_test(module: str) -> Path:
    """The test file that mirrors a module."""
    folder, _, name = module.rpartition("/")
    return Path("tests", folder, f"test_{name.removeprefix('_')}.py")


def covered(docstring: str) -> list[str]:
    """The modules, or patterns of modules, that a docstring claims in its last line."""
    line = COVERS.search(docstring)
    return re.split(r",\s+", line[1]) if line else []


def matches(module: str, pattern: str) -> bool:
    """Whether a claim names a module; `*` stands for any part of one name, not for folders below."""
    return module.count("/") == pattern.count("/") and fnmatchcase(module, pattern)


def faults(project: Path) -> list[str]:
    """What breaks the convention, each with its remedy."""
    names, files = modules(project), docstrings(project)
    claims = [(file, pattern) for file, docstring in files.items() for pattern in covered(docstring)]
    lines = [f"{file}: begin the file with a docstring that says what it protects" for file in files if not files[file]]
    lines += [
        f"{file}: write the modules as the last line of the docstring, `Covers: plan/start, plan/snapshot.`"
        for file, docstring in files.items()
        if re.search(r"^Covers\b", docstring, re.MULTILINE) and not covered(docstring)
    ]
    lines += [
        f"{file}: `Covers` names {pattern}, but emospace/ has no such module; correct or delete the name"
        for file, pattern in claims
        if not any(matches(name, pattern) for name in names)
    ]
    lines += [
        f"emospace/{name}: no test file covers it. Test it in {own_test(name)}, or, if another file tests it already, "
        f"add `Covers: {name}.` as the last line of that file's docstring (or {name} to the line that is there)"
        for name in names
        if own_test(name) not in files and not any(matches(name, pattern) for _, pattern in claims)
    ]
    numbers = Counter(file.name for file in files)
    return lines + [f"{file}: another test file has this name; rename one" for file in files if numbers[file.name] > 1]


def test_every_module_has_a_test_that_its_name_leads_to():
    if lines := faults(ROOT):
        pytest.fail("\n".join(lines), pytrace=False)


MODULES = {
    "__init__": "",
    "a/__init__": '"""A package without code."""\n',
    "a/_x": "X = 1\n",
    "a/y": "Y = 1\n",
    "b/__init__": "B = 1\n",
    "b/z1": "",
    "b/z2": "Z = 2\n",
}
TESTS = {
    "a/test_x": '"""X is one."""\n',
    "workflow/test_all": '"""The rest.\n\nCovers: a/y, b,\nb/z*.\n"""\n',
}


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("emospace/a/y.py", "Y = 2\n", ""),
        ("emospace/a/new.py", "", ""),
        ("emospace/a/new.py", "N = 1\n", "emospace/a/new: no test file covers it. Test it in tests/a/test_new.py, or"),
        ("emospace/c/__init__.py", "C = 1\n", "emospace/c: no test file covers it. Test it in tests/test_c.py, or"),
        (
            "tests/a/test_y.py",
            '"""Y is one.\n\nCovers: a/y, a/gone.\n"""\n',
            "tests/a/test_y.py: `Covers` names a/gone",
        ),
        ("tests/workflow/test_all.py", '"""Y.\n\nCovers: a/y, b*.\n"""\n', "emospace/b/z2: no test file covers it."),
        ("tests/a/test_y.py", "X = 1\n", "tests/a/test_y.py: begin the file with a docstring"),
        ("tests/a/test_y.py", '"""Y.\n\nCovers: a/y\n"""\n', "tests/a/test_y.py: write the modules as the last line"),
        (
            "tests/a/test_y.py",
            '"""Y.\n\nCovers: a/y.\nMore.\n"""\n',
            "tests/a/test_y.py: write the modules as the last",
        ),
        ("tests/b/test_x.py", '"""Twice."""\n', "tests/a/test_x.py: another test file has this name; rename one"),
    ],
)
def test_a_fault_is_reported_with_its_file_and_remedy(tmp_path, file, text, fault):
    texts = {f"emospace/{name}.py": code for name, code in MODULES.items()}
    for name, code in (texts | {f"tests/{name}.py": code for name, code in TESTS.items()} | {file: text}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    lines = faults(tmp_path)
    assert lines[:1] == [line for line in lines[:1] if fault and line.startswith(fault)]
    assert bool(lines) == bool(fault)
