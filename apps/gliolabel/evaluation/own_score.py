"""The number by which a model's own recipe judges a validation, as its report defines it."""

from __future__ import annotations

import numpy as np
import torch

from gliolabel.metrics.building import build_score
from gliolabel.recipes import Recipe


def own_score(recipe: Recipe, probabilities: np.ndarray, target: np.ndarray) -> dict[str, float | None]:
    """The recipe's score of one case.

    Most slices of a head hold no tumour, and an empty slice that stays empty scores 1: the mean over the slices that do hold tumour says
    more of the model, so both are given.

    Args:
        recipe: says which score, with or without background, over the batch or as the mean over samples.
        probabilities: float32 (samples, channels, *space).
        target: uint8 (samples, *space), class indices, or 0 and 1.

    Returns:
        ``score``: the mean over the samples, or one number over all of them when the recipe scores a batch as a whole;
        ``score_with_tumour``: the same of the samples with tumour, None without any.
    """
    score = build_score(recipe.score, threshold=recipe.inference.threshold)

    def of(part: np.ndarray) -> float:
        return float(score(torch.from_numpy(probabilities[part]), torch.from_numpy(target[part])).mean())

    every, with_tumour = np.ones(len(target), dtype=bool), target.reshape(len(target), -1).any(axis=1)
    if with_tumour.all():
        return {"score": (one := of(every)), "score_with_tumour": one}
    return {"score": of(every), "score_with_tumour": of(with_tumour) if with_tumour.any() else None}
