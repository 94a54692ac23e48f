"""Export a corpus: one .npy per utterance in six folders, and two tables, as earlier work on IEMOCAP trains from."""

import logging
from collections.abc import Callable
from pathlib import Path

from emospace.core import manifest, texts
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_json, write_sidecar
from emospace.features import export
from workflow_scripts._command import arguments, run
from workflow_scripts._sidecars import parts, sidecars
from workflow_scripts.make_protocol import positions


def origin(name: str, files: list[Path]) -> dict:
    """Of a feature: its name, that of its weights, and whether these were random in any part."""
    abouts = [read_json(path) for path in sidecars(*files)]
    random = any(about["random_weights"] for about in abouts)
    if random:
        logging.warning("random weights: what made %s was not pretrained", name)
    return {"feature": name, "weights": (abouts[0]["weights"] or {}).get("name"), "random": random}


def features(given: list[list[str]]) -> dict[str, dict[str, Path]]:
    """View -> part -> store, from `--feature NAME FILE...`; says which folders there will not be."""
    found: dict[str, dict[str, Path]] = {}
    for name, *files in given:
        view = name.split(".")[0]
        if view not in export.FOLDERS or view in found:
            reason = f"{name} would be {'a second' if view in found else 'no'} feature of one of the six folders"
            raise InputError("--feature", reason, f"give at most one of each view: {', '.join(export.FOLDERS)}")
        found[view] = parts(files)
    for view in [name for name in export.FOLDERS if name not in found]:
        logging.warning("no %s: the config has no feature of the view %s", export.FOLDERS[view], view)
    return found


def lines(files: list[Path], read: Callable, place: dict[str, int]) -> Callable[[Utterance], str]:
    """Row -> its text, from the tables of all parts; "" for every row where there are none."""
    by_part = {part: read(path) for part, path in parts(files).items()}
    return lambda row: by_part[row.part][place[row.utterance]] if by_part else ""


def job(args, recipe):
    rows = manifest.read(args.manifest)
    place = positions(rows)
    given = features(args.feature)
    stores = {view: export.reader(files, place) for view, files in given.items()}
    origins = {name.split(".")[0]: origin(name, files) for name, *files in args.feature}
    before, after = lines(args.texts, texts.read, place), lines(args.made, texts.read_made, place)
    classes = recipe.get("labels", {}).get("map") or {row.label: row.label for row in rows}
    facts = export.write(args.out, args.manifest.stem, rows, stores, before, after, classes, origins)
    for name, utterances in facts["missing"].items():
        if utterances:
            logging.warning("%s lacks %d utterances, such as %s", name, len(utterances), utterances[0])
    files = [path for by_part in given.values() for path in by_part.values()]
    inputs = sidecars(args.manifest, *files, *args.texts, *args.made)
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=sorted(args.out.glob("*.csv")), **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the corpus; its name names the tables")
    parser.add_argument("--feature", nargs="+", action="append", default=[], metavar=("NAME", "FILE"))
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="text view of all parts, .csv")
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="text_bt view of all parts, .csv")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
