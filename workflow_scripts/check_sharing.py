"""May what lies here be pushed? Says each licence, and refuses if it forbids sharing and no remote is private.

DVC versions folders and reads config.yaml alone: with what that asks for it takes what another config left behind.
"""

import sys
from pathlib import Path

import yaml

from emospace import plugin
from emospace.errors import InputError
from emospace.provenance import read_json


def corpora_here() -> dict[str, dict]:
    """Corpus -> its `licence` and whether it is `public`, of all that lies in data/: raw, or what was made from it."""
    raw = {p.name for p in Path("data/raw").glob("*")} & set(plugin.names("corpora"))
    found = {name: plugin.find("corpora", name) for name in raw}
    facts = {name: {"licence": corpus.LICENCE, "public": corpus.PUBLIC} for name, corpus in found.items()}
    manifests = sorted(Path("data/manifest").glob("*.json"))
    return facts | {path.stem: read_json(path) for path in manifests}


def check_sharing(config: Path = Path("config.yaml")) -> dict[str, str]:
    """Corpus -> its licence. Raises InputError if one may not be shared and the config names no private remote."""
    private = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("private_remote")
    here = corpora_here()
    for name, about in here.items():
        if not (about["public"] or private):
            reason = f"{name} is here, and may not be shared ({about['licence']}), but no remote is private"
            raise InputError(config, reason, f"name one in `private_remote`, or remove {name} from data and results")
    return {name: about["licence"] for name, about in here.items()}


def main():
    try:
        licences = check_sharing()
    except InputError as error:
        sys.exit(str(error))
    for name, licence in licences.items():
        print(f"{name}, and what is made from it: {licence}")


if __name__ == "__main__":
    main()
