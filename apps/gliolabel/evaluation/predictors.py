"""What is tested: a model version, behind the few methods that the evaluation needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import OpenedCase
from gliolabel.inference import Segmenter
from gliolabel.metrics.regions import region_masks
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import REGIONS


@dataclass(frozen=True)
class Prediction:
    """What a model says of a case, on the case's own grid.

    Args:
        masks: boolean (z, y, x) by region.
        probabilities: float32 (z, y, x) by region.
        inside: boolean (z, y, x): where probabilities are counted for the calibration.
        classes: uint8 (z, y, x) class indices, or None for a model of one region.
        channels: float32 (samples, channels, *space) probabilities for the recipe's own score: one sample for a volume, one a
            slice for a model of slices.
        target: uint8 (samples, *space), the truth as that score wants it.
        warnings: sentences for the reader.
    """

    masks: Mapping[str, np.ndarray]
    probabilities: Mapping[str, np.ndarray]
    inside: np.ndarray
    classes: np.ndarray | None
    channels: np.ndarray
    target: np.ndarray
    warnings: tuple[str, ...] = ()


class Predictor(Protocol):
    """A model version on a device. Models whose ``preparation`` is equal share what :meth:`prepare` returns."""

    @property
    def model_version(self) -> ModelVersion:
        """The model."""

    @property
    def device(self) -> str:
        """Where it runs and in which format, e.g. ``cpu (bfloat16)``."""

    @property
    def preparation(self) -> str:
        """Names everything that :meth:`prepare` depends on besides the case."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions it predicts."""

    def prepare(self, case: OpenedCase) -> Any:
        """From the case's images to what the network reads.

        Raises:
            InputError: the images cannot be used.
        """

    def predict(self, prepared: Any, case: OpenedCase) -> Prediction:
        """Run the network on what :meth:`prepare` returned."""


class SegmenterPredictor:
    """The product's models: four classes, three regions, whole volumes.

    Args:
        segmenter: the model on its device.
    """

    preparation = "brain"
    regions = tuple(REGIONS)

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self.model_version = segmenter.model_version

    @property
    def device(self) -> str:
        """See :class:`Predictor`."""
        return self._segmenter.device

    def prepare(self, case: OpenedCase) -> Any:
        """See :class:`Predictor`."""
        return self._segmenter.prepare(case.images)[0]

    def predict(self, prepared: Any, case: OpenedCase) -> Prediction:
        """See :class:`Predictor`."""
        result = self._segmenter.mask(prepared)
        whole, core, enhancing = result.probabilities
        # Regions are sums of exclusive classes, so the classes follow: necrosis is what the core has beyond the enhancing tumour.
        channels = np.stack([1 - whole, core - enhancing, whole - core, enhancing]).clip(0, 1)
        assert case.classes is not None
        return Prediction(
            masks=dict(zip(REGIONS, region_masks(result.mask), strict=True)),
            probabilities=dict(zip(REGIONS, result.probabilities, strict=True)),
            inside=prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5,
            classes=result.mask,
            channels=channels[None],
            target=case.classes[None],
            warnings=result.warnings,
        )


def open_predictor(version: ModelVersion, *, device: str | None = None) -> Predictor:
    """The predictor that fits a model version.

    Args:
        version: the model.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the first GPU if there is one.

    Raises:
        InputError: models of its recipe cannot be tested, or its weights do not fit.
    """
    recipe = version.recipe
    if is_product_model(version):
        return SegmenterPredictor(Segmenter(version, device=device))
    if recipe.data.unit == "slice" or (recipe.network.spatial_dims == 3 and recipe.network.out_channels == 1 + len(REGIONS)):
        from gliolabel.evaluation.report_models import ReportPredictor

        return ReportPredictor(version, device=device)
    network = recipe.network
    raise InputError(
        f"model {version.name} {version.version}: its recipe {recipe.name} reads volumes with a {network.spatial_dims}-D network of "
        f"{network.out_channels} output channels; expected slices, or volumes with a 3-D network of {1 + len(REGIONS)}"
    )


def is_product_model(version: ModelVersion) -> bool:
    """Whether a model version segments whole cases into the product's classes, as the server's models do."""
    recipe = version.recipe
    return [step.kind for step in recipe.preprocessing] == ["brain"] and recipe.network.out_channels == 1 + len(REGIONS)
