"""The rooms of the library: no module is at its root, and a room imports only earlier rooms."""

import re

import _rooms
from conftest import ROOT

# Data flows down this list; a room may import those above it. docs/architecture.md shows the same list.
ROOMS = [
    "core",
    "media",
    "weights",
    "speech",
    "corpora",
    "gate",
    "views",
    "protocols",
    "features",
    "training",
    "models",
    "runs",
    "evaluation",
    "analyses",
]
ROOMS += ["report", "plan"]
ORDER = [f"emospace.{room}" for room in ROOMS] + ["workflow_scripts"]


def test_every_module_is_in_a_room():
    known = _rooms.modules(ROOT)
    loose = [name for name, path in known.items() if name.count(".") == 1 and path.name != "__init__.py"]
    assert [name for name in loose if name.startswith("emospace.")] == []
    folders = {name for name, path in known.items() if name.count(".") == 1 and path.name == "__init__.py"}
    assert folders <= {*ORDER}


def test_a_room_imports_only_earlier_rooms():
    upward = {(a, b): n for (a, b), n in _rooms.arrows(ROOT).items() if ORDER.index(a) < ORDER.index(b)}
    assert upward == {}


def test_the_architecture_page_shows_the_rooms_in_their_order():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("| room |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == ROOMS


def test_an_import_that_is_never_run_is_no_arrow(tmp_path):
    for name, text in {
        "emospace/__init__.py": "",
        "emospace/a/__init__.py": "",
        "emospace/b/__init__.py": "",
        "emospace/a/x.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from emospace.b import y\n",
        "emospace/b/y.py": "def f():\n    from emospace.a import x\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert dict(_rooms.arrows(tmp_path)) == {("emospace.b", "emospace.a"): 1}
