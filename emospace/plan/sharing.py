"""Refuse to share restricted corpora: check the licence of every corpus with data in the project.

DVC versions whole folders but reads only config.yaml, so it also takes files that other configs left in shared folders.
Files under the name of another config count too, because config.yaml may use that name later.
"""

from pathlib import Path

import yaml

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.corpora._attributes import attributes

# Entries with the name of a corpus that derive from it. (Other folders may have the name of a config.)
FOLDERS = ["data/[!q]*/*", "data/quality/*/*.csv", "data/augmented/*/*", "results/*/export/*"]
FOLDERS += ["results/*/augmented/*/*"]
# No folder below these has the name of a corpus; the sidecars name all corpora and their readers.
RESULTS = [f"results/*/{folder}/**/*.json" for folder in ("protocols", "audit", "runs", "evaluation", "augmented")]


def corpora_here() -> dict[str, dict]:
    """Return corpus -> attributes for each corpus with raw files or artifacts in the project."""
    entries = {path.stem for pattern in FOLDERS for path in Path().glob(pattern)}
    readers = {name: name for name in sorted(entries) if name in plugin.names("corpora")}
    for sidecar in sorted(path for pattern in RESULTS for path in Path().glob(pattern)):
        readers |= read_json(sidecar)["recipe"].get("corpora", {})
    options: dict[str, dict] = {}
    for part in sorted(Path("data/manifest").glob("*/*.json")):
        recipe = read_json(part)["recipe"]
        readers[part.parent.name], options[part.parent.name] = recipe["plugin"], recipe.get("options", {})
    return {name: _attributes(reader, options.get(name, {})) for name, reader in readers.items()}


def _attributes(reader: str, options: dict) -> dict:
    """Return the attributes that a reader states without access to the corpus."""
    corpus = plugin.find("corpora", reader)
    return attributes(corpus, corpus.about(Path("nowhere"), **options))


def check_sharing(config: Path = Path("config.yaml")) -> dict[str, str]:
    """Return corpus -> licence. Raises InputError if one must not be shared and the config names no private remote."""
    private = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("private_remote")
    corpora = corpora_here()
    for name, corpus in corpora.items():
        if not (corpus["public"] or private):
            reason = f"{name} has data in this project and must not be shared ({corpus['licence']})"
            remedy = f"name a `private_remote` (it need not exist yet), or remove {name} from data and results"
            raise InputError(config, f"{reason}, but no remote is private", remedy)
    return {name: corpus["licence"] for name, corpus in corpora.items()}
