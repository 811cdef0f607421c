"""What a segmentation returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gliolabel.studies import Grid


@dataclass(frozen=True)
class UncertaintyMaps:
    """Maps and scores from Monte-Carlo passes.

    Args:
        measures: the case's map by measure (``std``, ``entropy``, ``mutual_information``): float32 (z, y, x) on the reference
            grid, the maximum over the regions; 0 where there is no brain.
        by_region: the same by region: float32 (3, z, y, x) in the order WT, TC, ET.
        expected_error: float32 (3, z, y, x), the probability that the served mask of each region is wrong, by the mean over the
            passes (:func:`~gliolabel.uncertainty.maps.expected_error_map`); 0 where there is no brain.
        scores: for each region ``band_mean`` (mean of ``std`` within 3 mm of the mask's border), ``volume_cv`` (coefficient of
            variation of the volume), ``pairwise_dice`` (mean over pairs of passes; 1 when all are empty), ``volume_ml_p05`` and
            ``volume_ml_p95`` (90 % interval of the volume in mL). ``band_mean`` is None for an empty mask.
        passes: number of passes.
        seed: seed of the passes.
        seconds: time they took.
    """

    measures: Mapping[str, np.ndarray]
    by_region: Mapping[str, np.ndarray]
    expected_error: np.ndarray
    scores: Mapping[str, Mapping[str, float | None]]
    passes: int
    seed: int
    seconds: float


@dataclass(frozen=True)
class Segmentation:
    """A segmented case.

    Args:
        case_id: the case.
        mask: uint8 (z, y, x) on the reference grid: 0 background, 1 necrosis, 2 edema, 3 enhancing tumor.
        probabilities: float32 (3, z, y, x) of the regions WT, TC, ET.
        grid: the reference grid.
        volumes_ml: volume of each region in mL.
        model: name of the model.
        model_version: its version.
        device: where it ran, e.g. ``cpu (bfloat16)``.
        latencies: seconds by stage: read, prepare, network, restore, and uncertainty if there were passes.
        warnings: sentences for the reader.
        maps: the uncertainty maps, if passes were asked for.
        processed: what was done to the images before the network, see :class:`~gliolabel.studies.images.CaseImages`.
    """

    case_id: str
    mask: np.ndarray
    probabilities: np.ndarray
    grid: Grid
    volumes_ml: Mapping[str, float]
    model: str
    model_version: str
    device: str
    latencies: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    maps: UncertaintyMaps | None = field(default=None)
    processed: Mapping[str, Any] = field(default_factory=dict)
