"""Models of the reports' recipes, tested on volumes and on stacks of slices, prepared as the recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.predictors import Prediction
from gliolabel.evaluation.stacks import REGION
from gliolabel.inference.runner import Job, Runner
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.metrics.regions import region_masks
from gliolabel.preprocessing.steps import prepare_volume
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import REGIONS

#: The region of a model with one output, by the layout of its data: on BraTS it is trained on the whole tumour.
_ONLY_REGION: Mapping[str, str] = {"brats": "WT", "lgg": REGION}


class _Network(Protocol):
    """Runs a model on a stack or volume."""

    @property
    def device(self) -> str:
        """Where, and in which format."""

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """float32 (outputs, z, y, x) from float32 (channels, z, y, x) in the files' own units."""


class VolumeNetwork:
    """A network of whole volumes with several classes.

    Args:
        version: the model.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the first GPU if there is one.
    """

    def __init__(self, version: ModelVersion, *, device: str | None = None) -> None:
        self._recipe = version.recipe
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._runner = Runner(version.recipe, device=self._device, precision=None, memory_gib=None)
        self._network = self._runner.place(version.build())

    @property
    def device(self) -> str:
        """Where the network runs and in which format."""
        return str(self._runner.precision)

    @torch.inference_mode()
    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """float32 (classes, z, y, x) from float32 (channels, z, y, x); outside the recipe's crop all is background."""
        prepared = prepare_volume(self._recipe.preprocessing, image)
        return prepared.restore(self._runner.run(Job(network=self._network, image=prepared.image, planes=()))).numpy()


class ReportPredictor:
    """A model of one of the reports: one output for the tumour, or one a class.

    Args:
        version: the model.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the first GPU if there is one.
    """

    def __init__(self, version: ModelVersion, *, device: str | None = None) -> None:
        self.model_version = version
        self._recipe = version.recipe
        slices = self._recipe.data.unit == "slice"
        self._network: _Network = SliceSegmenter(version, device=device) if slices else VolumeNetwork(version, device=device)

    @property
    def device(self) -> str:
        """See :class:`gliolabel.evaluation.predictors.Predictor`."""
        return self._network.device

    @property
    def preparation(self) -> str:
        """See :class:`gliolabel.evaluation.predictors.Predictor`; the recipe's own preprocessing belongs to the network."""
        return f"upright {', '.join(self._recipe.data.channels)}"

    @property
    def regions(self) -> tuple[str, ...]:
        """See :class:`gliolabel.evaluation.predictors.Predictor`."""
        return tuple(REGIONS) if self._recipe.network.out_channels > 1 else (_ONLY_REGION[self._recipe.data.layout],)

    def prepare(self, case: OpenedCase) -> Any:
        """The case's channels as float32 (channels, z, y, x), axial slices upright.

        Raises:
            InputError: the case lacks a channel.
        """
        missing = [name for name in self._recipe.data.channels if name not in case.pictures]
        if missing:
            raise InputError(f"case {case.id}: has no {', '.join(missing)}, which the model {self.model_version.name} reads")
        return np.stack([case.turn.apply(case.pictures[name]) for name in self._recipe.data.channels]).astype(np.float32)

    def predict(self, prepared: Any, case: OpenedCase) -> Prediction:
        """See :class:`gliolabel.evaluation.predictors.Predictor`. Slices that the recipe leaves out count as background."""
        used = slice(*self._recipe.data.slices) if self._recipe.data.slices is not None else slice(None)
        upright = np.zeros((self._recipe.network.out_channels, *prepared.shape[1:]), dtype=np.float32)
        if len(upright) > 1:
            upright[0] = 1.0
        upright[:, used] = self._network.probabilities(np.ascontiguousarray(prepared[:, used]))
        inside = np.zeros(prepared.shape[1:], dtype=bool)
        inside[used] = (prepared[:, used] > prepared.min()).any(axis=0)
        back = case.turn.undo
        if len(upright) == 1:
            region = self.regions[0]
            masks, by_region = {region: back(upright[0] > self._recipe.inference.threshold)}, {region: back(upright[0])}
            truth, classes = case.truth[region], None
        else:
            assert case.classes is not None
            truth, classes = case.classes, back(upright.argmax(axis=0).astype(np.uint8))
            masks = dict(zip(REGIONS, region_masks(classes), strict=True))
            by_region = {name: back(upright[list(values)].sum(axis=0).clip(0, 1)) for name, values in REGIONS.items()}
        target = np.ascontiguousarray(case.turn.apply(truth)[used]).astype(np.uint8)
        channels = np.ascontiguousarray(upright[:, used])
        sliced = self._recipe.data.unit == "slice"
        return Prediction(
            masks=masks,
            probabilities=by_region,
            inside=back(inside),
            classes=classes,
            # The samples are what the recipe's validations count: slices, or the whole volume.
            channels=np.ascontiguousarray(channels.swapaxes(0, 1)) if sliced else channels[None],
            target=target if sliced else target[None],
        )
