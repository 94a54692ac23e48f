"""Collect what the report shows of an augmented view: counts of its gate, and examples with their parents."""

from pathlib import Path

from emospace.core import manifest
from emospace.core.provenance import read_json, write_sidecar
from emospace.gate import tables
from emospace.protocols.places import positions
from emospace.report import sheet
from workflow_scripts._command import arguments, run
from workflow_scripts._parts import parts

FILES = ("parent", "child", "parent_words", "child_words")


def examples(args, lines: list[dict[str, str]], count: int) -> list[dict]:
    """Return up to `count` copies with their parents, as the report shows them."""
    rows = {row.utterance: row for row in manifest.read(args.manifest)}
    place = positions(list(rows.values()))
    files = {name: parts(getattr(args, name)) for name in FILES}
    shown = []
    for i in sheet.choose(lines, [rows[line["utterance"]].label for line in lines], count):
        row = rows[lines[i]["utterance"]]
        sides = []
        for side in ("parent", "child"):
            read = sheet.reader(files[side][row.part], files[f"{side}_words"].get(row.part))
            sides.append(read(place[row.utterance], row.utterance))
        shown.append(sheet.example(lines[i], row.label, *sides))
    return shown


def job(args, recipe):
    lines = [line for path in args.scores for line in tables.read(path)]
    about = read_json(args.manifest_sidecar)
    # By default, show no example of a corpus that must not be shared.
    count = recipe["options"].get("examples", sheet.EXAMPLES if about["public"] else 0)
    facts = {"corpus": args.manifest.stem, "view": recipe["view"], "licence": about["licence"], **tables.counts(lines)}
    facts["sides"] = recipe["sides"]
    facts["examples"] = examples(args, lines, count) if count else []
    write_sidecar(args.out, recipe, inputs=[args.manifest_sidecar, *args.sidecars], outputs=[], **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the corpus")
    parser.add_argument("--manifest-sidecar", type=Path, required=True)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="the gate's tables of all parts, .csv")
    parser.add_argument("--parent", type=Path, nargs="+", required=True, help="parent view, all parts")
    parser.add_argument("--child", type=Path, nargs="+", required=True, help="augmented view, all parts")
    parser.add_argument("--parent-words", type=Path, nargs="*", default=[], help="transcripts of the parents, .csv")
    parser.add_argument("--child-words", type=Path, nargs="*", default=[], help="texts that the voice was given, .csv")
    parser.add_argument("--sidecars", type=Path, nargs="*", default=[], help="those of scores, views and words")
    parser.add_argument("--out", type=Path, required=True, help=".json")
    run(parser, job)


if __name__ == "__main__":
    main()
