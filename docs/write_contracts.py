"""Write docs/contracts.md from the docstrings of emospace/core/contracts.py and the examples of tests/plugins."""

import argparse
import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from emospace.core import contracts
from emospace.core.provenance import PACKAGE_ROOT, atomic

PROPERTIES = (property, cached_property)
PAGE = PACKAGE_ROOT / "docs/contracts.md"
EXAMPLES = PACKAGE_ROOT / "tests/plugins"
# Example -> the contract that it keeps, and the folder of emospace/ and the name that a project would give it.
PLACES = {
    "corpus": ("Corpus", "corpora/tones.py"),
    "view": ("View", "views/loudness.py"),
    "augmented_view": ("AugmentedView", "views/louder.py"),
    "encoder": ("Encoder", "features/encoders/moments.py"),
    "model": ("Model", "models/nearest_mean.py"),
    "two_stage_model": ("Model", "models/stacked.py"),
    "split": ("Split", "protocols/splits/alternating.py"),
    "metric": ("Metric", "evaluation/metrics/macro_precision.py"),
    "section": ("Section", "report/sections/in_one_sentence.py"),
    "analysis": ("Analysis", "analyses/mistakes.py"),
}
# What contracts speak of: module, and class or function.
TYPES = ["core.errors.InputError", "core.manifest.Utterance", "core.manifest.Problem", "core.store.write"]
TYPES += ["core.store.Ragged", "weights.record.Weights", "core.data.Rows", "core.data.Fold", "core.data.Trained"]
TYPES += ["core.data.Output", "evaluation.measures.Answers", "evaluation.predictions.Truth"]
TYPES += ["evaluation.predictions.Predictions", "evaluation.trained_run.Run", "evaluation.trained_run.Training"]
TYPES += ["report.results.Results", "report.results.Analysed"]
INTRODUCTION = """\
# Contracts

A plug-in is one new file and some lines of the config. No registry, rule, schema or stage changes: the file in its
folder is the registration, and a file whose name begins with `_` is none. `plugin.find` holds it to its contract when a
run is planned, and names file, attribute and contract of what is wrong. What only data can show is refused in the job.

{about}

**Options.** An annotation says what an option may be: `float`, `Literal["a", "b"]`, or one of
emospace/core/option_types.py, such as `Count` (1, 2, ...) or `Share` (0 to 1); without one it must have the type of its
default. What no annotation can say, `check_<function>(**options)` may, if the module has it: it raises
`InputError(file, reason, remedy)`.

**Imports.** A plan imports every plug-in that it names. Import heavy packages (torch, librosa, matplotlib) inside
functions. Only packages of the environment (`envs/`) that the job runs in are there.

**Errors.** What a user can mend is an `InputError(file, reason, remedy)` (emospace/core/errors.py): one line, no
traceback. Never raise for one bad file or row where the contract has a list of problems for it.

**Freshness.** An edit of a plug-in, but for comments and docstrings, has what it made and what depends on that made
again.
"""


def page() -> str:
    """The whole page."""
    about = inspect.getdoc(contracts).split("made from these docstrings.\n")[1]
    kinds = [(name, found) for name, found in vars(contracts).items() if _is_contract(found)]
    lines = [INTRODUCTION.format(about=about), *(line for kind in kinds for line in _contract(*kind)), "# Types", ""]
    lines += _aliases()
    lines += [line for place in TYPES for line in _type(place)]
    return "\n".join(line.rstrip() for text in lines for line in text.split("\n")).rstrip() + "\n"


def _is_contract(found: Any) -> bool:
    return inspect.isclass(found) and getattr(found, "_is_protocol", False) and found.__module__ == contracts.__name__


def _contract(name: str, contract: type) -> Iterator[str]:
    """Lines of one contract: what it is, attributes, functions, examples."""
    yield from (f"## {name}", "", inspect.getdoc(contract), "")
    if attributes := list(_attributes(contract)):
        yield from ("| attribute | type | default |", "| --- | --- | --- |", *attributes, "")
    for function, body in vars(contract).items():
        if inspect.isfunction(body) and (function[0] != "_" or function == "__call__"):
            yield from _function(function, body)
    for example, (of, place) in PLACES.items():
        if of == name and (EXAMPLES / f"{example}.py").exists():
            yield from _example(example, place)


def _attributes(contract: type) -> Iterator[str]:
    for name, kind in inspect.get_annotations(contract).items():
        default = f"`{getattr(contract, name)!r}`" if hasattr(contract, name) else "must be there"
        yield f"| {name} | `{_cell(kind)}` | {default} |"


def _function(name: str, function: Callable) -> Iterator[str]:
    signature = _plain(inspect.signature(function))
    optional = "; may be left out" if hasattr(function, "optional") else ""
    text = inspect.getdoc(function).replace("\n", "\n  ")
    yield from (_wrapped(f"- `{name}{signature}`{optional}"), "", f"  {text}", "")


def _example(name: str, place: str) -> Iterator[str]:
    code, config = ((EXAMPLES / f"{name}.{suffix}").read_text(encoding="utf-8").rstrip() for suffix in ("py", "yaml"))
    yield from (f"Example, `emospace/{place}`:", "", "```python", code, "```", "")
    yield from ("Lines of the config:", "", "```yaml", config, "```", "")


def _aliases() -> Iterator[str]:
    """Lines of a table of the names that contracts give to types, each with the text below its definition."""
    body = ast.parse(inspect.getsource(contracts)).body
    yield from ("| name | what it is | meaning |", "| --- | --- | --- |")
    for node, told in pairwise(body):
        if isinstance(node, ast.AnnAssign):
            kind = ast.unparse(node.value).strip("'\"").replace("'", '"')
            yield f"| {node.target.id} | `{_cell(kind)}` | {told.value.value} |"
    yield ""


def _cell(kind: str) -> str:
    return kind.replace("|", "\\|")


def _type(place: str) -> Iterator[str]:
    """Lines of a class or function: what it is, its fields or arguments, its public attributes and functions."""
    module, _, name = place.rpartition(".")
    found = getattr(importlib.import_module(f"emospace.{module}"), name)
    head = _wrapped(f"`emospace.{module}.{name}{_names(found) if inspect.isclass(found) else _arguments(found)}`")
    yield from (f"## {name if inspect.isclass(found) else place}", "", head, "", inspect.getdoc(found) or "", "")
    members = [(key, value) for key, value in vars(found).items() if key[0] != "_" and inspect.getdoc(value)]
    told = [(key, value) for key, value in members if isinstance(value, PROPERTIES) or inspect.isroutine(value)]
    lines = [_wrapped(f"- `{key}{_signature(value)}`: {inspect.getdoc(value).splitlines()[0]}") for key, value in told]
    yield from (*lines, *[""] * bool(lines))


def _arguments(found: Any) -> str:
    """Arguments of a class or function, without types."""
    signature = inspect.signature(found)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def _names(found: type) -> str:
    """Names of the arguments of a class."""
    return f"({', '.join(inspect.signature(found).parameters)})"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, subsequent_indent="  " if text[0] == "-" else "", break_long_words=False)


def _signature(member: Any) -> str:
    return "" if isinstance(member, PROPERTIES) else _arguments(getattr(member, "__func__", member))


def _plain(signature: inspect.Signature) -> str:
    """A signature without `self` and without quotes around annotations, which are text there."""
    return re.sub(r"'([^']*)'", r"\1", re.sub(r"^\(self(, )?", "(", str(signature)))


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    with atomic(PAGE) as tmp:
        tmp.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
