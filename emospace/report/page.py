"""Lay out the report: one HTML file that needs no network and no script."""

import math
import re

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.evaluation.tables import (
    IN_SAMPLE,
    LEAKY,
    NO_NOISE,
    ONE_SEED,
    RANDOM,
    behind,
    in_percent,
    left_out,
    marks,
    no_p,
    p_text,
    percent,
    shown,
    title,
)
from emospace.report.results import Results
from emospace.report.templates import HERE, KIND, SEE, relative, source

MEDIA = ('src="data:audio/', 'src="data:video/')


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign; a dash where it is undefined."""
    return "-" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def on(value: float | None, limit: float) -> float | None:
    """Where a gain lies on an axis from -limit to limit, as a share of its length."""
    return None if value is None else 0.5 + value / limit / 2


def plain_yaml(value) -> str:
    """Options as people write them."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100).strip()


def hours(seconds: float) -> str:
    """A duration in the largest unit that leaves a whole part."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def inline(svg: str, name: str) -> Markup:
    """One of our own figures, its ids made its own by a name: many figures share the page."""
    return Markup(re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg))


def differs(value: float | None, metric: str) -> str:
    """A difference of a metric: percentage points, or three digits."""
    if value is None or in_percent(metric):
        return points(value)
    return f"{value:+.3f}"


def within(value: float | None, limits: dict) -> float | None:
    """Place of a value between the limits of its metric, 0 to 1; None where these are open."""
    width = limits["high"] - limits["low"]
    return None if value is None or not math.isfinite(width) else (value - limits["low"]) / width


FILTERS = {"percent": percent, "points": points, "on": on, "yaml": plain_yaml, "hours": hours, "inline": inline}
FILTERS |= {
    "left_out": left_out,
    "score": lambda value, metric: shown(metric, value),
    "titled": title,
    "is_percent": in_percent,
    "differs": differs,
    "within": within,
}
NOTES = {"marks": marks, "behind": behind, "no_p": no_p, "p_text": p_text}
NOTES |= {"LEAKY": LEAKY, "RANDOM": RANDOM, "NO_NOISE": NO_NOISE, "ONE_SEED": ONE_SEED, "IN_SAMPLE": IN_SAMPLE}


def environment(sections: list[str]) -> Environment:
    """What templates are read with: filters and notes that they share, and the names of the sections shown."""
    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= FILTERS
    found.globals |= NOTES | {"shown": sections}
    return found


def section(name: str, results: Results, jinja: Environment) -> dict | None:
    """Name, title and body of a section, None if it leaves itself out. Raises InputError, which names its file."""
    module, file = plugin.find(KIND, name), plugin.place(KIND, name)
    with plugin.blamed(file, "gather()", SEE):
        content = module.gather(results)
    if content is None:
        return None
    if not isinstance(content, dict):
        raise InputError(file, f"gather() returned a {type(content).__name__}, not a dict or None", SEE)
    path, text = source(name, module)
    with plugin.blamed(relative(path), "its template", SEE):
        body = Markup(jinja.from_string(text).render(content))
    return {"name": name, "title": module.TITLE, "body": body}


def render(results: Results, sections: list[str]) -> str:
    """The page as HTML. Every value is escaped but our own style sheet and our own figures."""
    jinja = environment(sections)
    found = [made for name in sections if (made := section(name, results, jinja))]
    about = {"corpora": list(results.manifests), "runs": len(results.metrics), "sections": found}
    about["media"] = any(mark in made["body"] for made in found for mark in MEDIA)
    about["style"] = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    return jinja.get_template("page.html").render(about)
