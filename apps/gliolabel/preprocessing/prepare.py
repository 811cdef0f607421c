"""From a case to the tensor a network reads, and from the network's answer back to the case's own grid.

The steps, each undone on the way back: turn the axes to the patient's (no interpolation), resample to 1 mm where the
spacing is not 1 mm already, crop to the brain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing.brain import brain_mask, normalise
from gliolabel.preprocessing.orientation import Turn, turn_to_lps
from gliolabel.preprocessing.resampling import SPACING_MM, resampled, working_grid
from gliolabel.studies.background import LARGEST_BRAIN_L
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages
from gliolabel.vocabulary import SEQUENCES

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
        processed: what was done to the images before, see :class:`~gliolabel.studies.images.CaseImages`.
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
    processed: Mapping[str, Any] = field(default_factory=dict)

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
        volumes = [resampled(volume, self.working, self.grid, outside=outside) for volume in flat]
        return np.stack(volumes).reshape(*array.shape[:-3], *self.grid.shape)

    def follow(self, label: np.ndarray) -> np.ndarray:
        """Bring a label of the reference grid onto the cropped working grid (nearest neighbour), for training.

        Args:
            label: integer (z, y, x) on the reference grid.

        Returns:
            The label as (d, h, w), beside :attr:`image`.
        """
        if self.working is not self.grid:
            label = resampled(label, self.grid, self.working, outside=0.0, nearest=True)
        return np.ascontiguousarray(self.turn.apply(label)[self.box])


def prepare(images: CaseImages) -> Prepared:
    """Prepare a case for the networks.

    Args:
        images: the case's sequences on the reference grid.

    Raises:
        InputError: there is no brain in the images.
    """
    working = working_grid(images.grid)
    warnings = list(images.warnings)
    volumes = dict(images.arrays)
    brain = brain_mask(volumes.values())
    if working is not images.grid:
        warnings.append(f"voxels of {_text(images.grid)} mm were resampled to {SPACING_MM:g} mm for the network, and the result back")
        volumes = {name: resampled(volume, images.grid, working, outside=float(volume.min())) for name, volume in volumes.items()}
        # Not from the resampled volumes: interpolation leaves a trace of the brain in the air around it.
        brain = resampled(brain.astype(np.float32), images.grid, working, outside=0.0) > 0.5
    if int(brain.sum()) < FEWEST_BRAIN_VOXELS:
        raise InputError(
            f"case {images.case_id}: no brain found: {int(brain.sum())} voxels differ from the background in {', '.join(volumes)}; "
            f"expected at least {FEWEST_BRAIN_VOXELS}. Check that the files hold the MRI volumes themselves."
        )
    litres = float(brain.sum()) * working.voxel_ml / 1000.0
    if litres > LARGEST_BRAIN_L:
        warnings.append(
            f"beside air there are {litres:.1f} litres, more than a brain has: the skull seems to be in the images, and the networks know "
            "brains without it (--conf preprocess clinical, or gliolabel segment --preprocess clinical)"
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
        processed=images.processed,
    )


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    spans = []
    for axis in range(3):
        hits = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(max(0, int(hits[0]) - MARGIN), min(mask.shape[axis], int(hits[-1]) + 1 + MARGIN)))
    return spans[0], spans[1], spans[2]


def _text(grid: Grid) -> str:
    return " x ".join(f"{s:.3g}" for s in grid.spacing)
