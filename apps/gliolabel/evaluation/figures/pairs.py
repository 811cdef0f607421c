"""Two models case by case: a line for each case from one model's Dice to the other's."""

from __future__ import annotations

from gliolabel.evaluation.figures.style import INK, Picture, as_svg, colour, marker, new_figure, style
from gliolabel.evaluation.running import Evaluation


def draw_pairs(evaluation: Evaluation, first: str, second: str) -> Picture | None:
    """Paired plot of Dice by region.

    Args:
        evaluation: what was found.
        first: label of the model on the left.
        second: label of the model on the right.

    Returns:
        The picture, or None when they share no region.
    """
    labels = [model.label for model in evaluation.models]
    numbers = labels.index(first), labels.index(second)
    said: list[str] = []
    shared = [r for r in evaluation.regions if evaluation.values(first, r, "dice") and evaluation.values(second, r, "dice")]
    if not shared:
        return None
    with style():
        figure = new_figure(2.5 * len(shared) + 0.9, 3.9)
        axes = figure.subplots(1, len(shared), sharey=True, squeeze=False)[0]
        for axis, region in zip(axes, shared, strict=True):
            a, b = evaluation.values(first, region, "dice"), evaluation.values(second, region, "dice")
            up = down = 0
            for case in evaluation.cases:
                left, right = a[case], b[case]
                if left is None or right is None:
                    continue
                up, down = up + (right > left), down + (right < left)
                better = numbers[1] if right > left else numbers[0]
                axis.plot([0, 1], [left, right], "-", color=INK if left == right else colour(better), alpha=0.55, linewidth=1.3)
                for x, y, number in ((0, left, numbers[0]), (1, right, numbers[1])):
                    axis.plot([x], [y], marker(number), color=colour(number), markersize=5, markeredgewidth=0)
            axis.set_title(region)
            axis.set_xticks([0, 1], [_broken(first), _broken(second)])
            axis.set_xlim(-0.35, 1.35)
            axis.grid(visible=False, axis="x")
            said.append(f"{region}: {second} better in {up} cases, {first} in {down}")
        axes[0].set_ylabel("Dice")
        axes[0].set_ylim(top=1.02)
        return as_svg(
            figure,
            alt=f"Paired plot of Dice, a line for each case from {first} to {second}. " + "; ".join(said) + ".",
            caption="One line a case, in the colour of the model that is better there.",
        )


def _broken(label: str) -> str:
    return label.replace(" ", "\n", 1)
