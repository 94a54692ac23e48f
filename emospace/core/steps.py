"""Steps of an augmented view: separate jobs, so that a changed option of one does not run the others again."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from emospace.core.option_types import Names


@dataclass(frozen=True)
class Step:
    """One job before or after the job that writes an augmented view.

    make: `make(rows, source, out, *, <arguments>, <options>) -> (problems, facts)`, like `AugmentedView.augment`.
    Define it in a separate module if a change of its code should not run the other steps again. reads: the `source`:
    "parent", "child" (the view itself) or the name of another step; further steps are passed by name. block: the key of
    the view's block that holds its options, or "" for the block itself. suffix: ".csv" for texts (emospace.core.texts)
    or ".npy" for a store (emospace.core.store). environment, packages, gpu: as for a view. for_limit: the option of
    `score` that only this step serves. If the gate sets it to null, the step is left out, and `score` gets no file.
    """

    make: Callable
    reads: str = "parent"
    block: str = ""
    suffix: Literal[".csv", ".npy"] = ".csv"
    environment: str = "encode"
    packages: Sequence[str] = ()
    gpu: bool = False
    for_limit: str = ""


def steps(module: Any, suffix: str) -> dict[str, Step]:
    """Return the steps of an augmented view by name; "" is the view's own job, whose main file ends in `suffix`."""
    own = Step(
        module.augment,
        block=module.BLOCK,
        suffix=suffix,
        environment=module.ENVIRONMENT,
        packages=module.PACKAGES,
        gpu=module.GPU,
    )
    return {**module.STEPS, "": own}


def parameters(function: Callable) -> Mapping[str, inspect.Parameter]:
    """Return the keyword-only arguments of a function by name."""
    arguments = inspect.signature(function).parameters
    return {name: p for name, p in arguments.items() if p.kind is p.KEYWORD_ONLY}


def named(function: Callable, options: Mapping[str, Any], block: str) -> dict[str, list[str]]:
    """Return option -> the entries of a block of the config that its value, or its default, names (maybe none)."""
    entries = {}
    for name, parameter in parameters(function).items():
        if Names(block) in get_args(parameter.annotation):
            value = options.get(name, parameter.default)
            value = () if value in (None, "", parameter.empty) else value
            entries[name] = [value] if isinstance(value, str) else list(value)
    return entries
