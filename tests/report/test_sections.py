"""Sections of the report: found by file, ordered by the config, held to their contract; their values are escaped."""

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
NOTHING = SimpleNamespace(manifests={"toy": {}}, metrics={})  # no results at all


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Offer a section of this code under the name `planted`."""
    return lambda code: offer(monkeypatch, tmp_path, "sections", "planted", code)


def test_a_section_is_one_file_and_its_values_are_escaped(planted):
    planted(GOOD)
    found = Page(render(NOTHING, ["planted"]))
    assert "script" not in found.tags and found.text().count(EVIL) == 3  # in the navigation, as title, as value
    assert ("section", "id", "planted") in found.attributes and ("a", "href", "#planted") in found.attributes
    assert not set(found.tags) & (VOID - {"meta"})


def test_the_config_selects_and_orders_and_by_default_their_order_does(planted):
    planted(GOOD)
    shipped = ["results", "trust", "runs", "subsets", "analyses", "augmentation", "data", "provenance", "licence"]
    assert templates.ordered() == [shipped[0], "planted", *shipped[1:]]
    assert sections(SimpleNamespace(config={"sections": []})) == templates.ordered()
    assert sections(SimpleNamespace(config={"sections": ["licence", "planted"]})) == ["licence", "planted"]


def test_a_section_that_has_nothing_to_say_is_left_out(planted):
    planted(GOOD.replace(f"{{'word': {EVIL!r}}}", "None"))
    assert "planted" not in render(NOTHING, ["planted"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    return {'word'", "    return [] or {}['word']  # ", "gather.. raised KeyError: 'word'"),
        ("    return {'word'", "    return [1] or {'word'", "gather.. returned a list, not a dict or None"),
        ("{{ word }}", "{{ wrod }}", "its template raised UndefinedError: 'wrod' is undefined"),
    ],
)
def test_what_fails_names_the_file_and_the_contract(planted, old, new, words):
    planted(GOOD.replace(old, new))
    with pytest.raises(InputError, match=f"{FILE}: {words}. see Section in docs/contracts.md"):
        render(NOTHING, ["planted"])


def test_an_input_error_of_a_section_passes_through(planted):
    planted(
        f"from emospace.core.errors import InputError\n{GOOD}".replace("return", 'raise InputError("a", "b", "c")\n   ')
    )
    with pytest.raises(InputError) as error:
        render(NOTHING, ["planted"])
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
            "it has no TEMPLATE, and there is no planted.html beside it",
        ),
        (GOOD.replace("{{ word }}", "{% if %}"), "line 1 of its template: Expected an expression.*. see Section"),
        (GOOD + "import nothing_of_that_name\n", "it cannot be imported .ModuleNotFoundError"),
    ],
)
def test_what_breaks_the_contract_is_refused_when_planned(planted, code, words):
    planted(code)
    with pytest.raises(InputError, match=f"{FILE}: {words}"):
        sections(SimpleNamespace(config={"sections": ["planted"]}))


def test_a_section_that_is_none_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="no 'licences' among the sections"):
        sections(SimpleNamespace(config={"sections": ["licences"]}))


def test_results_are_read_when_asked_for(tmp_path):
    nowhere = [tmp_path / "nothing.json"]
    found = Results(Files(nowhere[0], *[nowhere] * 9), {"config": {"seed": 1}})
    assert found.config == {"seed": 1}
    with pytest.raises(InputError, match="json: no such file"):
        _ = found.audits


def test_planning_needs_no_package_of_the_report():
    """A plan imports every section; matplotlib and scipy would take it seconds."""
    for name in plugin.names("sections"):
        code = plugin.find("sections", name).__loader__.get_source(f"emospace.report.sections.{name}")
        lines = [line for line in code.splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in lines if "tables" in line or "figures" in line or "report.trust" in line]
