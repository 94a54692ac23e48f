"""Install plug-ins as a new user would: as files in a copy of the project, or in this process."""

import importlib
import sys
from functools import cache
from pathlib import Path

import yaml
from conftest import ROOT, Project

from docs.write_contracts import PLACES
from emospace.core import plugin

PLUGINS = ROOT / "tests/plugins"


def examples() -> list[str]:
    """Names of the examples of docs/contracts.md."""
    return [name for name in PLACES if (PLUGINS / f"{name}.py").exists()]


def plant(project: Project, name: str) -> dict:
    """Put an example's file where the page says; return the config lines that the page gives for it."""
    target = project.folder / "emospace" / PLACES[name][1]
    assert not target.exists()
    target.write_text((PLUGINS / f"{name}.py").read_text(encoding="utf-8"), encoding="utf-8")
    return yaml.safe_load((PLUGINS / f"{name}.yaml").read_text(encoding="utf-8"))


def merged(config: dict, lines: dict) -> dict:
    """Merge lines into a config: blocks are merged, other values are replaced."""
    found = dict(config)
    for key, value in lines.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def offer(monkeypatch, folder: Path, kind: str, name: str, code: str) -> None:
    """Make a plug-in in `folder` available to this process until the test ends."""
    package = importlib.import_module(f"emospace.{plugin.KINDS[kind][0].replace('/', '.')}")
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    known = plugin.names
    monkeypatch.setattr(package, "__path__", [str(folder), *package.__path__])
    monkeypatch.setattr(plugin, "names", lambda other: sorted({*known(other), name} if other == kind else known(other)))
    monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    # Forget plug-ins that were loaded before.
    monkeypatch.setattr(plugin, "find", cache(getattr(plugin.find, "__wrapped__", plugin.find)))
    importlib.invalidate_caches()


def tones(folder: Path, speakers: int = 6, each: int = 4) -> None:
    """Write the example's corpus: half of the speakers are women; the tones of its two labels overlap."""
    import numpy as np
    import soundfile

    folder.mkdir(parents=True)
    random, time = np.random.default_rng(1), np.arange(8000) / 16000
    for speaker in range(speakers):
        for label, pitch in (("hi", 500), ("lo", 350)):
            for number in range(each):
                tone = 0.3 * np.sin(2 * np.pi * random.normal(pitch, 90) * time) + random.normal(0, 0.05, 8000)
                soundfile.write(folder / f"s{speaker:02d}_{'FM'[speaker % 2]}_{label}_{number}.wav", tone, 16000)
