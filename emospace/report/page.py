"""Render the report: one HTML file that needs neither network nor script."""

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
    basis,
    in_percent,
    left_out,
    marks,
    metric_title,
    no_p,
    p_text,
    percent,
    score,
)
from emospace.report.results import Results
from emospace.report.templates import HERE, KIND, SEE, relative, source

MEDIA = ('src="data:audio/', 'src="data:video/')


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign; a dash if undefined."""
    return "-" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def centred(value: float | None, limit: float) -> float | None:
    """Position of a gain on an axis from -limit to limit, 0 to 1."""
    return None if value is None else 0.5 + value / limit / 2


def plain_yaml(value) -> str:
    """Options as YAML."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100).strip()


def hours(seconds: float) -> str:
    """A duration in hours, or in minutes below one hour."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def inline(svg: str, name: str) -> Markup:
    """An SVG written by this package, with its ids prefixed by a name, because all figures share one page."""
    return Markup(re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg))


def difference(value: float | None, metric: str) -> str:
    """A difference of a metric: percentage points, or a number with three decimals."""
    if value is None or in_percent(metric):
        return points(value)
    return f"{value:+.3f}"


def within(value: float | None, limits: dict) -> float | None:
    """Position of a value between the limits of its metric, 0 to 1; None if these are infinite."""
    width = limits["high"] - limits["low"]
    return None if value is None or not math.isfinite(width) else (value - limits["low"]) / width


FILTERS = {
    "percent": percent,
    "points": points,
    "centred": centred,
    "yaml": plain_yaml,
    "hours": hours,
    "inline": inline,
}
FILTERS |= {
    "left_out": left_out,
    "score": lambda value, metric: score(metric, value),
    "metric_title": metric_title,
    "is_percent": in_percent,
    "difference": difference,
    "within": within,
}
NOTES = {"marks": marks, "basis": basis, "no_p": no_p, "p_text": p_text}
NOTES |= {"LEAKY": LEAKY, "RANDOM": RANDOM, "NO_NOISE": NO_NOISE, "ONE_SEED": ONE_SEED, "IN_SAMPLE": IN_SAMPLE}


def environment(sections: list[str]) -> Environment:
    """The Jinja environment of all templates, with shared filters and notes. sections: names of those shown."""
    jinja = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters |= FILTERS
    jinja.globals |= NOTES | {"shown": sections}
    return jinja


def section(name: str, results: Results, jinja: Environment) -> dict | None:
    """Name, title and body of a section, None if it has no content. Raises InputError that names the section's file."""
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
    """The page as HTML. Every value is escaped except the style sheet and figures of this package."""
    jinja = environment(sections)
    rendered = [content for name in sections if (content := section(name, results, jinja))]
    page = {"corpora": list(results.manifests), "runs": len(results.metrics), "sections": rendered}
    page["media"] = any(mark in content["body"] for content in rendered for mark in MEDIA)
    page["style"] = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    return jinja.get_template("page.html").render(page)
