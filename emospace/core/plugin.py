"""Find a plug-in by file name, check it against its contract, and check its options against its signature.

A plug-in is one module in a folder (or a package, for a family of modules); its options are keyword arguments of one
function. There is no registry: a file in the folder is the registration, contracts.py defines its content, and the
signature is the schema of its options: names, types, choices and limits.
"""

import difflib
import importlib
import inspect
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from emospace.core import contracts
from emospace.core.errors import InputError, full
from emospace.core.option_types import Names

LIBRARY = Path(__file__).parents[1]
STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
# Kind of plug-in -> its folder below emospace/ and its contract.
KINDS: dict[str, tuple[str, type]] = {
    "corpora": ("corpora", contracts.Corpus),
    "encoders": ("features/encoders", contracts.Encoder),
    "models": ("models", contracts.Model),
    "metrics": ("evaluation/metrics", contracts.Metric),
    "views": ("views", contracts.View),
    "splits": ("protocols/splits", contracts.Split),
    "sections": ("report/sections", contracts.Section),
    "analyses": ("analyses", contracts.Analysis),
}


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind ("corpora", "encoders", "models", ...)."""
    folder = _folder(kind)
    paths = [*folder.glob("*.py"), *(init.parent for init in folder.glob("*/__init__.py"))]
    return sorted(path.stem for path in paths if not path.stem.startswith("_"))


def _folder(kind: str) -> Path:
    return LIBRARY / KINDS[kind][0]


def module_name(kind: str, name: str) -> str:
    """Return the dotted name of a plug-in's module, whether or not it exists."""
    return f"emospace.{KINDS[kind][0].replace('/', '.')}.{name}"


def place(kind: str, name: str) -> str:
    """Return the file of a plug-in relative to the project: a module, or the __init__.py of a family of modules."""
    path = f"emospace/{KINDS[kind][0]}/{name}"
    return f"{path}/__init__.py" if (LIBRARY.parent / path).is_dir() else f"{path}.py"


def file_of(module: ModuleType) -> str:
    """Return the file of a plug-in's module relative to the project, for messages."""
    return module.__name__.replace(".", "/") + ("/__init__.py" if hasattr(module, "__path__") else ".py")


def suggest(word: str, known) -> str:
    """Return a remedy for a misspelt word: the nearest known word, or else all of them."""
    if not known:
        return "leave it out"
    nearest = near(word, known)
    return f"did you mean {nearest!r}?" if nearest else f"known: {', '.join(map(str, known))}"


def near(word: str, known, cutoff: float = 0.5) -> str:
    """Return the most similar known word, or "" if no similarity reaches `cutoff` (0 to 1)."""
    return next(iter(difflib.get_close_matches(str(word), [str(k) for k in known], 1, cutoff)), "")


@cache
def find(kind: str, name: str) -> ModuleType:
    """Return a plug-in's module, checked against its contract and completed with the contract's defaults.

    Raises InputError if there is no such file (with a suggestion), if its import fails, or if it breaks its contract.
    """
    if name not in names(kind):
        raise InputError(place(kind, name), f"there is no {name!r} among the {kind}", suggest(name, names(kind)))
    try:
        module = importlib.import_module(module_name(kind, name))
    except (Exception, SystemExit) as error:
        reason = f"it cannot be imported ({type(error).__name__}: {error})"
        remedy = f"fix it; import heavy packages inside functions; {_see(KINDS[kind][1])}"
        raise InputError(place(kind, name), reason, remedy) from error
    hold(module, contract_of(kind, module), place(kind, name))
    return module


def contract_of(kind: str, module: ModuleType) -> type | None:
    """Return the contract of a plug-in; that of an augmented view if it has a PARENT."""
    return contracts.AugmentedView if kind == "views" and hasattr(module, "PARENT") else KINDS[kind][1]


# Contracts -----------------------------------------------------------------------------------------------------


def hold(module: ModuleType, contract: type | None, file: str) -> None:
    """Raise InputError unless a module satisfies its contract; add the defaults of whatever it leaves out."""
    for name, hint in get_type_hints(contract).items() if contract else ():
        _attribute(module, contract, name, hint, file)
    for name, function in functions(contract).items() if contract else ():
        _function(module, contract, name, function, file)


def functions(contract: type) -> dict[str, Callable]:
    """Return the functions of a contract by name."""
    return {k: f for k, f in vars(contract).items() if inspect.isfunction(f) and (k == "__call__" or k[0] != "_")}


def _attribute(module: ModuleType, contract: type, name: str, hint: Any, file: str) -> None:
    if not hasattr(module, name):
        if not hasattr(contract, name):
            raise InputError(file, f"it has no {name}", _see(contract))
        setattr(module, name, getattr(contract, name))
    if wrong := fault(getattr(module, name), hint):
        raise InputError(file, f"{name} is {getattr(module, name)!r}", f"{wrong}; {_see(contract)}")


def _function(module: ModuleType, contract: type, name: str, declared: Callable, file: str) -> None:
    if not hasattr(module, name) and hasattr(declared, "optional"):
        setattr(module, name, partial(declared, None))  # None stands for `self`
    elif not callable(function := getattr(module, name, None)):
        raise InputError(file, f"it has no function {name}()", _see(contract))
    elif wrong := _signature_fault(function, declared):
        raise InputError(file, f"{name}() {wrong}", _see(contract))


def _signature_fault(function: Callable, declared: Callable) -> str:
    """Return how a function's signature differs from the one that its contract declares, or ""."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return "has no readable signature"
    expected = list(inspect.signature(declared).parameters.values())[1:]  # without self
    passed = [p.name for p in expected if p.kind is p.POSITIONAL_OR_KEYWORD]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if [p.name for p in positional[: len(passed)]] != passed and all(
        p.kind is not p.VAR_POSITIONAL for p in parameters
    ):
        return f"takes ({', '.join(p.name for p in positional)}), not ({', '.join(passed)})"
    if extra := [p.name for p in positional[len(passed) :] if p.default is p.empty]:
        return f"takes {extra[0]}, which is never passed: options must be keyword-only, after a *"
    if text := [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and isinstance(p.annotation, str)]:
        advice = "remove `from __future__ import annotations` or the quotes"
        return f"has the annotation of {text[0]} as a string, so its values cannot be checked: {advice}"
    if hasattr(declared, "configured") or any(p.kind is p.VAR_KEYWORD for p in expected):
        return ""
    known = {p.name for p in expected}
    required = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in known]
    return f"takes {required[0]}, which is never passed: the function has no options" if required else ""


def _see(contract: type) -> str:
    return f"see {contract.__name__} in docs/contracts.md"


def supplied() -> set[str]:
    """Return the keyword-only arguments that the workflow passes under any contract; all others are user options."""
    every = [contracts.AugmentedView, *(contract for _, contract in KINDS.values() if contract)]
    signatures = [inspect.signature(f) for contract in every for f in functions(contract).values()]
    names_ = {p.name for s in signatures for p in s.parameters.values() if p.kind is p.KEYWORD_ONLY}
    return names_ | {"threads", "view", "seed", "weights", "device", "features", "cache"}


def offered(function: Callable, **values: Any) -> dict[str, Any]:
    """Return those of the values that a function takes by name."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: values[p.name] for p in parameters if p.name in values}


def declared(module: ModuleType, function: str, options: Mapping[str, Any], of: str = "train") -> list[str]:
    """Return the names that a function such as Model.extras declares, given the options of `of` with defaults."""
    parameters = inspect.signature(getattr(module, of)).parameters
    complete = {option: parameters[option].default for option in options_of(getattr(module, of))} | dict(options)
    declare = getattr(module, function)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(declare).parameters.values())
    try:
        result = declare(**(complete if takes_all else offered(declare, **complete)))
        return [result] if isinstance(result, str) else list(result)
    except Exception as error:
        reason = f"{function}() raised {type(error).__name__}: {error}"
        raise InputError(file_of(module), reason, f"fix it; {_see(contracts.Model)}") from error


# Options -------------------------------------------------------------------------------------------------------


def options_of(function: Callable, files: Iterable[str] = ()) -> dict[str, Any]:
    """Return the options of a function: keyword-only argument -> its annotation, or else the type of its default.

    files: names of arguments for which the workflow passes a file; arguments annotated Path are such in any case.
    """
    parameters, passed = inspect.signature(function).parameters.values(), supplied() | {*files}
    keyword_only = (p for p in parameters if p.kind is p.KEYWORD_ONLY and p.annotation is not Path)
    # An argument that names weights or a view is a user option, whatever its name.
    return {p.name: _type(p) for p in keyword_only if p.name not in passed or names_entries(p.annotation)}


def names_entries(annotation: Any) -> bool:
    """Does an option with this annotation name entries of a block of the config (see option_types.Names)?"""
    return any(isinstance(mark, Names) for mark in get_args(annotation))


def _type(parameter: inspect.Parameter) -> Any:
    if parameter.annotation is not parameter.empty and not isinstance(parameter.annotation, str):
        return parameter.annotation
    return Any if parameter.default in (None, parameter.empty) else type(parameter.default)


def check_values(types: Mapping[str, Any], options: dict, where: str, taker: str = "it", beside: Iterable = ()) -> None:
    """Raise InputError for the first option that is not in `types`, or whose value its type does not allow.

    types: option -> type or annotation (see option_types.py). where: place in the config. taker: the function that
    takes the options, for the message. beside: unused keys of the same block, as suggestions for a misspelt option.
    """
    for option, value in options.items():
        if option not in types:
            reason = f"{taker} got an unexpected option {option!r}"
            raise InputError(where, reason, suggest(option, [*types, *beside]))
        if wrong := fault(value, types[option]) or _unwritable(value):
            raise InputError(f"{where}: {option}", f"it is {value!r}", wrong)


def fault(value, annotation) -> str:
    """Return what the annotation requires of a value, or "" if the value satisfies it.

    A bool is not a number, an int is also a float, and NaN is never allowed.
    """
    if isinstance(value, float) and math.isnan(value):
        return "it must be a number"
    try:
        adapter = _adapter(annotation)
        if (text := _json(value)) is None:
            adapter.validate_python(value)
        else:
            adapter.validate_json(text)  # accepts a list for a tuple; a config has no tuples
    except ValidationError as error:
        return "it must " + " or ".join(dict.fromkeys(map(_must, error.errors(include_url=False))))
    return ""


def _json(value) -> str | None:
    """Return a value as JSON, or None if JSON cannot express it (some attributes of plug-ins)."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return None


def _unwritable(value) -> str:
    """Return why a value of the config cannot be written into a recipe, or ""."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return "it must consist of text, numbers, true, false, null, lists and mappings; put quotes around a date"
    return ""


def _adapter(annotation) -> TypeAdapter:
    try:
        return TypeAdapter(annotation, config=STRICT)
    except PydanticUserError:  # a dataclass, for one, has a config of its own
        return TypeAdapter(annotation)


def _must(error: dict) -> str:
    """Return Pydantic's message as the end of a sentence that begins with "it must"."""
    if error["type"] == "too_short":
        return f"have at least {error['ctx']['min_length']} item"
    item = next((f"item {part + 1} must " for part in error["loc"] if isinstance(part, int)), "")
    text = (
        error["msg"].removeprefix("Input should ").replace("a valid array", "a list").replace("an object", "a mapping")
    )
    return (f"be a list whose {item}" if item else "") + text


def check_options(kind: str, name: str, function: str, options: dict, where: str, beside: Iterable = ()) -> None:
    """Check options against the keyword-only arguments of a plug-in's function; InputError names the first fault.

    A plug-in can check more than annotations express in `check_<function>(**options)`. where: place in the config for
    the message, e.g. "config.yaml: features: audio.mfcc". beside: as in `check_values`.
    """
    module = find(kind, name)
    check = getattr(module, f"check_{function}", None)
    check_call(getattr(module, function), options, where, f"{name}.{function}()", check, beside)


def check_keys(kind: str, name: str, function: str, keys: Iterable[str]) -> None:
    """Raise InputError for an option with the name of a key of its block: no config could set it."""
    for option in options_of(getattr(find(kind, name), function)):
        if option in keys:
            reason = f"the option {option!r} of {function}() has the name of a key of its block in the config"
            raise InputError(place(kind, name), reason, "rename the option")


def settings(
    functions: Sequence[Callable],
    options: dict,
    where: str,
    taker: str = "it",
    beside: Iterable = (),
    files: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the checked options of a chain of functions, with defaults; each passes its `**options` to the next.

    If the last function takes `**options` too, options that none of them names are not checked. beside, files: as in
    `check_values` and `options_of`. Raises InputError for the first fault.
    """
    types = {option: type_ for function in functions for option, type_ in options_of(function, files).items()}
    parameters = {p.name: p for function in functions for p in inspect.signature(function).parameters.values()}
    missing = [o for o in types if parameters[o].default is inspect.Parameter.empty and o not in options]
    for option in missing:
        if wrong := near(option, options.keys() - types.keys()):
            raise InputError(where, f"{taker} got an unexpected option {wrong!r}", f"did you mean {option!r}?")
    open_ended = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(functions[-1]).parameters.values())
    check_values(types, {o: v for o, v in options.items() if o in types or not open_ended}, where, taker, beside)
    for option in missing:
        raise InputError(where, f"{taker} needs the option {option!r}", "add it")
    return {option: parameters[option].default for option in types} | options


def check_call(
    function: Callable,
    options: dict,
    where: str,
    taker: str,
    check: Callable | None = None,
    beside: Iterable = (),
    files: Iterable[str] = (),
    **known: Any,
) -> None:
    """Check options against the keyword-only arguments of a function, as `check_options` does.

    If the function takes `**options`, those that it does not name are left to `check`. `check` receives all options
    and, if it takes them, `where`, `beside` and the entries of `known`; if it takes `where`, its errors must give the
    place in the config. files: as in `options_of`.
    """
    complete = settings([function], options, where, taker, beside, files)
    if check:
        extra = offered(check, where=where, beside=beside, **known)
        file = f"{check.__module__.replace('.', '/')}.py"
        try:
            with blamed(file, f"{check.__name__}()", "fix it; see Options in docs/contracts.md"):
                check(**complete, **extra)
        except InputError as error:
            if "where" in extra or error.file == file:
                raise
            raise InputError(where, error.reason, error.remedy) from error


# Calls ---------------------------------------------------------------------------------------------------------


@contextmanager
def blamed(file: str, what: str, remedy: str) -> Iterator[None]:
    """Convert any exception of a plug-in to an InputError that names its file; the log keeps the traceback.

    InputError, MemoryError and the errors of a full disk pass unchanged: no edit of the plug-in would prevent them.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        if full(error):
            raise
        logging.getLogger(__name__).info("%s: %s", file, what, exc_info=error)
        raise InputError(file, f"{what} raised {type(error).__name__}: {error}", remedy) from error
