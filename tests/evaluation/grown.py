"""A predictor that knows the truth and grows it: its measures can be told beforehand, and no network runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.predictors import Prediction
from gliolabel.metrics.regions import region_masks
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import REGIONS


class GrownTruth:
    """Predicts the truth, grown by some voxels of edema on all sides.

    Args:
        version: the model it stands for.
        voxels: how far the truth is grown; 0 is a perfect model.
        preparation: what it prepares like.
    """

    regions = tuple(REGIONS)
    device = "cpu (made up)"

    def __init__(self, version: ModelVersion, *, voxels: int = 0, preparation: str = "none") -> None:
        self.model_version = version
        self.preparation = preparation
        self.voxels = voxels
        self.prepared: list[str] = []
        self.predicted: list[str] = []

    def prepare(self, case: OpenedCase) -> Any:
        self.prepared.append(case.id)
        return case.images

    def predict(self, prepared: Any, case: OpenedCase) -> Prediction:
        assert prepared is case.images
        assert case.classes is not None
        self.predicted.append(case.id)
        mask = case.classes.copy()
        if self.voxels:
            mask[ndimage.binary_dilation(mask > 0, iterations=self.voxels) & (mask == 0)] = 2
        masks = dict(zip(REGIONS, region_masks(mask), strict=True))
        channels = np.stack([mask == value for value in range(4)]).astype(np.float32)
        return Prediction(
            masks=masks,
            probabilities={name: 0.1 + 0.8 * values.astype(np.float32) for name, values in masks.items()},
            inside=np.ones(mask.shape, dtype=bool),
            classes=mask,
            channels=channels[None],
            target=case.classes[None],
        )
