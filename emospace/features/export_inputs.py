"""What the export of a corpus reads: features by view and part, texts by row, and the origin of features."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_json
from emospace.features.export import FOLDERS


def origins(sidecars: Sequence[Path]) -> dict[str, dict]:
    """View -> name of its feature, name of the weights, and whether these were random in any part.

    sidecars: those of all parts of all exported features, at most one feature of each view.
    """
    of_parts: dict[str, list[dict]] = {}
    for sidecar in map(read_json, sidecars):
        of_parts.setdefault(sidecar["recipe"]["feature"], []).append(sidecar)
    return {name.split(".")[0]: _origin(name, contents) for name, contents in of_parts.items()}


def _origin(feature: str, contents: Sequence[dict]) -> dict:
    random = any(part["random_weights"] for part in contents)
    if random:
        logging.warning("random weights: the encoder of %s was not pretrained", feature)
    return {"feature": feature, "weights": (contents[0]["weights"] or {}).get("name"), "random": random}


def by_view(features: Mapping[str, dict[str, Path]]) -> dict[str, dict[str, Path]]:
    """View -> part -> store, from feature -> part -> store. Logs the folders that stay empty.

    Raises InputError for a view without a folder, and for a second feature of a view.
    """
    stores: dict[str, dict[str, Path]] = {}
    for name, files in features.items():
        view = name.split(".")[0]
        if view not in FOLDERS or view in stores:
            reason = f"{name} would be {'a second' if view in stores else 'no'} feature of one of the six folders"
            raise InputError("--feature", reason, f"give at most one of each view: {', '.join(FOLDERS)}")
        stores[view] = files
    for view in [name for name in FOLDERS if name not in stores]:
        logging.warning("no %s: the config has no feature of the view %s", FOLDERS[view], view)
    return stores


def text_of(files: Mapping[str, Path], read: Callable, place: Mapping[str, int]) -> Callable[[Utterance], str]:
    """A function from a row to its text, given the table of each part; "" for every row if there are no tables."""
    texts = {part: read(path) for part, path in files.items()}
    return lambda row: texts[row.part][place[row.utterance]] if texts else ""
