"""Images as a report's network reads them: a whole volume, or each axial slice by itself, with the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing.steps.applying import Applied, apply_steps
from gliolabel.recipes.schema import CropBrainStep, CropStep, Step


@dataclass(frozen=True)
class PreparedVolume:
    """A volume after a recipe's steps.

    Args:
        image: float32 (channels, d, h, w).
        target: uint8 (d, h, w), or None.
        applied: how it was made.
    """

    image: Tensor
    target: Tensor | None
    applied: Applied

    def restore(self, probabilities: Tensor) -> Tensor:
        """Bring (outputs, d, h, w) back to the grid that the volume came on: float32 (outputs, z, y, x).

        Args:
            probabilities: of the tumour, or of each class, background first. Where a crop did not reach is background.
        """
        return self.applied.restore(probabilities)


@dataclass(frozen=True)
class PreparedSlices:
    """A stack of axial slices after a recipe's steps.

    Args:
        images: float32 (z, channels, h, w).
        targets: uint8 (z, h, w), or None.
        together: the steps that all slices went through at once.
        own: those from the first on that gives each slice a box of its own, by slice; empty when there is none.
    """

    images: Tensor
    targets: Tensor | None
    together: Applied
    own: tuple[Applied, ...] = ()

    def restore(self, probabilities: Tensor) -> Tensor:
        """Bring (z, outputs, h, w) back to the grid that the stack came on: float32 (outputs, z, y, x).

        Args:
            probabilities: of the tumour, or of each class, background first. Where a crop did not reach is background.
        """
        stacked = probabilities.transpose(0, 1)
        if self.own:
            stacked = torch.cat([part.restore(stacked[:, index : index + 1]) for index, part in enumerate(self.own)], dim=1)
        return self.together.restore(stacked)


def prepare_volume(steps: Sequence[Step], image: np.ndarray, target: np.ndarray | None = None) -> PreparedVolume:
    """Prepare one volume.

    Args:
        steps: the recipe's.
        image: (channels, z, y, x) in the files' own units.
        target: (z, y, x), or None.

    Raises:
        InputError: a step cannot be used on this image.
    """
    applied = apply_steps(image, target, steps, unit="volume")
    return PreparedVolume(torch.from_numpy(applied.image), _tensor(applied.target), applied)


def prepare_slices(steps: Sequence[Step], image: np.ndarray, target: np.ndarray | None = None) -> PreparedSlices:
    """Prepare every axial slice of a stack.

    Args:
        steps: the recipe's.
        image: (channels, z, y, x) in the files' own units. Statistics "per volume" are those of all these slices.
        target: (z, y, x), or None.

    Raises:
        InputError: a step cannot be used on slices, or the slices come out in different sizes.
    """
    for step in steps:
        if isinstance(step, CropStep) and step.z is not None:
            raise InputError(
                f"preprocessing step crop: z = {list(step.z)} does not go with data.unit slice; say data.slices: {list(step.z)} instead"
            )
    # Up to the first box of its own, slices go through together: "per volume" means all of them.
    own = next((index for index, step in enumerate(steps) if isinstance(step, CropBrainStep)), len(steps))
    together = apply_steps(image, target, steps[:own], unit="slice")
    if own == len(steps):
        return PreparedSlices(*_stacked([together]), together)
    for step in steps[own:]:
        if getattr(step, "per", "slice") == "volume":
            raise InputError(f"preprocessing step {step.kind}: per volume cannot follow crop_brain of slices; put it before crop_brain")
    parts = [_follow(together, index, steps[own:]) for index in range(image.shape[1])]
    if len({part.image.shape for part in parts}) > 1:
        raise InputError("preprocessing step crop_brain: gives every slice its own size; add a resize step after it")
    return PreparedSlices(*_stacked(parts), together, tuple(parts))


def _follow(together: Applied, index: int, steps: Sequence[Step]) -> Applied:
    target = None if together.target is None else together.target[index : index + 1]
    return apply_steps(together.image[:, index : index + 1], target, steps, unit="slice")


def _stacked(parts: Sequence[Applied]) -> tuple[Tensor, Tensor | None]:
    images = np.concatenate([part.image for part in parts], axis=1)
    targets = None if parts[0].target is None else np.concatenate([part.target for part in parts if part.target is not None])
    return torch.from_numpy(np.ascontiguousarray(images.swapaxes(0, 1))), _tensor(targets)


def _tensor(target: np.ndarray | None) -> Tensor | None:
    return None if target is None else torch.from_numpy(np.ascontiguousarray(target, dtype=np.uint8))
