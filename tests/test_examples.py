"""docs/contracts.md says what the contracts say, and its examples, planted as a user would, run end to end."""

import csv
import re

import pytest
from _planted import PLUGINS, examples, merged, plant, tones
from conftest import Project
from test_report import Page

from workflow_scripts.write_contracts import PAGE, PLACES, page

# What all examples stand on: two features of sound, a probe, and a model of both.
BASE = {
    "name": "planted",
    "seed": 1,
    "corpora": {},
    "views": {},
    "features": {"audio.mfcc": {}, "audio.low": {"encoder": "mfcc", "coefficients": 8}},
    "protocols": {},
    "runs": {
        "probe": {"model": "linear_probe", "protocol": "tones", "inputs": ["audio.mfcc"]},
        "space": {"model": "unified", "protocol": "tones", "inputs": ["audio.mfcc", "audio.low"], "epochs": 8},
    },
}


def test_the_page_is_made_from_the_contracts():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make format"


def test_every_example_has_lines_of_a_config_and_a_place_of_its_own():
    assert {path.stem for path in PLUGINS.glob("*.py")} == {path.stem for path in PLUGINS.glob("*.yaml")}
    assert {path.stem for path in PLUGINS.glob("*.py")} <= set(PLACES)
    assert len({place for _, place in PLACES.values()}) == len(PLACES)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Project:
    """A copy of the project with every example in it, run once."""
    folder = tmp_path_factory.mktemp("planted")
    tones(folder / "tones")
    (folder / "project").mkdir()
    project, config = Project(folder / "project"), BASE
    for name in examples():
        config = merged(config, plant(project, name))
    project.configure(config)
    project.snakemake("report", "analyse")
    return project


def lines(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.workflow
def test_every_example_runs_end_to_end(planted):
    results = planted.folder / "results/planted"
    found = Page((results / "report.html").read_text(encoding="utf-8"))
    assert [row["n"] for row in lines(results / "summary.csv")][:2] == ["48", "48"]
    # The section, where the config puts it, and none that it does not name.
    sections = [value for tag, name, value in found.attributes if (tag, name) == ("section", "id")]
    assert sections == ["in_one_sentence", "results", "trust", "subsets", "analyses"]
    assert re.search(r"is right for [\d.]+ % \(UA\), and for [\d.]+ % of what s\d\d says", found.text())
    # Of the analysis a table, a picture that is no markup of the page, and links that lead somewhere.
    sources = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 1 and sources[0].startswith("data:image/svg+xml;base64,")
    links = [value for tag, name, value in found.attributes if (tag, name) == ("a", "href") and value[0] != "#"]
    assert "analyses/probe/mistakes/mistakes.mp4" in links and all((results / link).is_file() for link in links)
    assert "utterance label predicted" in found.text()
    assert len(lines(results / "analyses/probe/mistakes/mistakes.csv")) == 5


@pytest.mark.workflow
def test_the_table_of_subsets_is_made_by_default_and_agrees_with_the_summary(planted):
    results = planted.folder / "results/planted"
    found = lines(results / "analyses/space/subsets/subsets.csv")
    assert [line["inputs"] for line in found] == ["audio.mfcc", "audio.low", "audio.mfcc audio.low"]
    assert len({line["UA"] for line in found}) > 1
    told = next(row for row in lines(results / "summary.csv") if row["run"] == "space")
    assert [found[-1][key] for key in ("n", "UA", "UA_lo", "UA_hi")] == [told[k] for k in ("n", "UA", "UA_lo", "UA_hi")]
    assert not (results / "analyses/probe/subsets").exists()


@pytest.mark.workflow
def test_an_analysis_is_fresh_until_its_code_changes(planted):
    assert planted.planned("report", "analyse") == {}
    target = planted.folder / "emospace" / PLACES["analysis"][1]
    code = target.read_text(encoding="utf-8")
    try:
        target.write_text(code.replace("* n + 1", "* n + 2"), encoding="utf-8")
        jobs = planted.planned("report", "analyse")
        assert {name for name in jobs if name not in ("report", "analyse")} == {"analyse_mistakes", "make_report"}
    finally:
        target.write_text(code, encoding="utf-8")
