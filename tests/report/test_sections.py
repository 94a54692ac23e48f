"""Sections of the report: discovered by file, ordered by the config, checked against the contract, and escaped.

Covers: plan/run_products, report/templates.
"""

from types import SimpleNamespace

import pytest
from _planted import offer
from _reports import EVIL, VOID, Page

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.plan.run_products import sections
from emospace.report import templates
from emospace.report.page import render
from emospace.report.results import Files, Results

GOOD = f'TITLE = {EVIL!r}\nORDER = 15\nTEMPLATE = "<p>{{{{ word }}}}</p>"\n\n\ndef gather(results):\n'
GOOD += f"    return {{'word': {EVIL!r}}}\n"
FILE = "emospace/report/sections/planted.py"
NO_RESULTS = SimpleNamespace(manifests={"toy": {}}, metrics={})


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Register a section with this code under the name `planted`."""
    return lambda code: offer(monkeypatch, tmp_path, "sections", "planted", code)


def test_a_section_is_one_file_and_its_values_are_escaped(planted):
    planted(GOOD)
    page = Page(render(NO_RESULTS, ["planted"]))
    assert "script" not in page.tags and page.text().count(EVIL) == 3  # in the navigation, as title, as value
    assert ("section", "id", "planted") in page.attributes and ("a", "href", "#planted") in page.attributes
    assert not set(page.tags) & (VOID - {"meta"})


def test_the_config_selects_and_orders_sections_and_the_default_is_by_order(planted):
    planted(GOOD)
    shipped = [
        "results",
        "transfer",
        "price",
        "members",
        "trust",
        "runs",
        "subsets",
        "analyses",
        "augmentation",
        "data",
        "provenance",
        "licence",
    ]
    assert templates.ordered() == [shipped[0], "planted", *shipped[1:]]
    assert sections(SimpleNamespace(config={"sections": []})) == templates.ordered()
    assert sections(SimpleNamespace(config={"sections": ["licence", "planted"]})) == ["licence", "planted"]


def test_a_section_without_content_is_left_out(planted):
    planted(GOOD.replace(f"{{'word': {EVIL!r}}}", "None"))
    assert "planted" not in render(NO_RESULTS, ["planted"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    return {'word'", "    return [] or {}['word']  # ", "gather.. raised KeyError: 'word'"),
        ("    return {'word'", "    return [1] or {'word'", "gather.. returned a list, not a dict or None"),
        ("{{ word }}", "{{ wrod }}", "its template raised UndefinedError: 'wrod' is undefined"),
    ],
)
def test_an_error_names_the_file_and_the_contract(planted, old, new, words):
    planted(GOOD.replace(old, new))
    with pytest.raises(InputError, match=f"{FILE}: {words}. see Section in docs/contracts.md"):
        render(NO_RESULTS, ["planted"])


def test_an_input_error_of_a_section_passes_through(planted):
    planted(
        f"from emospace.core.errors import InputError\n{GOOD}".replace("return", 'raise InputError("a", "b", "c")\n   ')
    )
    with pytest.raises(InputError) as error:
        render(NO_RESULTS, ["planted"])
    assert (error.value.file, error.value.reason, error.value.remedy) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (GOOD.replace("TITLE", "TITEL"), "it has no TITLE. see Section"),
        (GOOD.replace("15", "'first'"), "ORDER is 'first'. it must be a valid integer; see Section"),
        (GOOD.replace("(results)", "(result)"), r"gather.. takes .result., not .results.. see Section"),
        (GOOD.replace("def gather", "def collect"), r"it has no function gather... see Section"),
        (
            GOOD.replace("TEMPLATE", "PATTERN"),
            "it has no TEMPLATE, and planted.html does not exist beside it",
        ),
        (GOOD.replace("{{ word }}", "{% if %}"), "line 1 of its template: Expected an expression.*. see Section"),
        (GOOD + "import nothing_of_that_name\n", "it cannot be imported .ModuleNotFoundError"),
    ],
)
def test_a_violation_of_the_contract_is_rejected_during_planning(planted, code, words):
    planted(code)
    with pytest.raises(InputError, match=f"{FILE}: {words}"):
        sections(SimpleNamespace(config={"sections": ["planted"]}))


def test_an_unknown_section_is_rejected_with_a_suggestion():
    with pytest.raises(InputError, match="no 'licences' among the sections"):
        sections(SimpleNamespace(config={"sections": ["licences"]}))


def test_results_are_read_on_first_access(tmp_path):
    nowhere = [tmp_path / "nothing.json"]
    results = Results(Files(nowhere[0], *[nowhere] * 9), {"config": {"seed": 1}})
    assert results.config == {"seed": 1}
    with pytest.raises(InputError, match="json: no such file"):
        _ = results.audits


def test_planning_imports_no_package_of_the_report():
    """A plan imports every section; matplotlib and scipy would add seconds."""
    for name in plugin.names("sections"):
        code = plugin.find("sections", name).__loader__.get_source(f"emospace.report.sections.{name}")
        lines = [line for line in code.splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in lines if "tables" in line or "figures" in line or "report.trust" in line]
