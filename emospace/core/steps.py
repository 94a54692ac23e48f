"""Steps of an augmented view: jobs of their own, so that an option of one does not run the others again."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from emospace.core.option_types import Names


@dataclass(frozen=True)
class Step:
    """One job on the way to an augmented view, or after it.

    make: `make(rows, source, out, *, <what it needs>, <options>) -> (problems, facts)`, as `AugmentedView.augment`;
    define it in another module where a change of its code should not run the other steps again. reads: `source`, that
    is "parent", "child" (the view itself) or the name of another step; further steps are given by name. block: the key
    of the view's block that holds its options, or "" for the block itself. suffix: ".csv" of texts
    (emospace.core.texts) or ".npy" of a store (emospace.core.store). environment, packages, gpu: as of a view.
    """

    make: Callable
    reads: str = "parent"
    block: str = ""
    suffix: Literal[".csv", ".npy"] = ".csv"
    environment: str = "encode"
    packages: Sequence[str] = ()
    gpu: bool = False


def steps(module: Any, suffix: str) -> dict[str, Step]:
    """Name -> step of an augmented view; "" is the one that makes the view itself, whose files end in `suffix`."""
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
    """Keyword-only arguments of a function."""
    found = inspect.signature(function).parameters
    return {name: p for name, p in found.items() if p.kind is p.KEYWORD_ONLY}


def named(function: Callable, options: Mapping[str, Any], block: str) -> dict[str, list[str]]:
    """Option -> entries of that block of the config that it names, by its value or its default; none where empty."""
    found = {}
    for name, parameter in parameters(function).items():
        if Names(block) in get_args(parameter.annotation):
            value = options.get(name, parameter.default)
            value = () if value in (None, "", parameter.empty) else value
            found[name] = [value] if isinstance(value, str) else list(value)
    return found
