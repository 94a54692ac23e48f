"""Locate and check the templates of the report's sections. Plans import this module, so it stays light."""

from pathlib import Path
from types import ModuleType

from jinja2 import Environment, TemplateSyntaxError

from emospace.core import plugin
from emospace.core.errors import InputError

HERE = Path(__file__).parent
KIND = "sections"
SEE = "see Section in docs/contracts.md"


def ordered() -> list[str]:
    """Names of all sections, by ORDER."""
    return sorted(plugin.names(KIND), key=lambda name: (plugin.find(KIND, name).ORDER, name))


def source(name: str, module: ModuleType) -> tuple[Path, str]:
    """(file, text) of a section's template: its TEMPLATE, or the file beside it."""
    path = HERE / KIND / f"{name}.html"
    if module.TEMPLATE:
        return path.with_suffix(".py"), module.TEMPLATE
    try:
        return path, path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        reason = f"it has no TEMPLATE, and {path.name} does not exist beside it"
        raise InputError(relative(path.with_suffix(".py")), reason, SEE) from error


def relative(path: Path) -> str:
    """The path of a file of the report, relative to the project."""
    return f"emospace/report/{path.relative_to(HERE)}"


def check(name: str) -> None:
    """Raise InputError unless the section exists and its template compiles."""
    path, text = source(name, plugin.find(KIND, name))
    try:
        Environment(autoescape=True).parse(text)
    except TemplateSyntaxError as error:
        reason = f"line {error.lineno} of its template: {error.message}"
        raise InputError(relative(path), reason, SEE) from error
