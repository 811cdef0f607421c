"""The verdict's pictures: Dice case by case, and the cases that changed most, side by side."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.figures.pairs import draw_dice_pairs
from gliolabel.evaluation.figures.style import Picture, as_png, new_figure
from gliolabel.evaluation.outcomes import grey_levels, head_box, seen_on
from gliolabel.metrics.regions import region_masks
from gliolabel.training.gate.checks import large
from gliolabel.training.gate.pairing import Pair, columns
from gliolabel.training.gate.verdict import Verdict
from gliolabel.vocabulary import LABEL_COLOURS, LABELS, REGIONS

#: Share of a voxel's colour that the label takes.
_TINT: Final = 0.35

#: Width of a panel, and height of titles and legend, in inches.
_PANEL, _MARGIN = 3.4, 1.1


def draw_dice(pairs: list[Pair], verdict: Verdict, *, champion: str, challenger: str) -> Picture | None:
    """Dice of both versions, a line a case, in the cases in which a region is judged by it.

    Args:
        pairs: the cases that count.
        verdict: the decision; it says which regions are judged and when.
        champion: what the served version is called.
        challenger: what the new one is called.
    """
    tables = {region: columns(large(pairs, region, verdict.criteria), region, "dice")[0] for region in verdict.criteria.regions}
    dice: dict[str, list[tuple[float, float]]] = {
        region: [(float(a), float(b)) for a, b in table] for region, table in tables.items() if len(table)
    }
    return draw_dice_pairs(dice, first=champion, second=challenger)


def draw_side_by_side(case: OpenedCase, pair: Pair, *, champion: str, challenger: str) -> Picture:
    """Truth, served version and new version on the slice on which the two versions differ most.

    Args:
        case: the case, read.
        pair: its measures, with masks.
        champion: what the served version is called.
        challenger: what the new one is called.
    """
    assert case.classes is not None
    assert pair.champion.mask is not None
    assert pair.challenger.mask is not None
    truth, old, new = (case.turn.apply(m) for m in (case.classes, pair.champion.mask.array(), pair.challenger.mask.array()))
    index = _slice(truth, old, new)
    sequence = seen_on(case, _region(old[index], new[index]))
    image = case.turn.apply(case.pictures[sequence])[index].astype(np.float32)
    box = head_box(image)
    grey = grey_levels(image[box]) / 255.0
    panels = {"truth": truth, f"{champion} (served)": old, f"{challenger} (new)": new}
    # As high as the panels need: where they are cut short, the layout pushes their titles out of the picture.
    aspect = _aspect(case)
    figure = new_figure(_PANEL * len(panels), min(2 * _PANEL, _PANEL * aspect * grey.shape[0] / grey.shape[1]) + _MARGIN)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, mask), measures in zip(axes, panels.items(), (None, pair.champion, pair.challenger), strict=True):
        axis.imshow(_tinted(grey, mask[index][box]), aspect=aspect, interpolation="nearest")
        _outline(axis, mask[index][box])
        axis.set_axis_off()
        numbers = "" if measures is None else "  ".join(f"{region} {measures.value(region, 'dice'):.2f}" for region in REGIONS)
        axis.set_title(f"{title}\n{'Dice ' + numbers if numbers else ' '}", color="white", fontsize=11)
    figure.legend(
        [Patch(color=tint) for tint in LABEL_COLOURS.values()],
        list(LABEL_COLOURS),
        loc="outside lower center",
        ncols=len(LABEL_COLOURS),
        frameon=False,
        labelcolor="white",
        fontsize=11,
    )
    said = ", ".join(f"{region} {a:.2f} to {b:.2f}" for region in REGIONS if (values := pair.both(region, "dice")) for a, b in [values])
    where = f"{sequence}, slice {index + 1} of {len(truth)}"
    alt = f"Case {pair.case_id}, {where}: truth, {champion} and {challenger}. Dice {said}."
    return as_png(figure, alt=alt, caption=f"{pair.case_id}, {where}", facecolor="black", dpi=100)


def _slice(truth: np.ndarray, old: np.ndarray, new: np.ndarray) -> int:
    """Where the versions differ most; if they are alike, where the new one is most wrong; if it is not, where most tumour is."""
    for differs in (old != new, new != truth, truth > 0):
        found = differs.sum(axis=(1, 2))
        if found.any():
            return int(found.argmax())
    return len(truth) // 2


def _region(old: np.ndarray, new: np.ndarray) -> str:
    """The region that the difference is about: the core, unless more of it lies in the whole tumour's border."""
    whole, core, _ = (int((a != b).sum()) for a, b in zip(region_masks(old), region_masks(new), strict=True))
    return "WT" if whole > core else "TC"


def _tinted(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    shown = np.repeat(grey[..., None], 3, axis=2)
    for name, value in LABELS.items():
        inside = mask == value
        shown[inside] = (1 - _TINT) * shown[inside] + _TINT * np.array(to_rgb(LABEL_COLOURS[name]))
    return shown


def _outline(axis: Any, mask: np.ndarray) -> None:
    for name, value in LABELS.items():
        if (mask == value).any():
            axis.contour(mask == value, levels=[0.5], colors=[LABEL_COLOURS[name]], linewidths=0.9)


def _aspect(case: OpenedCase) -> float:
    if case.spacing is None:
        return 1.0
    turned = [case.spacing[axis] for axis in case.turn.order]
    return turned[1] / turned[2]
