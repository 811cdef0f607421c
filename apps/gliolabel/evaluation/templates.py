"""What pages are made with: templates, and how numbers look in them."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from gliolabel.evaluation.statistics import Interval, Summary

#: Holds the parts that all pages share.
_SHARED = "gliolabel.evaluation"


def templates(package: str) -> Environment:
    """The templates of a package, which may include ``page.css``, with the filters of this module.

    Args:
        package: name of the package that holds them.
    """
    found = Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in dict.fromkeys((package, _SHARED))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "interval": interval, "signed": signed, "p": p_text}
    return found


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A number with its sign."""
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "\u2212")


def interval(value: Summary | Interval | None, digits: int = 3) -> str:
    """``0.812 to 0.901``, of a summary the mean's; nothing where there is none."""
    bounds = value.mean_interval if isinstance(value, Summary) else value
    return "" if bounds is None else f"{bounds.low:.{digits}f} to {bounds.high:.{digits}f}".replace("-", "\u2212")


def p_text(value: float | None) -> str:
    """A p-value: never 0, never more digits than it is worth."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
