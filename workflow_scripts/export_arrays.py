"""Export a corpus in the layout of earlier work on IEMOCAP: one .npy per utterance in six folders, and two tables."""

import logging
from pathlib import Path

from emospace.core import manifest, texts
from emospace.core.provenance import write_sidecar
from emospace.features import export
from emospace.features.export_inputs import by_view, origins, text_of
from emospace.protocols.places import positions
from workflow_scripts._command import arguments, run
from workflow_scripts._parts import parts


def job(args, recipe):
    rows = manifest.read(args.manifest)
    place = positions(rows)
    stores = by_view({name: parts(files) for name, *files in args.feature})
    read = {view: export.reader(files, place) for view, files in stores.items()}
    before = text_of(parts(args.texts), texts.read, place)
    after = text_of(parts(args.made), texts.read_made, place)
    classes = recipe.get("labels", {}).get("map") or {row.label: row.label for row in rows}
    facts = export.write(
        args.out, args.manifest.stem, rows, read, before, after, classes, origins(args.feature_sidecars)
    )
    for name, utterances in facts["missing"].items():
        if utterances:
            logging.warning("%s lacks %d utterances, such as %s", name, len(utterances), utterances[0])
    inputs = [args.manifest_sidecar, *args.feature_sidecars, *args.text_sidecars]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=sorted(args.out.glob("*.csv")), **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the corpus; its name names the tables")
    parser.add_argument("--feature", nargs="+", action="append", default=[], metavar=("NAME", "FILE"))
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="text view of all parts, .csv")
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="text_bt view of all parts, .csv")
    parser.add_argument("--manifest-sidecar", type=Path, required=True)
    parser.add_argument("--feature-sidecars", type=Path, nargs="*", default=[], help="of all parts of all features")
    parser.add_argument("--text-sidecars", type=Path, nargs="+", required=True, help="of all parts of both text views")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
