"""A Word document of several runs: sizes of the data set and of its sides, classes, source of the text, scores."""

import io
import zipfile
from pathlib import Path

JOINT = True
OUTPUTS = ("report.docx",)
ENVIRONMENT = "report"
PACKAGES = ("numpy", "python-docx")
SIDES = ("train", "dev", "test")
STAMP = (1980, 1, 1, 0, 0, 0)  # of the files in the document, so that the same content gives the same bytes


def analyse(
    run,
    out: Path,
    *,
    seed: int,
    title: str = "Emotion recognition report",
    text_source: str = "",
    columns: dict[str, str] = {},  # noqa: B006, never changed
) -> dict:
    """Write report.docx; return its figures as facts.

    title: of the document. text_source: where the runs' texts come from, such as "simulated". columns: run -> title of
    its protocol; planning completes it.
    """
    sizes = {one.protocol: one.sizes() for one in run}
    titles = {one.protocol: columns.get(one.name, one.protocol) for one in run}
    splits = [(titles[name], fold, sides) for name, folds in sizes.items() for fold, sides in folds.items()]
    facts = {"classes": list(dict.fromkeys(label for one in run for label in one.classes)), "text_source": text_source}
    facts |= {"utterances": max(sides["utterances"] for *_, sides in splits), "runs": [_scores(one) for one in run]}
    (out / OUTPUTS[0]).write_bytes(_document(title, facts, splits, titles))
    return facts


def _scores(run) -> dict:
    """Accuracy of a run with its interval, and its unweighted accuracy."""
    cells = {name: run.measured(run.predictions.probabilities, name) for name in ("WA", "UA")}
    line = {"run": run.name, "model": run.model, "protocol": run.protocol, "leaks": list(run.leaks)}
    return (
        line
        | {"accuracy": cells["WA"]["value"], "lo": cells["WA"]["lo"], "hi": cells["WA"]["hi"]}
        | {"ua": cells["UA"]["value"]}
    )


def _document(title: str, facts: dict, splits: list[tuple], titles: dict[str, str]) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title, document.core_properties.author = title, "emospace"
    document.add_heading(title, 0)
    document.add_heading("Data", 1)
    document.add_paragraph(f"Utterances: {facts['utterances']}")
    document.add_paragraph(f"Classes ({len(facts['classes'])}): {', '.join(facts['classes'])}")
    if facts["text_source"]:
        document.add_paragraph(f"Source of the text: {facts['text_source']}")
    lines = [[name, fold, *(str(sides[side]) for side in SIDES)] for name, fold, sides in splits]
    _table(document, ["Protocol", "Fold", *SIDES], lines)
    document.add_heading("Accuracy", 1)
    _table(
        document, ["Run", "Model", "Protocol", "Accuracy", "UA", "Leaks"], [_cells(r, titles) for r in facts["runs"]]
    )
    document.add_paragraph(
        "Accuracy on test rows in percent, with the 95 % interval. UA: mean recall of the classes. Leaks: what reveals"
        " something of the test rows in training; such a score does not hold for new data."
    )
    return _packed(document)


def _cells(run: dict, titles: dict[str, str]) -> list[str]:
    interval = "" if run["lo"] is None else f" [{_percent(run['lo'])}, {_percent(run['hi'])}]"
    leaks = ", ".join(run["leaks"]) or "none"
    scores = [_percent(run["accuracy"]) + interval, _percent(run["ua"])]
    return [run["run"], run["model"], titles[run["protocol"]], *scores, leaks]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _table(document, header: list[str], lines: list[list[str]]) -> None:
    table = document.add_table(rows=0, cols=len(header), style="Light Grid Accent 1")
    for line in [header, *lines]:
        for cell, text in zip(table.add_row().cells, line, strict=True):
            cell.text = text


def _packed(document) -> bytes:
    """The document with fixed time stamps."""
    written, fixed = io.BytesIO(), io.BytesIO()
    document.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, STAMP), source.read(name), zipfile.ZIP_DEFLATED)
    return fixed.getvalue()
