"""From a case to the tensor a network reads, and from the network's answer back to the case's own grid.

The steps, each undone on the way back: turn the axes to the patient's (no interpolation), resample to 1 mm where the
spacing is not 1 mm already, crop to the brain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing.brain import brain_mask, normalise
from gliolabel.preprocessing.orientation import Turn, turn_to_lps
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages
from gliolabel.vocabulary import SEQUENCES

#: Voxel edge in mm on which the networks were trained.
SPACING_MM = 1.0

#: A spacing within this share of 1 mm is left alone: resampling would blur more than it corrects.
SPACING_TOLERANCE = 0.05

#: Fewest voxels that can be called a brain (about 1 mL).
FEWEST_BRAIN_VOXELS = 1000

#: Voxels kept around the brain's bounding box.
MARGIN = 2


@dataclass(frozen=True)
class Prepared:
    """A case as the networks read it, and the way back.

    Args:
        case_id: id of the case.
        reference: name of the reference sequence.
        grid: the reference grid, on which results are returned.
        image: float32 (4, d, h, w) in the channel order of ``SEQUENCES``: normalised inside the brain, 0 outside it and in
            missing sequences; axes superior, posterior, left; voxels of 1 mm.
        brain: boolean (d, h, w).
        present: the sequences that the case has.
        turn: how array axes were turned.
        working: the grid after resampling, before turning, if it is not the reference grid itself.
        box: slices of the crop in the turned array.
        warnings: sentences for the reader.
    """

    case_id: str
    reference: str
    grid: Grid
    image: Tensor
    brain: Tensor
    present: tuple[str, ...]
    turn: Turn
    working: Grid
    box: tuple[slice, slice, slice]
    warnings: tuple[str, ...] = ()

    def restore(self, array: np.ndarray, *, outside: float = 0.0) -> np.ndarray:
        """Bring results back to the reference grid: uncrop, turn back, resample (linearly).

        Args:
            array: (..., d, h, w) of a floating type on the cropped working grid.
            outside: value where the crop did not reach.

        Returns:
            float32 (..., z, y, x) on the reference grid.
        """
        turned_shape = self.turn.apply(np.empty(self.working.shape, dtype=bool)).shape
        full = np.full((*array.shape[:-3], *turned_shape), outside, dtype=np.float32)
        full[(..., *self.box)] = array
        back = self.turn.undo(full)
        if self.working is self.grid:
            return np.ascontiguousarray(back)
        flat = back.reshape(-1, *back.shape[-3:])
        resampled = [_resample(volume, self.working, self.grid, outside=outside) for volume in flat]
        return np.stack(resampled).reshape(*array.shape[:-3], *self.grid.shape)

    def follow(self, label: np.ndarray) -> np.ndarray:
        """Bring a label of the reference grid onto the cropped working grid (nearest neighbour), for training.

        Args:
            label: integer (z, y, x) on the reference grid.

        Returns:
            The label as (d, h, w), beside :attr:`image`.
        """
        if self.working is not self.grid:
            label = _resample(label, self.grid, self.working, outside=0.0, nearest=True)
        return np.ascontiguousarray(self.turn.apply(label)[self.box])


def prepare(images: CaseImages) -> Prepared:
    """Prepare a case for the networks.

    Args:
        images: the case's sequences on the reference grid.

    Raises:
        InputError: there is no brain in the images.
    """
    working = _working_grid(images.grid)
    warnings = list(images.warnings)
    volumes = dict(images.arrays)
    brain = brain_mask(volumes.values())
    if working is not images.grid:
        warnings.append(f"voxels of {_text(images.grid)} mm were resampled to {SPACING_MM:g} mm for the network, and the result back")
        volumes = {name: _resample(volume, images.grid, working, outside=float(volume.min())) for name, volume in volumes.items()}
        # Not from the resampled volumes: interpolation leaves a trace of the brain in the air around it.
        brain = _resample(brain.astype(np.float32), images.grid, working, outside=0.0) > 0.5
    if int(brain.sum()) < FEWEST_BRAIN_VOXELS:
        raise InputError(
            f"case {images.case_id}: no brain found: {int(brain.sum())} voxels differ from the background in {', '.join(volumes)}; "
            f"expected at least {FEWEST_BRAIN_VOXELS}. Check that the files hold the MRI volumes themselves."
        )
    turn = turn_to_lps(images.grid.direction)
    turned_brain = turn.apply(brain)
    box = _bounding_box(turned_brain)
    shape = tuple(part.stop - part.start for part in box)
    image = torch.zeros(len(SEQUENCES), *shape)
    for channel, name in enumerate(SEQUENCES):
        if name in volumes:
            image[channel] = torch.from_numpy(np.ascontiguousarray(turn.apply(normalise(volumes[name], brain))[box]))
    return Prepared(
        case_id=images.case_id,
        reference=images.reference,
        grid=images.grid,
        image=image,
        brain=torch.from_numpy(np.ascontiguousarray(turned_brain[box])),
        present=tuple(name for name in SEQUENCES if name in volumes),
        turn=turn,
        working=working,
        box=box,
        warnings=tuple(warnings),
    )


def _working_grid(grid: Grid) -> Grid:
    if all(abs(s - SPACING_MM) <= SPACING_TOLERANCE for s in grid.spacing):
        return grid
    size = tuple(max(1, round(n * s / SPACING_MM)) for n, s in zip(grid.size, grid.spacing, strict=True))
    # Both grids cover the same box: outer faces, not the centres of the first voxels, coincide.
    shift = np.array([(SPACING_MM - s) / 2 for s in grid.spacing])
    origin = np.asarray(grid.origin) + np.asarray(grid.direction).reshape(3, 3) @ shift
    return Grid(
        size=(size[0], size[1], size[2]),
        spacing=(SPACING_MM,) * 3,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=grid.direction,
    )


def _resample(volume: np.ndarray, source: Grid, target: Grid, *, outside: float, nearest: bool = False) -> np.ndarray:
    image = source.image(volume)
    if not nearest:
        # Sampling every second voxel of a fine grid would alias: blur along the axes that get coarser.
        sigma = [0.4 * t if t > 1.25 * s else 0.0 for s, t in zip(source.spacing, target.spacing, strict=True)]
        for axis, value in enumerate(sigma):
            if value:
                image = sitk.RecursiveGaussian(image, value, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(target.image(np.zeros(target.shape, dtype=np.uint8)))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    # The outer half voxels of a finer grid lie beyond the coarse grid's centres: continue the edge instead of the background.
    resampler.SetUseNearestNeighborExtrapolator(True)
    return sitk.GetArrayFromImage(resampler.Execute(image))


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    spans = []
    for axis in range(3):
        hits = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(max(0, int(hits[0]) - MARGIN), min(mask.shape[axis], int(hits[-1]) + 1 + MARGIN)))
    return spans[0], spans[1], spans[2]


def _text(grid: Grid) -> str:
    return " x ".join(f"{s:.3g}" for s in grid.spacing)
