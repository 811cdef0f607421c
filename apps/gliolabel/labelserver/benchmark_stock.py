"""What stock MONAI Label takes for the same work: its own BasicInferTask and epistemic scoring around the same weights.

The transforms and the inferer are those of MONAI Label's radiology sample app (segmentation task): load, orient, resample to 1 mm,
normalise, sliding windows of the training patch with overlap 0.4 and Gaussian weights, softmax, argmax, restore. Two things differ,
because the weights need them: the axes are turned to superior-posterior-left, and the normalisation is by channel, without the CT
app's smoothing and scaling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import SimpleITK as sitk
import torch
from monai.inferers import Inferer, SliceInferer, SlidingWindowInferer
from monai.transforms import (
    Activationsd,
    AsDiscreted,
    EnsureChannelFirstd,
    EnsureTyped,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    Spacingd,
)
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferType
from monailabel.tasks.infer.basic_infer import BasicInferTask
from monailabel.tasks.scoring.epistemic_v2 import EpistemicScoring
from monailabel.transform.post import Restored

from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import LABELS

#: As in the radiology sample app.
OVERLAP = 0.4
_WINDOWS_AT_ONCE = 2


@dataclass(frozen=True)
class StockResult:
    """What stock MONAI Label answered.

    Args:
        mask: uint8 (z, y, x), values 0..3, on the reference grid.
        latencies: seconds by stage, as MONAI Label reports them: ``pre`` (read and prepare), ``infer``, ``invert``, ``post``,
            ``write``, ``total``.
    """

    mask: np.ndarray
    latencies: dict[str, float]


class StockTask(BasicInferTask):
    """The radiology app's segmentation task with our weights.

    Args:
        version: the model.
        scoring: as the epistemic scoring uses it: dropout on, probabilities returned, nothing written.
    """

    def __init__(self, version: ModelVersion, *, scoring: bool = False) -> None:
        super().__init__(
            path=None,
            network=version.build(),
            type=InferType.SEGMENTATION,
            labels=dict(LABELS),
            dimension=3,
            description="stock pipeline",
            roi_size=version.recipe.sampling.patch,
            train_mode=scoring,
            skip_writer=scoring,
        )
        self._scoring = scoring

    def pre_transforms(self, data: Any = None) -> Sequence[Callable[..., Any]]:
        """As the radiology app, see the module's text."""
        return [
            LoadImaged(keys="image"),
            EnsureTyped(keys="image", device=data.get("device") if data else None),
            EnsureChannelFirstd(keys="image"),
            Orientationd(keys="image", axcodes="SPL"),
            Spacingd(keys="image", pixdim=(1.0, 1.0, 1.0), allow_missing_keys=True),
            NormalizeIntensityd(keys="image", nonzero=True, channel_wise=True),
        ]

    def inferer(self, data: Any = None) -> Inferer:
        """Sliding windows; for a 2-D network over every axial slice."""
        options: dict[str, Any] = {
            "roi_size": self.roi_size,
            "sw_batch_size": _WINDOWS_AT_ONCE,
            "overlap": OVERLAP,
            "padding_mode": "replicate",
            "mode": "gaussian",
        }
        return SliceInferer(spatial_dim=0, **options) if len(self.roi_size) == 2 else SlidingWindowInferer(**options)

    def inverse_transforms(self, data: Any = None) -> Sequence[Callable[..., Any]]:
        """As the radiology app: all that can be inverted."""
        return []

    def post_transforms(self, data: Any = None) -> Sequence[Callable[..., Any]]:
        """As the radiology app; for scoring the probabilities stay."""
        post: list[Callable[..., Any]] = [
            EnsureTyped(keys="pred", device=data.get("device") if data else None),
            Activationsd(keys="pred", softmax=True),
        ]
        return post if self._scoring else [*post, AsDiscreted(keys="pred", argmax=True), Restored(keys="pred", ref_image="image")]


class _OneCase:
    """As much of a datastore as the epistemic scoring asks for: one unlabelled case of several files."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = list(files)
        self.info: dict[str, Any] = {}

    def get_unlabeled_images(self) -> list[str]:
        return ["case"]

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        return dict(self.info)

    def get_image_uri(self, image_id: str) -> list[str]:
        return self._files

    def update_image_info(self, image_id: str, info: dict[str, Any]) -> None:
        self.info.update(info)


def segment_stock(task: StockTask, files: Sequence[Path], *, device: str) -> StockResult:
    """Segment one case from its files in channel order, through MONAI Label's task, to a written file and back.

    Args:
        task: without scoring.
        files: one 3-D file a channel, on one grid.
        device: for example ``cpu``.
    """
    request = {
        "image": [str(file) for file in files],
        "device": device,
        "result_extension": ".nii.gz",
        "result_dtype": np.uint8,
        "logging": "error",
    }
    path, params = task(request)
    latencies = {stage: float(seconds) for stage, seconds in params["latencies"].items() if isinstance(seconds, int | float)}
    try:
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    finally:
        Path(str(path)).unlink(missing_ok=True)
    return StockResult(mask=mask.astype(np.uint8), latencies=latencies)


def score_stock(version: ModelVersion, files: Sequence[Path], *, passes: int, device: str) -> float:
    """Run MONAI Label's ``epistemic_v2`` on one case and return the seconds it took.

    Args:
        version: the model.
        files: one 3-D file a channel.
        passes: its ``simulation_size``.
        device: for example ``cpu``.
    """
    scoring = EpistemicScoring(infer_task=StockTask(version, scoring=True), simulation_size=passes)
    with torch.inference_mode():
        summary = scoring({"device": device, "max_workers": 1}, cast(Datastore, _OneCase([str(file) for file in files])))
    return float(summary["latency"])
