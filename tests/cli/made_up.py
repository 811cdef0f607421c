"""A segmentation made from a case's own label: what a perfect network with an unsure border would return, without running one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from gliolabel.inference import Segmentation, UncertaintyMaps
from gliolabel.studies import Case
from gliolabel.vocabulary import REGIONS

#: Largest standard deviation in the made-up map, on the border of each region.
PEAK = 0.4


def segmentation_from_label(case: Case, *, passes: int = 20, warnings: tuple[str, ...] = ()) -> Segmentation:
    """The case's label as the mask; the map is ``PEAK`` on each region's border and falls off within about 2 voxels.

    Args:
        case: a case with a label.
        passes: passes the maps are said to have; 0: no maps.
        warnings: the result's.
    """
    mask, grid = case.read_label(), case.grid()
    assert mask is not None
    regions = np.stack([np.isin(mask, values) for values in REGIONS.values()])
    maps = None
    if passes:
        border = np.stack([ndimage.binary_dilation(region) ^ ndimage.binary_erosion(region) for region in regions]).astype(np.float32)
        blurred = np.stack([ndimage.gaussian_filter(volume, 1.0) for volume in border])
        std = (PEAK * blurred / max(float(blurred.max()), 1e-6)).astype(np.float32)
        volumes = {name: float(region.sum()) * grid.voxel_ml for name, region in zip(REGIONS, regions, strict=True)}
        scores = {
            name: {"band_mean": 0.2, "volume_cv": 0.1, "pairwise_dice": 0.9, "volume_ml_p05": 0.9 * ml, "volume_ml_p95": 1.1 * ml}
            for name, ml in volumes.items()
        }
        measures = {"std": std, "entropy": std, "mutual_information": std}
        maps = UncertaintyMaps(
            measures={name: values.max(axis=0) for name, values in measures.items()},
            by_region=measures,
            expected_error=std,
            scores=scores,
            passes=passes,
            seed=0,
            seconds=1.0,
        )
    return Segmentation(
        case_id=case.id,
        mask=mask,
        probabilities=regions.astype(np.float32),
        grid=grid,
        volumes_ml={name: float(region.sum()) * grid.voxel_ml for name, region in zip(REGIONS, regions, strict=True)},
        model="unet3d",
        model_version="made-up-1",
        device="cpu (float32)",
        latencies={"read": 0.1, "prepare": 0.1, "network": 0.1, "restore": 0.1},
        warnings=warnings,
        maps=maps,
    )
