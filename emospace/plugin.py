"""Find a component by file name and check its options against its signature.

A corpus, view, encoder or model is one module; its options are the keyword arguments of one function. There is no
registry: a file in the folder is the registration, the signature is the schema.
"""

import difflib
import importlib
import inspect
from pathlib import Path
from types import ModuleType

from emospace.errors import InputError

HERE = Path(__file__).parent


def names(kind: str) -> list[str]:
    """Names of all plug-ins of a kind ("corpora", "encoders", "models")."""
    return sorted(p.stem for p in (HERE / kind).glob("*.py") if not p.stem.startswith("_"))


def suggest(word: str, known) -> str:
    """A remedy for a misspelt word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(str(word), [str(k) for k in known], 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(map(str, known))}"


def find(kind: str, name: str) -> ModuleType:
    """Import emospace.<kind>.<name>; InputError with a suggestion if there is no such file."""
    if name not in names(kind):
        raise InputError(
            f"emospace/{kind}/{name}.py", f"there is no {name!r} among the {kind}", suggest(name, names(kind))
        )
    return importlib.import_module(f"emospace.{kind}.{name}")


# Keyword-only arguments that the workflow fills in; everything else is the user's.
SUPPLIED = {"weights", "view", "seed", "checkpoint", "parents", "threads", "device"}


def check_options(kind: str, name: str, function: str, options: dict, where: str) -> None:
    """Bind options to the keyword-only arguments of a plug-in's function; InputError says which one does not fit.

    `where` names the place in the config for the message, e.g. "config.yaml: features: audio.mfcc".
    """
    parameters = inspect.signature(getattr(find(kind, name), function)).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in SUPPLIED]
    for option in options:
        if option not in known:
            raise InputError(where, f"{name}.{function}() got an unexpected option {option!r}", suggest(option, known))
