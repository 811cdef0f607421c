"""The number by which a model's own recipe judges a validation, as its report defines it."""

from __future__ import annotations

import numpy as np
import torch

from gliolabel.metrics.building import build_score
from gliolabel.recipes import Recipe


def own_score(recipe: Recipe, probabilities: np.ndarray, target: np.ndarray) -> float:
    """The recipe's score of one case.

    Args:
        recipe: says which score, with or without background, over the batch or as the mean over samples.
        probabilities: float32 (samples, channels, *space).
        target: uint8 (samples, *space), class indices, or 0 and 1.

    Returns:
        The mean over the samples, or one number over all of them when the recipe scores a batch as a whole.
    """
    score = build_score(recipe.score, threshold=recipe.inference.threshold)
    return float(score(torch.from_numpy(probabilities), torch.from_numpy(target)).mean())
