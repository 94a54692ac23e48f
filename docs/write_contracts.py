"""Write docs/contracts.md from the docstrings of emospace/core/contracts.py and the examples in tests/plugins."""

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
# Example -> its contract, and the path below emospace/ that a project would give it.
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
# Classes and functions that the contracts mention.
TYPES = ["core.errors.InputError", "core.manifest.Utterance", "core.manifest.Problem", "core.steps.Step"]
TYPES += ["core.store.write", "core.store.Ragged", "weights.record.Weights", "core.data.Rows", "core.data.Fold"]
TYPES += ["core.data.Trained", "core.data.Output", "evaluation.measures.Answers", "evaluation.predictions.Truth"]
TYPES += ["evaluation.predictions.Predictions", "evaluation.trained_run.Run", "evaluation.trained_run.Training"]
TYPES += ["report.results.Results", "report.results.Analysed"]
INTRODUCTION = """\
# Contracts

A plug-in is one new file and a few lines of config. No registry, rule, schema or stage changes: placing the file in its
folder registers it. Files whose names begin with `_` are ignored. `plugin.find` checks a plug-in against its contract
when a run is planned; an error names the file, the attribute and the contract. Faults that show only in data fail the
job.

{rules}

**Options.** An annotation restricts the values of an option: `float`, `Literal["a", "b"]`, or a type from
emospace/core/option_types.py such as `Count` (1, 2, ...) or `Share` (0 to 1). Without an annotation, the value must
have the type of the default. Annotations of options must not be strings, so leave out `from __future__ import
annotations`. For conditions that no annotation can express, define `check_<function>(**options)` in the module and
raise `InputError(file, reason, remedy)` there.

**Imports.** Planning imports every plug-in that the config names. Import heavy packages (torch, librosa, matplotlib)
inside functions. A job has only the packages of its environment (`envs/`).

**Errors.** Raise `InputError(file, reason, remedy)` (emospace/core/errors.py) for anything that a user can fix: it
prints one line, without a traceback. If the contract returns a list of problems, report a bad file or row there and
never raise for it.

**Freshness.** Any edit of a plug-in other than to comments and docstrings rebuilds its outputs and everything that
depends on them.
"""


def page() -> str:
    """Return the text of the whole page."""
    rules = inspect.getdoc(contracts).split("\n\n", 2)[2]  # without the summary and the note on who reads it
    protocols = [(name, value) for name, value in vars(contracts).items() if _is_contract(value)]
    lines = [INTRODUCTION.format(rules=rules), *(line for item in protocols for line in _contract(*item)), "# Types"]
    lines += ["", *_aliases()]
    lines += [line for path in TYPES for line in _type(path)]
    return "\n".join(line.rstrip() for text in lines for line in text.split("\n")).rstrip() + "\n"


def _is_contract(value: Any) -> bool:
    return inspect.isclass(value) and getattr(value, "_is_protocol", False) and value.__module__ == contracts.__name__


def _contract(name: str, contract: type) -> Iterator[str]:
    """Yield the lines of one contract: description, attributes, functions, examples."""
    yield from (f"## {name}", "", inspect.getdoc(contract), "")
    if attributes := list(_attributes(contract)):
        yield from ("| attribute | type | default |", "| --- | --- | --- |", *attributes, "")
    for function, body in vars(contract).items():
        if inspect.isfunction(body) and (function[0] != "_" or function == "__call__"):
            yield from _function(function, body)
    for example, (example_contract, path) in PLACES.items():
        if example_contract == name and (EXAMPLES / f"{example}.py").exists():
            yield from _example(example, path)


def _attributes(contract: type) -> Iterator[str]:
    for name, annotation in inspect.get_annotations(contract).items():
        default = f"`{getattr(contract, name)!r}`" if hasattr(contract, name) else "required"
        yield f"| {name} | `{_cell(annotation)}` | {default} |"


def _function(name: str, function: Callable) -> Iterator[str]:
    signature = _plain(inspect.signature(function))
    optional = " (optional)" if hasattr(function, "optional") else ""
    text = inspect.getdoc(function).replace("\n", "\n  ")
    yield from (_wrapped(f"- `{name}{signature}`{optional}"), "", f"  {text}", "")


def _example(name: str, path: str) -> Iterator[str]:
    code, config = ((EXAMPLES / f"{name}.{suffix}").read_text(encoding="utf-8").rstrip() for suffix in ("py", "yaml"))
    yield from (f"Example, `emospace/{path}`:", "", "```python", code, "```", "")
    yield from ("Config:", "", "```yaml", config, "```", "")


def _aliases() -> Iterator[str]:
    """Yield the lines of a table of type aliases, each with the text below its definition."""
    body = ast.parse(inspect.getsource(contracts)).body
    yield from ("| name | definition | meaning |", "| --- | --- | --- |")
    for node, text in pairwise(body):
        if isinstance(node, ast.AnnAssign):
            definition = ast.unparse(node.value).strip("'\"").replace("'", '"')
            yield f"| {node.target.id} | `{_cell(definition)}` | {text.value.value} |"
    yield ""


def _cell(code: str) -> str:
    return code.replace("|", "\\|")


def _type(path: str) -> Iterator[str]:
    """Yield the lines of a class or function: signature, description, public attributes and methods."""
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(f"emospace.{module}"), name)
    head = _wrapped(f"`emospace.{module}.{name}{_names(value) if inspect.isclass(value) else _arguments(value)}`")
    yield from (f"## {name if inspect.isclass(value) else path}", "", head, "", inspect.getdoc(value) or "", "")
    members = {key: member for key, member in vars(value).items() if key[0] != "_" and inspect.getdoc(member)}
    public = {k: m for k, m in members.items() if isinstance(m, PROPERTIES) or inspect.isroutine(m)}
    lines = [_wrapped(f"- `{k}{_signature(m)}`: {inspect.getdoc(m).splitlines()[0]}") for k, m in public.items()]
    yield from (*lines, *[""] * bool(lines))


def _arguments(function: Any) -> str:
    """Return the signature of a class or function without types."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def _names(cls: type) -> str:
    """Return the names of a class's constructor arguments."""
    return f"({', '.join(inspect.signature(cls).parameters)})"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, subsequent_indent="  " if text[0] == "-" else "", break_long_words=False)


def _signature(member: Any) -> str:
    return "" if isinstance(member, PROPERTIES) else _arguments(getattr(member, "__func__", member))


def _plain(signature: inspect.Signature) -> str:
    """Return a signature without `self` and without the quotes around its string annotations."""
    return re.sub(r"'([^']*)'", r"\1", re.sub(r"^\(self(, )?", "(", str(signature)))


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    with atomic(PAGE) as tmp:
        tmp.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
