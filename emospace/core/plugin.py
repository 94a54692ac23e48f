"""Find a component by file name, hold it to its contract, and check its options against its signature.

A plug-in is one module of a folder (or a package, for a family of modules), and its options are the keyword arguments
of one function. There is no registry: a file in the folder is the registration, contracts.py says what must be in it,
the signature is the schema of its options: their names, types, words and limits.
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
    """Names of all plug-ins of a kind ("corpora", "encoders", "models", ...)."""
    folder = _folder(kind)
    found = [*folder.glob("*.py"), *(init.parent for init in folder.glob("*/__init__.py"))]
    return sorted(path.stem for path in found if not path.stem.startswith("_"))


def _folder(kind: str) -> Path:
    return LIBRARY / KINDS[kind][0]


def module_name(kind: str, name: str) -> str:
    """Dotted name of a plug-in's module, whether or not it is there."""
    return f"emospace.{KINDS[kind][0].replace('/', '.')}.{name}"


def place(kind: str, name: str) -> str:
    """File of a plug-in, relative to the project: a module, or the __init__.py of a family of modules."""
    path = f"emospace/{KINDS[kind][0]}/{name}"
    return f"{path}/__init__.py" if (LIBRARY.parent / path).is_dir() else f"{path}.py"


def file_of(module: ModuleType) -> str:
    """The file of a plug-in as messages name it, below the folder of the project."""
    return module.__name__.replace(".", "/") + ("/__init__.py" if hasattr(module, "__path__") else ".py")


def suggest(word: str, known) -> str:
    """A remedy for a misspelt word: the nearest known one, all of them, or to do without where there is none."""
    if not known:
        return "leave it out"
    found = near(word, known)
    return f"did you mean {found!r}?" if found else f"known: {', '.join(map(str, known))}"


def near(word: str, known, alike: float = 0.5) -> str:
    """The known word that is most like this one, or "" if none is at least so much `alike` (0 to 1)."""
    return next(iter(difflib.get_close_matches(str(word), [str(k) for k in known], 1, alike)), "")


@cache
def find(kind: str, name: str) -> ModuleType:
    """The plug-in of that name, held to its contract and completed with what its contract says by default.

    Raises InputError if there is no such file (with a suggestion), if its import fails, or if it breaks its contract.
    """
    if name not in names(kind):
        raise InputError(place(kind, name), f"there is no {name!r} among the {kind}", suggest(name, names(kind)))
    try:
        module = importlib.import_module(module_name(kind, name))
    except (Exception, SystemExit) as error:
        reason = f"it cannot be imported ({type(error).__name__}: {error})"
        remedy = f"mend it; imports of heavy packages belong in functions; {_see(KINDS[kind][1])}"
        raise InputError(place(kind, name), reason, remedy) from error
    hold(module, contract_of(kind, module), place(kind, name))
    return module


def contract_of(kind: str, module: ModuleType) -> type | None:
    """The contract of a plug-in; that of an augmented view if it names a PARENT."""
    return contracts.AugmentedView if kind == "views" and hasattr(module, "PARENT") else KINDS[kind][1]


# Contracts -----------------------------------------------------------------------------------------------------


def hold(module: ModuleType, contract: type | None, file: str) -> None:
    """Raise InputError unless a module satisfies its contract; what it may leave out and does is added to it."""
    for name, hint in get_type_hints(contract).items() if contract else ():
        _attribute(module, contract, name, hint, file)
    for name, function in functions(contract).items() if contract else ():
        _function(module, contract, name, function, file)


def functions(contract: type) -> dict[str, Callable]:
    """Name -> function of a contract."""
    return {k: f for k, f in vars(contract).items() if inspect.isfunction(f) and (k == "__call__" or k[0] != "_")}


def _attribute(module: ModuleType, contract: type, name: str, hint: Any, file: str) -> None:
    if not hasattr(module, name):
        if not hasattr(contract, name):
            raise InputError(file, f"it has no {name}", _see(contract))
        setattr(module, name, getattr(contract, name))
    if wrong := fault(getattr(module, name), hint):
        raise InputError(file, f"{name} is {getattr(module, name)!r}", f"{wrong}; {_see(contract)}")


def _function(module: ModuleType, contract: type, name: str, wanted: Callable, file: str) -> None:
    if not hasattr(module, name) and hasattr(wanted, "optional"):
        setattr(module, name, partial(wanted, None))  # its `self`
    elif not callable(found := getattr(module, name, None)):
        raise InputError(file, f"it has no function {name}()", _see(contract))
    elif wrong := _signature_fault(found, wanted):
        raise InputError(file, f"{name}() {wrong}", _see(contract))


def _signature_fault(found: Callable, wanted: Callable) -> str:
    """What is wrong with the signature of a function, "" if nothing."""
    try:
        mine = list(inspect.signature(found).parameters.values())
    except ValueError:
        return "has no signature that can be read"
    theirs = list(inspect.signature(wanted).parameters.values())[1:]  # without self
    given = [p.name for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD]
    taken = [p for p in mine if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if [p.name for p in taken[: len(given)]] != given and not any(p.kind is p.VAR_POSITIONAL for p in mine):
        return f"takes ({', '.join(p.name for p in taken)}), not ({', '.join(given)})"
    if more := [p.name for p in taken[len(given) :] if p.default is p.empty]:
        return f"takes {more[0]}, which nobody gives: options are keyword-only, after a *"
    if hasattr(wanted, "configured") or any(p.kind is p.VAR_KEYWORD for p in theirs):
        return ""
    known = {p.name for p in theirs}
    needed = [p.name for p in mine if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in known]
    return f"takes {needed[0]}, which nobody gives: it has no options" if needed else ""


def _see(contract: type) -> str:
    return f"see {contract.__name__} in docs/contracts.md"


def supplied() -> set[str]:
    """Keyword-only arguments that the workflow fills in, of any contract; all others are options of the user."""
    held = [contracts.AugmentedView, *(contract for _, contract in KINDS.values() if contract)]
    every = [f for contract in held for f in functions(contract).values()]
    named = {p.name for f in every for p in inspect.signature(f).parameters.values() if p.kind is p.KEYWORD_ONLY}
    return named | {"threads", "view", "seed", "weights", "device", "features", "cache"}


def offered(function: Callable, **values: Any) -> dict[str, Any]:
    """Those of the values that a function takes by name."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: values[p.name] for p in parameters if p.name in values}


def declared(module: ModuleType, function: str, options: Mapping[str, Any], of: str = "train") -> list[str]:
    """Names that a plug-in declares by a function of its options, with their defaults; such as Model.extras."""
    parameters = inspect.signature(getattr(module, of)).parameters
    whole = {option: parameters[option].default for option in options_of(getattr(module, of))} | dict(options)
    wanted = getattr(module, function)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(wanted).parameters.values())
    try:
        found = wanted(**(whole if takes_all else offered(wanted, **whole)))
        return [found] if isinstance(found, str) else list(found)
    except Exception as error:
        reason = f"{function}() raised {type(error).__name__}: {error}"
        raise InputError(file_of(module), reason, f"mend it; {_see(contracts.Model)}") from error


# Options -------------------------------------------------------------------------------------------------------


def options_of(function: Callable, files: Iterable[str] = ()) -> dict[str, Any]:
    """Option -> what it may be: a keyword-only argument's annotation, or without one the type of its default.

    files: names of arguments that are files which the workflow gives, as all are that are annotated Path.
    """
    parameters, given = inspect.signature(function).parameters.values(), supplied() | {*files}
    asked = (p for p in parameters if p.kind is p.KEYWORD_ONLY and p.annotation is not Path)
    # What names weights or a view is an option of the user, whatever it is called.
    return {p.name: _kind(p) for p in asked if p.name not in given or names_entries(p.annotation)}


def names_entries(kind: Any) -> bool:
    """Is this the kind of an option that names entries of a block of the config (kinds.Names)?"""
    return any(isinstance(mark, Names) for mark in get_args(kind))


def _kind(parameter: inspect.Parameter) -> Any:
    if parameter.annotation is not parameter.empty and not isinstance(parameter.annotation, str):
        return parameter.annotation
    return Any if parameter.default in (None, parameter.empty) else type(parameter.default)


def check_values(kinds: Mapping[str, Any], options: dict, where: str, taker: str = "it", beside: Iterable = ()) -> None:
    """Raise InputError for the first option that is not in `kinds`, or has a value that its kind does not allow.

    kinds: option -> a type or annotation (see kinds.py). `where` names the place in the config, `taker` who takes them.
    beside: keys that the same block may have, and has not: a misspelt option may be one of them.
    """
    for option, value in options.items():
        if option not in kinds:
            reason = f"{taker} got an unexpected option {option!r}"
            raise InputError(where, reason, suggest(option, [*kinds, *beside]))
        if wrong := fault(value, kinds[option]) or _unwritable(value):
            raise InputError(f"{where}: {option}", f"it is {value!r}", wrong)


def fault(value, kind) -> str:
    """What a value of this kind must be, "" if this one is. A bool is no number, an int is a float, nan is nothing."""
    if isinstance(value, float) and math.isnan(value):
        return "it must be a number"
    try:
        adapter = _adapter(kind)
        if (text := _json(value)) is None:
            adapter.validate_python(value)
        else:
            adapter.validate_json(text)  # there a list is a tuple, and a config holds nothing else
    except ValidationError as error:
        return "it must " + " or ".join(dict.fromkeys(map(_must, error.errors(include_url=False))))
    return ""


def _json(value) -> str | None:
    """A value as JSON, None if it holds anything else, as an attribute of a plug-in may."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return None


def _unwritable(value) -> str:
    """What a value of a config must be to be written into a recipe, "" if this one is."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return "it must be made of text, numbers, true, false, null, lists and mappings; put quotes around a date"
    return ""


def _adapter(kind) -> TypeAdapter:
    try:
        return TypeAdapter(kind, config=STRICT)
    except PydanticUserError:  # a dataclass, say, has a config of its own
        return TypeAdapter(kind)


def _must(error: dict) -> str:
    """Pydantic's message, as the end of a sentence that begins with "it must"."""
    if error["type"] == "too_short":
        return f"have at least {error['ctx']['min_length']} item"
    place = next((f"item {part + 1} must " for part in error["loc"] if isinstance(part, int)), "")
    text = (
        error["msg"].removeprefix("Input should ").replace("a valid array", "a list").replace("an object", "a mapping")
    )
    return (f"be a list whose {place}" if place else "") + text


def check_options(kind: str, name: str, function: str, options: dict, where: str, beside: Iterable = ()) -> None:
    """Compare options with the keyword-only arguments of a plug-in's function; InputError says which does not fit.

    What no annotation can say, the plug-in's own `check_<function>(**options)` may, if it has one. `where` names the
    place in the config for the message, e.g. "config.yaml: features: audio.mfcc". beside: as in `check_values`.
    """
    module = find(kind, name)
    check = getattr(module, f"check_{function}", None)
    check_call(getattr(module, function), options, where, f"{name}.{function}()", check, beside)


def check_keys(kind: str, name: str, function: str, keys: Iterable[str]) -> None:
    """Raise InputError for an option that is called like a key of the block in which it stands: nobody could set it."""
    for option in options_of(getattr(find(kind, name), function)):
        if option in keys:
            reason = f"the option {option!r} of {function}() is called like a key of its block in the config"
            raise InputError(place(kind, name), reason, "give the option another name")


def settings(
    functions: Sequence[Callable],
    options: dict,
    where: str,
    taker: str = "it",
    beside: Iterable = (),
    files: Iterable[str] = (),
) -> dict[str, Any]:
    """All options of functions, each of which hands its `**options` on to the next, with defaults for those left out.

    If the last takes `**options` too, what none of them names is not looked at. beside, files: as in `check_values` and
    `options_of`. Raises InputError for what does not fit.
    """
    kinds = {option: kind for function in functions for option, kind in options_of(function, files).items()}
    taken = {p.name: p for function in functions for p in inspect.signature(function).parameters.values()}
    missing = [o for o in kinds if taken[o].default is inspect.Parameter.empty and o not in options]
    for option in missing:
        if wrong := near(option, options.keys() - kinds.keys()):
            raise InputError(where, f"{taker} got an unexpected option {wrong!r}", f"did you mean {option!r}?")
    more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(functions[-1]).parameters.values())
    check_values(kinds, {o: v for o, v in options.items() if o in kinds or not more}, where, taker, beside)
    for option in missing:
        raise InputError(where, f"{taker} needs the option {option!r}", "add it")
    return {option: taken[option].default for option in kinds} | options


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
    """Compare options with the keyword-only arguments of a function, as `check_options` does.

    A function that takes `**options` leaves those that it does not name to `check`. `check` gets all options, and by
    name what it takes of `where`, `beside` and `known`; with `where`, it names the place in the config itself. files:
    as in `options_of`.
    """
    given = settings([function], options, where, taker, beside, files)
    if check:
        extra = offered(check, where=where, beside=beside, **known)
        file = f"{check.__module__.replace('.', '/')}.py"
        try:
            with blamed(file, f"{check.__name__}()", "mend it; see Options in docs/contracts.md"):
                check(**given, **extra)
        except InputError as error:
            if "where" in extra or error.file == file:
                raise
            raise InputError(where, error.reason, error.remedy) from error


# Calls ---------------------------------------------------------------------------------------------------------


@contextmanager
def blamed(file: str, what: str, remedy: str) -> Iterator[None]:
    """Whatever a plug-in raises but InputError becomes an InputError that names its file; the log keeps where.

    What no edit of the plug-in mends, a full disk or memory, is passed on.
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
