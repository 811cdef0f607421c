"""What a retraining learns from, and how much of each: pure functions over accepted labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gliolabel.recipes import Recipe

#: Passes of a hundred steps, if nobody says otherwise.
EPOCHS: Final = 3
#: Share of the recipe's learning rate: the champion is to be mended, not made anew.
LEARNING_RATE_SHARE: Final = 0.1
#: A new label is drawn at most so many times as often as one that the champion knows: a few cases must not outweigh all others.
MOST_WEIGHT: Final = 4.0


def learning_rate_of(recipe: Recipe) -> float:
    """The highest learning rate of a retraining, if nobody says otherwise."""
    return float(f"{recipe.optimiser.learning_rate * LEARNING_RATE_SHARE:.2g}")


def draw_weights(new: Mapping[str, bool]) -> dict[str, float]:
    """How often patches are drawn from each training case, in proportion to the others.

    A label that the champion has learned from weighs 1. New ones together are drawn as often as all those (replaying half and half is what
    forgets least), but none more than :data:`MOST_WEIGHT` times and none less than once as often as a known one.

    Args:
        new: by case, whether the champion has not learned from its label.

    Source: field evidence for replay in continual training, arXiv 2605.06160 and 2407.21216.

    Example:
        >>> draw_weights({"a": True, "b": False, "c": False})
        {'a': 2.0, 'b': 1.0, 'c': 1.0}
        >>> draw_weights({"a": True, "b": True})
        {'a': 1.0, 'b': 1.0}
    """
    count = sum(new.values())
    known = len(new) - count
    weight = min(MOST_WEIGHT, max(1.0, known / count)) if count else 1.0
    return {case_id: weight if is_new else 1.0 for case_id, is_new in new.items()}
