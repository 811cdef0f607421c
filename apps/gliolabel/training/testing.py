"""A trained network on each part of its split: the recipe's own score, and what every report should have printed beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gliolabel.inference.precision import best_precision
from gliolabel.losses.building import build_loss
from gliolabel.metrics.building import Score, build_score
from gliolabel.recipes import Recipe, build_network
from gliolabel.recipes.schema import ScoreSection
from gliolabel.training.data import TrainingData
from gliolabel.training.validation import validate


def score_parts(recipe: Recipe, weights: Mapping[str, Tensor], data: TrainingData, *, device: str) -> dict[str, Any]:
    """Loss and scores on every part, without augmentation or dropout.

    Args:
        recipe: the recipe.
        weights: the trained weights.
        data: the training's data.
        device: where to compute.

    Returns:
        By part (``train``, ``validation``, ``test``): ``samples``, ``patients``, ``with_tumour``, ``loss``, and ``scores``, by name
        ``all`` and ``with_tumour``: ``score`` (the recipe's own), ``dice`` and ``mean_iou`` of hard masks, with and without
        background, and ``pixel_accuracy``.
    """
    network = build_network(recipe.network, pretrained=False)
    network.load_state_dict(dict(weights))
    network.to(device)
    loss = build_loss(recipe.loss, class_weights=data.class_weights)
    result: dict[str, Any] = {}
    for role, samples in data.parts.items():
        if not len(samples):
            continue
        found = validate(
            network,
            samples,
            loss=loss,
            scores=_scores(recipe),
            batch_size=recipe.sampling.batch_size,
            precision=best_precision(torch.device(device)),
        )
        counts = samples.counts()
        result[role] = {
            "samples": counts.samples,
            "patients": counts.patients,
            "with_tumour": counts.with_tumour,
            "loss": round(found.loss, 5),
            "scores": {
                name: {"all": round(value, 5), "with_tumour": _rounded(found.with_tumour[name])} for name, value in found.scores.items()
            },
        }
    return result


def _scores(recipe: Recipe) -> dict[str, Score]:
    sections = {
        "score": recipe.score,
        "dice": ScoreSection(kind="hard_dice"),
        "dice_with_background": ScoreSection(kind="hard_dice", background=True),
        "mean_iou": ScoreSection(kind="mean_iou"),
        "mean_iou_with_background": ScoreSection(kind="mean_iou", background=True),
        "pixel_accuracy": ScoreSection(kind="pixel_accuracy", background=True),
    }
    return {name: build_score(section, threshold=recipe.inference.threshold) for name, section in sections.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
