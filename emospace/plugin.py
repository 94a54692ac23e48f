"""Find a component by file name and check its options against its signature.

A corpus, view, encoder or model is one module; its options are the keyword arguments of one function. There is no
registry: a file in the folder is the registration, the signature is the schema: its names, types, words and limits.
"""

import difflib
import importlib
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from emospace.errors import InputError
from emospace.kinds import Between

HERE = Path(__file__).parent


def names(kind: str) -> list[str]:
    """Names of all plug-ins of a kind ("corpora", "encoders", "models")."""
    return sorted(p.stem for p in (HERE / kind).glob("*.py") if not p.stem.startswith("_"))


def suggest(word: str, known) -> str:
    """A remedy for a misspelt word: the nearest known one, or all of them."""
    found = near(word, known)
    return f"did you mean {found!r}?" if found else f"known: {', '.join(map(str, known))}"


def near(word: str, known) -> str:
    """The known word that is most like this one, or "" if none is much like it."""
    return next(iter(difflib.get_close_matches(str(word), [str(k) for k in known], 1, 0.5)), "")


def find(kind: str, name: str) -> ModuleType:
    """Import emospace.<kind>.<name>; InputError with a suggestion if there is no such file."""
    if name not in names(kind):
        raise InputError(
            f"emospace/{kind}/{name}.py", f"there is no {name!r} among the {kind}", suggest(name, names(kind))
        )
    return importlib.import_module(f"emospace.{kind}.{name}")


LISTS = (tuple, list, Sequence)
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "a mapping"}
WORDS |= {NoneType: "null"}
# Keyword-only arguments that the workflow fills in; everything else is the user's.
SUPPLIED = {"weights", "view", "seed", "checkpoint", "parents", "threads", "device"}


def options_of(function: Callable) -> dict[str, Any]:
    """Option -> what it may be: a keyword-only argument's annotation, or without one the type of its default."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: _kind(p) for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in SUPPLIED}


def _kind(parameter: inspect.Parameter) -> Any:
    if parameter.annotation is not parameter.empty and not isinstance(parameter.annotation, str):
        return parameter.annotation
    return Any if parameter.default in (None, parameter.empty) else type(parameter.default)


def check_values(kinds: dict[str, Any], options: dict, where: str, taker: str = "it", beside: Iterable = ()) -> None:
    """Raise InputError for the first option that is not in `kinds`, or has a value that its kind does not allow.

    kinds: option -> a type or annotation (see kinds.py). `where` names the place in the config, `taker` who takes them.
    beside: keys that the same block may have, and has not: a misspelt option may be one of them.
    """
    for option, value in options.items():
        if option not in kinds:
            reason = f"{taker} got an unexpected option {option!r}"
            raise InputError(where, reason, suggest(option, [*kinds, *beside]))
        if not fits(value, kinds[option]):
            raise InputError(f"{where}: {option}", f"it is {value!r}", f"give {described(kinds[option])}")


def fits(value, kind) -> bool:
    """May an option of this kind have this value? A bool is no number, an int is a float, and nan is nothing."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is Annotated:
        return fits(value, inner[0]) and all(one.least <= value <= one.most for one in limits(kind))
    if origin is Literal:
        return any(type(value) is type(word) and value == word for word in inner)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if (origin or kind) in LISTS:
        each = inner[0] if inner else Any
        return isinstance(value, list | tuple) and len(value) > 0 and all(fits(one, each) for one in value)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, float) and math.isnan(value):
        return False
    plain = int | float if kind is float else origin or kind
    return isinstance(value, plain) if isinstance(plain, type | UnionType) else True


def limits(kind) -> list[Between]:
    """What an annotation says of a number beside its type."""
    return [one for one in get_args(kind)[1:] if isinstance(one, Between)]


def described(kind) -> str:
    """What an option of this kind may be, in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return " ".join([described(inner[0]), *map(str, limits(kind))])
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " or ".join(map(described, inner))
    if (origin or kind) in LISTS:
        return f"a list that is not empty, each {described(inner[0])}" if inner else "a list that is not empty"
    return WORDS.get(origin or kind, str(kind))


def check_options(kind: str, name: str, function: str, options: dict, where: str, beside: Iterable = ()) -> None:
    """Compare options with the keyword-only arguments of a plug-in's function; InputError says which does not fit.

    What no annotation can say, the plug-in's own `check_<function>(**options)` may, if it has one. `where` names the
    place in the config for the message, e.g. "config.yaml: features: audio.mfcc". beside: as in `check_values`.
    """
    module = find(kind, name)
    kinds, check = options_of(getattr(module, function)), getattr(module, f"check_{function}", None)
    check_values(kinds, options, where, f"{name}.{function}()", beside)
    if check:
        parameters = inspect.signature(getattr(module, function)).parameters
        try:
            check(**{option: parameters[option].default for option in kinds} | options)
        except InputError as error:
            raise InputError(where, error.reason, error.remedy) from error
