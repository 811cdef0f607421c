"""A recipe's steps on one stack of slices or volume, in the recipe's order, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing.steps.crop import Box, brain_box, crop_box, uncrop
from gliolabel.preprocessing.steps.divide import divide, divide_by_max
from gliolabel.preprocessing.steps.min_max import min_max
from gliolabel.preprocessing.steps.pad import margins, pad
from gliolabel.preprocessing.steps.resize import resize, resize_target, resize_tensor
from gliolabel.preprocessing.steps.z_score import z_score
from gliolabel.preprocessing.steps.zoom import unzoom, zoom, zoom_target
from gliolabel.recipes.schema import (
    CropBrainStep,
    CropStep,
    DivideByMaxStep,
    DivideStep,
    MinMaxStep,
    PadStep,
    ResizeStep,
    Step,
    ZoomStep,
    ZScoreStep,
)

#: Undoes the geometry of one step: (outputs, d, h, w) after it to (outputs, z, y, x) before it.
Undo = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Applied:
    """What steps made of an image.

    Args:
        image: float32 (channels, d, h, w).
        target: uint8 (d, h, w), or None.
        undo: the geometry to undo, the last step first.
    """

    image: np.ndarray
    target: np.ndarray | None
    undo: tuple[Undo, ...] = ()

    def restore(self, probabilities: Tensor) -> Tensor:
        """Bring (outputs, d, h, w) back to the grid that the image came on."""
        for undo in self.undo:
            probabilities = undo(probabilities)
        return probabilities


def apply_steps(
    image: np.ndarray, target: np.ndarray | None, steps: Sequence[Step], *, unit: Literal["volume", "slice"] = "volume"
) -> Applied:
    """Apply a recipe's steps.

    Args:
        image: (channels, z, y, x), slices axial as :mod:`gliolabel.recipes.schema.preprocessing` says, in the files' own units.
        target: (z, y, x), class indices or 0 and 1; None when there is none (a new case).
        steps: in order. ``brain`` needs a case's geometry and is :func:`gliolabel.preprocessing.prepare`'s.
        unit: what a sample is, for the steps that take a sample's own statistics.

    Raises:
        InputError: a crop reaches outside the image, or a step cannot be used here.
    """
    applied = Applied(image, target)
    for step in steps:
        applied = _apply(applied, step, unit)
    return Applied(np.ascontiguousarray(applied.image, dtype=np.float32), applied.target, applied.undo)


def _apply(now: Applied, step: Step, unit: Literal["volume", "slice"]) -> Applied:
    shape = now.image.shape[1:]
    size = (shape[1], shape[2])
    match step:
        case MinMaxStep():
            return Applied(min_max(now.image, per=step.per), now.target, now.undo)
        case DivideByMaxStep():
            image = divide_by_max(now.image, per=step.per, channels_together=step.channels_together)
            return Applied(image, now.target, now.undo)
        case DivideStep():
            return Applied(divide(now.image, by=step.by), now.target, now.undo)
        case ZScoreStep():
            return Applied(z_score(now.image, per=unit), now.target, now.undo)
        case CropStep():
            return _cut(now, crop_box(step, shape))
        case CropBrainStep():
            return _cut(now, brain_box(now.image))
        case PadStep():
            rows, columns = margins(shape, step.size)
            inner = (slice(None), slice(rows[0], rows[0] + size[0]), slice(columns[0], columns[0] + size[1]))
            target = None if now.target is None else pad(now.target, size=step.size)
            return Applied(pad(now.image, size=step.size), target, (partial(_inner, box=inner), *now.undo))
        case ResizeStep():
            target = None if now.target is None else resize_target(now.target, size=step.size)
            return Applied(resize(now.image, size=step.size, mode=step.mode), target, (partial(resize_tensor, size=size), *now.undo))
        case ZoomStep():
            target = None if now.target is None else zoom_target(now.target, factor=step.factor, order=step.order)
            return Applied(zoom(now.image, factor=step.factor, order=step.order), target, (partial(unzoom, size=size), *now.undo))
    raise InputError(f"preprocessing step {step.kind}: can only be the first step, and of a whole case. Put it first, or leave it out")


def _cut(now: Applied, box: Box) -> Applied:
    z, y, x = now.image.shape[1:]
    target = None if now.target is None else now.target[box]
    return Applied(now.image[(slice(None), *box)], target, (partial(uncrop, box=box, shape=(z, y, x)), *now.undo))


def _inner(probabilities: Tensor, *, box: Box) -> Tensor:
    return probabilities[(slice(None), *box)]
