"""Two models case by case: a line for each case from one model's Dice to the other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    found: dict[str, list[tuple[float, float]]] = {}
    for region in evaluation.regions:
        a, b = evaluation.values(first, region, "dice"), evaluation.values(second, region, "dice")
        for case in evaluation.cases if a and b else ():
            left, right = a[case], b[case]
            if left is not None and right is not None:
                found.setdefault(region, []).append((left, right))
    return draw_dice_pairs(found, first=first, second=second, numbers=(labels.index(first), labels.index(second)))


def draw_dice_pairs(
    dice: Mapping[str, Sequence[tuple[float, float]]], *, first: str, second: str, numbers: tuple[int, int] = (0, 1)
) -> Picture | None:
    """The same from bare numbers.

    Args:
        dice: by region the Dice of both models, one pair a case.
        first: what the model on the left is called.
        second: what the model on the right is called.
        numbers: places of the two in the order of models, for colour and marker.

    Returns:
        The picture, or None when there is no pair.
    """
    if not dice:
        return None
    said: list[str] = []
    with style():
        figure = new_figure(2.5 * len(dice) + 0.9, 3.9)
        axes = figure.subplots(1, len(dice), sharey=True, squeeze=False)[0]
        for axis, (region, pairs) in zip(axes, dice.items(), strict=True):
            for left, right in pairs:
                better = numbers[1] if right > left else numbers[0]
                axis.plot([0, 1], [left, right], "-", color=INK if left == right else colour(better), alpha=0.55, linewidth=1.3)
                for x, y, number in ((0, left, numbers[0]), (1, right, numbers[1])):
                    axis.plot([x], [y], marker(number), color=colour(number), markersize=5, markeredgewidth=0)
            axis.set_title(region)
            axis.set_xticks([0, 1], [_broken(first), _broken(second)])
            axis.set_xlim(-0.35, 1.35)
            axis.grid(visible=False, axis="x")
            up, down = sum(right > left for left, right in pairs), sum(right < left for left, right in pairs)
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
