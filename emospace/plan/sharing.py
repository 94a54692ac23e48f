"""May what lies here be pushed? Says each licence, and refuses if it forbids sharing and no remote is private.

DVC versions folders and reads config.yaml alone: with what that asks for it takes what another config left behind where
all share a folder. What lies under the name of another one counts too: tomorrow it may be called so in config.yaml.
"""

from pathlib import Path
from types import ModuleType

import yaml

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json

# What is called after a corpus here was made from it. (Other folders may have the name of a config.)
FOLDERS = ["data/[!q]*/*", "data/quality/*/*.csv", "data/augmented/*/*", "results/*/export/*"]
FOLDERS += ["results/*/augmented/*/*"]
# Below these names no folder is called after a corpus: the sidecars name all corpora, and their readers.
RESULTS = [f"results/*/{kind}/**/*.json" for kind in ("protocols", "audit", "runs", "evaluation", "augmented")]


def corpora_here() -> dict[str, dict]:
    """Corpus -> its licence, and if it is public, of all that lies here: raw files, or what was made from them."""
    found = {path.stem for pattern in FOLDERS for path in Path().glob(pattern)}
    readers = {name: name for name in sorted(found) if name in plugin.names("corpora")}
    for sidecar in sorted(path for pattern in RESULTS for path in Path().glob(pattern)):
        readers |= read_json(sidecar)["recipe"].get("corpora", {})
    options: dict[str, dict] = {}
    for part in sorted(Path("data/manifest").glob("*/*.json")):
        recipe = read_json(part)["recipe"]
        readers[part.parent.name], options[part.parent.name] = recipe["plugin"], recipe.get("options", {})
    return {name: _told(plugin.find("corpora", reader), options.get(name, {})) for name, reader in readers.items()}


def _told(corpus: ModuleType, options: dict) -> dict:
    """What a reader says without the corpus."""
    return {"licence": corpus.LICENCE, "public": corpus.PUBLIC} | corpus.about(Path("nowhere"), **options)


def check_sharing(config: Path = Path("config.yaml")) -> dict[str, str]:
    """Corpus -> its licence. Raises InputError if one may not be shared and the config names no private remote."""
    private = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("private_remote")
    here = corpora_here()
    for name, corpus in here.items():
        if not (corpus["public"] or private):
            reason = f"{name} is here, and may not be shared ({corpus['licence']}), but no remote is private"
            remedy = f"name one in `private_remote` (it need not exist yet), or remove {name} from data and results"
            raise InputError(config, reason, remedy)
    return {name: corpus["licence"] for name, corpus in here.items()}
