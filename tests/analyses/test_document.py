"""The Word document of several runs, read back."""

import docx
from _results import CLASSES
from test_price import RUNS, TITLES, loaded, tree  # noqa: F401, a fixture

from emospace.analyses import document


def test_the_document_holds_sizes_classes_text_source_and_an_accuracy_per_run(tree, tmp_path):  # noqa: F811
    runs = [loaded(tree, name) for name in RUNS]
    facts = document.analyse(runs, tmp_path, seed=1, title="Speech & text", text_source="simulated", columns=TITLES)
    read = docx.Document(tmp_path / "report.docx")
    text = [paragraph.text for paragraph in read.paragraphs]
    assert text[0] == read.core_properties.title == "Speech & text"
    assert {"Utterances: 60", f"Classes (3): {', '.join(CLASSES)}", "Source of the text: simulated"} <= {*text}
    sizes, scores = ([[cell.text for cell in row.cells] for row in table.rows] for table in read.tables)
    sides = runs[2].sizes()["fold0"]
    assert len(sizes) == 1 + 5 + 3 and sides["train"] + sides["dev"] + sides["test"] == sides["utterances"] == 60
    assert ["as published", "fold0", *(str(sides[side]) for side in document.SIDES)] in sizes
    for line, one in zip(scores[1:], runs, strict=True):
        right = (one.predictions.probabilities.argmax(-1) == one.truth.label).mean()
        assert line[:3] == [one.name, "linear_probe", TITLES[one.name]]
        assert line[3].startswith(f"{100 * right:.1f} [") and line[5] == (", ".join(one.leaks) or "none")
    assert [line["run"] for line in facts["runs"]] == list(RUNS)


def test_the_same_runs_give_the_same_bytes_and_no_source_is_shown_without_one(tree, tmp_path):  # noqa: F811
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        document.analyse([loaded(tree, "a_clean")], tmp_path / name, seed=1)
        written.append((tmp_path / name / "report.docx").read_bytes())
    assert written[0] == written[1]
    assert not any("Source" in p.text for p in docx.Document(tmp_path / "first/report.docx").paragraphs)
