"""Lay out the report: one HTML file that needs no network, no script and no other file."""

import inspect
import re
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emospace import plugin
from emospace.tables import (
    LEAKY,
    NO_NOISE,
    ONE_SEED,
    RANDOM,
    behind,
    gain_title,
    in_percent,
    left_out,
    marks,
    no_p,
    p_text,
    percent,
    shown,
    span,
    title,
)

HERE = Path(__file__).parent


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign; a dash where it is undefined."""
    return "-" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def few(names: list[str], count: int) -> list[str]:
    """The metrics that small tables have room for, of those that need no dimensions: the usual ones, or the first."""
    able = [name for name in names if plugin.find("metrics", name).NEEDS == "labels"]
    usual = [name for name in {2: ("UA", "WA"), 3: ("WA", "UA", "MF1")}[count] if name in able]
    return usual or able[:count]


def number(value: float | None) -> str:
    """A difference that is no share; a dash where it is undefined."""
    return "-" if value is None else f"{value:+.3f}".replace("-", "−")


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


def render(content: dict) -> str:
    """The page as HTML. Every value is escaped but our own style sheet and our own figures."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "difference": lambda value: points(value) if in_percent(content["by"]) else number(value),
        "on": on,
        "yaml": plain_yaml,
        "hours": hours,
        "inline": inline,
        "left_out": left_out,
    }
    style = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    metrics = {name: inspect.getdoc(plugin.find("metrics", name)) or "" for name in content["columns"]}
    notes = {"metrics": metrics, "marks": marks, "behind": behind, "no_p": no_p, "p_text": p_text}
    notes["few"] = lambda count: few(content["columns"], count)
    notes |= {"title": title, "gain_title": gain_title, "shown_as": shown, "span": span, "in_percent": in_percent}
    notes |= {"LEAKY": LEAKY, "RANDOM": RANDOM, "NO_NOISE": NO_NOISE, "ONE_SEED": ONE_SEED}
    return environment.get_template("page.html").render(style=style, **notes, **content)
