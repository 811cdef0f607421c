"""How all pictures look, and how they become part of the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours of the models, told apart by red-green blind people (Okabe and Ito, 2008), and a marker for each as well.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
INK: Final = "#22272e"
FAINT: Final = "#d5d9df"

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 11,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "gliolabel",
}


@dataclass(frozen=True)
class Picture:
    """A picture for the page.

    Args:
        address: a ``data:`` address.
        alt: what it shows, in words and numbers, for who cannot see it.
        caption: the sentence below it.
    """

    address: str
    alt: str
    caption: str = ""


def style() -> Any:
    """A context in which figures are made."""
    return mpl.rc_context(_STYLE)


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, without any window system."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_svg(figure: Figure, *, alt: str, caption: str = "") -> Picture:
    """A drawing: sharp at every size."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return Picture(_address("image/svg+xml", stream.getvalue()), alt, caption)


def as_png(figure: Figure, *, alt: str, caption: str = "", facecolor: str = "white", dpi: int = 120) -> Picture:
    """A photograph-like picture, or one with very many points."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor=facecolor)
    return Picture(_address("image/png", stream.getvalue()), alt, caption)


def colour(index: int) -> str:
    """Colour of the model at this position."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Marker of the model at this position."""
    return MARKERS[index % len(MARKERS)]


def legend_below(figure: Figure, axes: Sequence[Axes], *, columns: int = 3) -> None:
    """One legend for all axes, below them."""
    entries: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    if entries:
        figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=min(columns, len(entries)))


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
