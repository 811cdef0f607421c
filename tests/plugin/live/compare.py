"""What the MRML scene shows, compared with files. Arrays are (z, y, x)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from gliolabel.vocabulary import LABELS, REGIONS


def ijk_to_ras(path: Path) -> np.ndarray:
    """The 4x4 matrix from voxel index (i, j, k) to RAS mm of a file, as Slicer has it."""
    image = sitk.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def voxels(path: Path) -> np.ndarray:
    """The voxels of a file."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def scene_mask(segments: list[dict[str, Any]]) -> np.ndarray:
    """The tumour segments on the screen as one array with our values."""
    mask = np.zeros(segments[0]["array"].shape, dtype=np.uint8)
    for segment in segments:
        if segment["name"] in LABELS:
            mask[segment["array"]] = LABELS[segment["name"]]
    return mask


def region_dice(mask: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Dice of each region of two masks with values 0..3; computed here, apart from the library under test."""
    scores = {}
    for region, values in REGIONS.items():
        ours, theirs = np.isin(mask, values), np.isin(truth, values)
        scores[region] = 2.0 * (ours & theirs).sum() / max(int(ours.sum() + theirs.sum()), 1)
    return scores


def brush(volume: dict[str, Any], *, center: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    """A ball on the volume's grid: what a click with the sphere brush would paint.

    Args:
        volume: from `desk.volume()`.
        center: voxel index (z, y, x).
        radius_mm: of the ball.
    """
    indices = np.indices(volume["array"].shape).reshape(3, -1)[::-1]
    offsets = volume["ijk_to_ras"][:3, :3] @ (indices - np.array(center[::-1])[:, None])
    return ((offsets**2).sum(axis=0) <= radius_mm**2).reshape(volume["array"].shape)
