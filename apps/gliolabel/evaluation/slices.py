"""Models of slices, tested on volumes and on stacks of slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.predictors import Prediction
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.metrics.regions import region_masks
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import REGIONS

#: The region of a model with one output, by the layout of its data: on BraTS it is trained on the whole tumour.
_ONLY_REGION: Mapping[str, str] = {"brats": "WT", "lgg": "tumour"}


class SlicePredictor:
    """A model of axial slices: one output for the tumour, or one a class.

    Args:
        version: the model.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the first GPU if there is one.
    """

    def __init__(self, version: ModelVersion, *, device: str | None = None) -> None:
        self.model_version = version
        self._segmenter = SliceSegmenter(version, device=device)
        self._recipe = version.recipe

    @property
    def device(self) -> str:
        """See :class:`Predictor`."""
        return self._segmenter.device

    @property
    def preparation(self) -> str:
        """See :class:`Predictor`; the recipe's own preprocessing belongs to the segmenter."""
        return f"slices of {', '.join(self._recipe.data.channels)}"

    @property
    def regions(self) -> tuple[str, ...]:
        """See :class:`Predictor`."""
        return tuple(REGIONS) if self._recipe.network.out_channels > 1 else (_ONLY_REGION[self._recipe.data.layout],)

    def prepare(self, case: OpenedCase) -> Any:
        """The case's channels as float32 (channels, z, y, x), axial slices upright."""
        missing = [name for name in self._recipe.data.channels if name not in case.pictures]
        if missing:
            raise InputError(f"case {case.id}: has no {', '.join(missing)}, which the model {self.model_version.name} reads")
        return np.stack([case.turn.apply(case.pictures[name]) for name in self._recipe.data.channels]).astype(np.float32)

    def predict(self, prepared: Any, case: OpenedCase) -> Prediction:
        """See :class:`Predictor`. Slices that the recipe leaves out count as background."""
        if missing := [region for region in self.regions if region not in case.truth]:
            raise InputError(f"case {case.id}: its label has no region {missing[0]}, which the model {self.model_version.name} predicts")
        used = slice(*self._recipe.data.slices) if self._recipe.data.slices is not None else slice(None)
        probabilities = np.zeros((self._recipe.network.out_channels, *prepared.shape[1:]), dtype=np.float32)
        if len(probabilities) > 1:
            probabilities[0] = 1.0
        probabilities[:, used] = self._segmenter.probabilities(prepared[:, used])
        inside = np.zeros(prepared.shape[1:], dtype=bool)
        inside[used] = (prepared[:, used] > prepared[:, used].min()).any(axis=0)
        back = case.turn.undo
        if len(probabilities) == 1:
            masks = {self.regions[0]: back(probabilities[0] > self._segmenter.threshold)}
            by_region = {self.regions[0]: back(probabilities[0])}
            truth, classes = case.truth[self.regions[0]], None
        else:
            assert case.classes is not None
            truth, classes = case.classes, back(probabilities.argmax(axis=0).astype(np.uint8))
            masks = dict(zip(REGIONS, region_masks(classes), strict=True))
            by_region = {name: back(probabilities[list(values)].sum(axis=0).clip(0, 1)) for name, values in REGIONS.items()}
        return Prediction(
            masks=masks,
            probabilities=by_region,
            inside=back(inside),
            classes=classes,
            # One sample a slice, as the recipe is judged in its validations.
            channels=np.ascontiguousarray(probabilities[:, used].swapaxes(0, 1)),
            target=np.ascontiguousarray(case.turn.apply(truth)[used]).astype(np.uint8),
        )
