"""Plug-ins are held to their contracts, and code counts by its syntax tree."""

import ast
from types import ModuleType

import pytest

from docs.write_contracts import PAGE
from emospace.core import contracts, plugin
from emospace.core.errors import InputError
from emospace.core.own_code import closure
from emospace.core.provenance import code_digest


def module(**attributes):
    made = ModuleType("planted")
    vars(made).update(attributes)
    return made


def corpus(**changed):
    def index(root, files, *, strict=True): ...

    def expected(rows, *, strict=True): ...

    whole = {"CODES": {"a": "anger"}, "LICENCE": "CC0-1.0", "PUBLIC": True, "CITATION": "x"}
    whole |= {"group": lambda path: 0, "index": index, "expected": expected}
    return module(**{k: v for k, v in (whole | changed).items() if v is not None})


def index_of(root, files, more): ...


def test_what_may_be_left_out_is_added():
    made = corpus(expected=None)
    plugin.hold(made, contracts.Corpus, "x.py")
    assert (made.NOTE, made.expected([])) == ("", [])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"LICENCE": None}, "x.py: it has no LICENCE. see Corpus in docs/contracts.md"),
        ({"CODES": ["a"]}, r"x.py: CODES is \['a'\]. it must be a mapping"),
        ({"PUBLIC": "yes"}, "x.py: PUBLIC is 'yes'. it must be a valid boolean"),
        ({"index": None}, r"x.py: it has no function index\(\)"),
        ({"index": 3}, r"x.py: it has no function index\(\)"),
        ({"group": lambda file: 0}, r"x.py: group\(\) takes \(file\), not \(path\)"),
        ({"index": index_of}, r"index\(\) takes more, which nobody gives: options are keyword-only"),
    ],
)
def test_what_breaks_a_contract_is_refused_with_file_attribute_and_contract(changed, words):
    with pytest.raises(InputError, match=words):
        plugin.hold(corpus(**changed), contracts.Corpus, "x.py")


@pytest.mark.parametrize("kind", plugin.KINDS)
def test_all_plug_ins_keep_their_contracts(kind):
    for name in plugin.names(kind):
        plugin.find(kind, name)


KNOWN = {"Callable", "Collection", "Iterable", "Literal", "LoadedEncoder", "Mapping", "ModuleType", "NDArray", "Path"}
KNOWN |= {"Sequence", "bool", "bytes", "dict", "float", "int", "list", "np", "str", "tuple"}
CONTRACTS = [contracts.AugmentedView, contracts.LoadedEncoder, *(contract for _, contract in plugin.KINDS.values())]
SAID = [
    (f"{contract.__name__}.{name}: {part}", kind)
    for contract in CONTRACTS
    for name, function in plugin.functions(contract).items()
    for part, kind in function.__annotations__.items()
]


@pytest.mark.parametrize("kind", [kind for _, kind in SAID], ids=[place for place, _ in SAID])
def test_the_page_tells_what_a_function_takes_and_returns(kind):
    """No type is left open but what a section hands to its own template, and each name is told on the page."""
    page, tree = PAGE.read_text(encoding="utf-8"), ast.parse(kind, mode="eval")
    told = {node.value.id for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for name in (node.id for node in ast.walk(tree) if isinstance(node, ast.Name)):
        if name not in KNOWN:
            assert f"\n## {name}\n" in page or f"\n| {name} |" in page or kind == "dict[str, Any] | None", name
        assert name in told or name not in ("dict", "list", "tuple"), f"a {name} of what?"


CODE = '"""What it does."""\n\n\ndef f():\n    """Three."""\n    return 3  # not 4\n'


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
def test_code_counts_by_its_syntax_tree(tmp_path, edited, same):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(CODE)
    after.write_text(edited)
    assert (code_digest(before) == code_digest(after)) == same


def test_an_edit_is_seen_by_the_process_that_has_seen_the_file_before(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(CODE)
    before = code_digest(path)
    path.write_text(CODE.replace("return 3", "return 42"))
    assert code_digest(path) != before


def test_a_module_imported_for_annotations_alone_is_not_run():
    files = {path.name for path in closure("emospace.core.contracts")}
    assert "contracts.py" in files
    assert "weights.py" not in files
