"""Training curves, when ``curves.json`` lies beside the weights."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from gliolabel.evaluation.figures.style import Picture, as_svg, colour, new_figure, style

FILE: Final = "curves.json"
_LEARNING_RATE: Final = "learning_rate"


def draw_curves(weights: Path, label: str) -> Picture | None:
    """Loss, score and learning rate over epochs (or steps).

    Args:
        weights: the weights file; ``curves.json`` in its folder holds ``epoch`` (or ``step``) and further lists of the same length.
        label: the model's name in tables.

    Returns:
        The picture, or None when there is no such file or nothing that can be drawn in it.
    """
    try:
        content = json.loads((weights.parent / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    axis_name = next((name for name in ("epoch", "step") if name in content), "")
    along = content.get(axis_name, [])
    series = {name: values for name, values in content.items() if name != axis_name and _fits(values, along)}
    panels = [[n for n in series if "loss" in n], [n for n in series if "loss" not in n and n != _LEARNING_RATE], [_LEARNING_RATE]]
    panels = [names for names in ([n for n in panel if n in series] for panel in panels) if names]
    if not panels:
        return None
    with style():
        figure = new_figure(3.6 * len(panels), 3.2)
        for axis, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for number, name in enumerate(names):
                axis.plot(
                    along, [math.nan if v is None else v for v in series[name]], color=colour(number), label=_words(name), linewidth=1.7
                )
            axis.set_xlabel(axis_name)
            if len(names) > 1:
                axis.legend()
            else:
                axis.set_title(_words(names[0]))
        ends = ", ".join(f"{_words(name)} {_last(values):.3g}" for name, values in series.items())
        return as_svg(figure, alt=f"Training curves of {label} over {len(along)} {axis_name}s; at the end {ends}.", caption=label)


def _fits(values: Any, along: Any) -> bool:
    return (
        isinstance(values, list)
        and isinstance(along, list)
        and len(values) == len(along)
        and any(isinstance(v, int | float) for v in values)
        and all(v is None or isinstance(v, int | float) for v in values)
    )


def _last(values: list[float | None]) -> float:
    return next(v for v in reversed(values) if v is not None)


def _words(name: str) -> str:
    return name.replace("_", " ")
