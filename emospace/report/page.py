"""Lay out the report: one HTML file that needs no network, no script and no other file."""

import inspect
import re
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emospace.metrics import METRICS
from emospace.tables import LEAKY, RANDOM, left_out, marks, percent

HERE = Path(__file__).parent


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def plain_yaml(value) -> str:
    """Options as people write them."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100).strip()


def hours(seconds: float) -> str:
    """A duration in the largest unit that leaves a whole part."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def inline(svg: str, name: str) -> Markup:
    """One of our own figures, its ids made its own by a name: many figures share the page."""
    return Markup(re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg))


def render(content: dict) -> str:
    """The page as HTML. Every value is escaped but our own style sheet and our own figures."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "points": points, "yaml": plain_yaml, "hours": hours, "inline": inline}
    environment.filters["left_out"] = left_out
    style = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    metrics = {name: inspect.getdoc(metric) or "" for name, metric in METRICS.items()}
    notes = {"metrics": metrics, "marks": marks, "LEAKY": LEAKY, "RANDOM": RANDOM}
    return environment.get_template("page.html").render(style=style, **notes, **content)
