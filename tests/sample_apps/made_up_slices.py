"""Slices made for tests: a head, and in it a bright spot on FLAIR, which is the tumour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SIZE = 48


def make_patient(seed: int, *, slices: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (slices, rows, columns, 3) as t1, flair, t1ce, and the mask uint8 (slices, rows, columns); the first slice has no tumour."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centre = random.uniform(SIZE * 0.4, SIZE * 0.6, 2)
    image = np.zeros((slices, SIZE, SIZE, 3), np.uint8)
    mask = np.zeros((slices, SIZE, SIZE), np.uint8)
    for z in range(slices):
        head = ((rows - SIZE / 2) / (SIZE * 0.42)) ** 2 + ((columns - SIZE / 2) / (SIZE * 0.36)) ** 2 < 1
        radius = SIZE * 0.17 * np.sin(np.pi * z / slices)
        tumour = head & ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2)
        noise = random.normal(0, 4, (SIZE, SIZE, 3))
        image[z] = np.clip(np.where(head, 80, 2)[..., None] + tumour[..., None] * np.array([-20, 120, 10]) + noise, 0, 255)
        mask[z] = tumour
    return image, mask


def write_slice(path: Path, pixels: np.ndarray) -> None:
    """Write (rows, columns) or (rows, columns, 3)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(pixels, isVector=pixels.ndim == 3), str(path), useCompression=True)


def write_patient(folder: Path, name: str, *, seed: int, masks: bool = True, ending: str = ".tif") -> tuple[np.ndarray, np.ndarray]:
    """Write a patient as the LGG set does, numbers from 1; returns what was written."""
    image, mask = make_patient(seed)
    for number, (pixels, tumour) in enumerate(zip(image, mask, strict=True), start=1):
        write_slice(folder / name / f"{name}_{number}{ending}", pixels)
        if masks:
            write_slice(folder / name / f"{name}_{number}_mask{ending}", tumour * np.uint8(255))
    return image, mask


def write_flair_volume(
    path: Path, *, seed: int, mask: Path | None = None, direction: Sequence[float] = (1, 0, 0, 0, 1, 0, 0, 0, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """Write the FLAIR of a patient as a volume of 16 bit; returns voxels and tumour.

    Args:
        path: the volume.
        seed: which patient.
        mask: where to write the tumour, with the value 4.
        direction: of the volume. Its axes are turned so that the patient lies as in the slices.

    Returns:
        The patient as in the slices, (z, y, x), whatever the direction.
    """
    image, tumour = make_patient(seed)
    flair = image[..., 1].astype(np.int16) * 9
    backwards = tuple(axis for axis, cosine in zip((2, 1, 0), (direction[0], direction[4], direction[8]), strict=True) if cosine < 0)
    for target, array in ((path, flair), (mask, tumour * np.uint8(4))):
        if target is not None:
            written = sitk.GetImageFromArray(np.flip(array, backwards))
            written.SetSpacing((0.9, 0.9, 4.0))
            written.SetDirection(direction)
            target.parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(written, str(target))
    return flair, tumour
