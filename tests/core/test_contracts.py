"""Plug-ins are checked against their contracts, and code is digested by its syntax tree.

Covers: core/plugin.
"""

import ast
from types import ModuleType

import pytest
from conftest import ROOT

from docs.write_contracts import PAGE
from emospace.core import contracts, plugin
from emospace.core.errors import InputError
from emospace.core.own_code import closure
from emospace.core.provenance import code_digest


def corpus(**changes):
    """Return a module that satisfies the contract of a corpus, except for these changes; None removes an attribute."""

    def index(root, files, *, strict=True): ...

    def expected(rows, *, strict=True): ...

    attributes = {"CODES": {"a": "anger"}, "LICENCE": "CC0-1.0", "PUBLIC": True, "CITATION": "x"}
    attributes |= {"group": lambda path: 0, "index": index, "expected": expected}
    module = ModuleType("planted")
    vars(module).update({k: v for k, v in (attributes | changes).items() if v is not None})
    return module


def index_with_extra_argument(root, files, more): ...


def index_with_a_quoted_annotation(root, files, *, strict: "bool" = True): ...


def test_defaults_are_added_for_omitted_attributes():
    module = corpus(expected=None)
    plugin.hold(module, contracts.Corpus, "x.py")
    assert (module.NOTE, module.expected([])) == ("", [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LICENCE": None}, "x.py: it has no LICENCE. see Corpus in docs/contracts.md"),
        ({"CODES": ["a"]}, r"x.py: CODES is \['a'\]. it must be a mapping"),
        ({"PUBLIC": "yes"}, "x.py: PUBLIC is 'yes'. it must be a valid boolean"),
        ({"index": None}, r"x.py: it has no function index\(\)"),
        ({"index": 3}, r"x.py: it has no function index\(\)"),
        ({"group": lambda file: 0}, r"x.py: group\(\) takes \(file\), not \(path\)"),
        (
            {"index": index_with_extra_argument},
            r"index\(\) takes more, which is never passed: options must be keyword-only",
        ),
        ({"index": index_with_a_quoted_annotation}, r"has the annotation of strict as a string, so its values"),
    ],
)
def test_a_broken_contract_is_refused_with_file_attribute_and_contract(changes, message):
    with pytest.raises(InputError, match=message):
        plugin.hold(corpus(**changes), contracts.Corpus, "x.py")


@pytest.mark.parametrize("kind", plugin.KINDS)
def test_all_plug_ins_satisfy_their_contracts(kind):
    for name in plugin.names(kind):
        plugin.find(kind, name)


KNOWN = {"Callable", "Collection", "Iterable", "Literal", "LoadedEncoder", "Mapping", "ModuleType", "NDArray", "Path"}
KNOWN |= {"Sequence", "bool", "bytes", "dict", "float", "int", "list", "np", "str", "tuple"}
CONTRACTS = [contracts.AugmentedView, contracts.LoadedEncoder, *(contract for _, contract in plugin.KINDS.values())]
ANNOTATIONS = [
    (f"{contract.__name__}.{name}: {argument}", annotation)
    for contract in CONTRACTS
    for name, function in plugin.functions(contract).items()
    for argument, annotation in function.__annotations__.items()
]


@pytest.mark.parametrize("annotation", [text for _, text in ANNOTATIONS], ids=[place for place, _ in ANNOTATIONS])
def test_the_page_defines_every_type_in_a_signature(annotation):
    """Every container has its item type, and every name is on the page; only a section's variables are free."""
    page, tree = PAGE.read_text(encoding="utf-8"), ast.parse(annotation, mode="eval")
    subscripted = {node.value.id for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for name in (node.id for node in ast.walk(tree) if isinstance(node, ast.Name)):
        if name not in KNOWN:
            assert f"\n## {name}\n" in page or f"\n| {name} |" in page or annotation == "dict[str, Any] | None", name
        assert name in subscripted or name not in ("dict", "list", "tuple"), f"a {name} of what?"


CODE = '"""A module."""\n\n\ndef f():\n    """Three."""\n    return 3  # not 4\n'


@pytest.mark.parametrize(
    ("edited", "same"),
    [
        (CODE.replace("not 4", "not 5"), True),
        (CODE.replace("Three", "Number"), True),
        (CODE.replace("\n\n\n", "\n\n# A comment.\n\n"), True),
        (CODE.replace("return 3", "return 4"), False),
        (CODE.replace("def f()", "def f(x=1)"), False),
    ],
)
def test_the_code_digest_ignores_comments_and_docstrings(tmp_path, edited, same):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(CODE)
    after.write_text(edited)
    assert (code_digest(before) == code_digest(after)) == same


def test_an_edit_changes_the_digest_within_one_process(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(CODE)
    before = code_digest(path)
    path.write_text(CODE.replace("return 3", "return 42"))
    assert code_digest(path) != before


def test_imports_for_type_checking_are_not_part_of_the_code():
    files = {str(path.relative_to(ROOT)) for path in closure("emospace.core.contracts")}
    assert "emospace/core/contracts.py" in files
    assert "emospace/weights/record.py" not in files
