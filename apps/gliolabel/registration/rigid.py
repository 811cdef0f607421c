"""Rigid registration of one head to another by mutual information: where it came to lie, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import GlioLabelError
from gliolabel.registration.overlap import overlap
from gliolabel.registration.views import View

#: Smoothing of both images (standard deviation in mm) level by level, and the part of the voxels that is looked at.
_LEVELS: Final = ((4.0, 0.02), (2.0, 0.05), (0.0, 0.2))
#: Grey values of a histogram.
_BINS: Final = 32
_SEED: Final = 1
#: Steps of the optimiser (mm): the first, and the one at which it stops.
_FIRST_STEP, _LAST_STEP = 1.0, 0.01
#: Most steps at one level.
_STEPS: Final = 100
#: The similarity before and after is taken with this smoothing (mm), so that interpolation does not count.
_CHECK: Final = (2.0, 0.3)
#: The centres of mass are laid on each other first where heads overlap less than this.
_FAR_APART: Final = 0.8


@dataclass(frozen=True)
class Estimate:
    """A rigid transform, and what it does.

    A place x (LPS, mm) in the reference is the place R (x - centre) + centre + translation in the other volume; R turns about y, then x,
    then z, as ITK's ``Euler3DTransform`` does.

    Args:
        centre: of the rotation, LPS in mm.
        rotation_deg: about the x, y and z axis.
        translation_mm: along x, y and z.
        moved_mm: how far it moves the points of the head, on average.
        overlap: Dice coefficient of both heads, before and after.
        similarity: mutual information of both volumes (nats), before and after.
    """

    centre: tuple[float, float, float]
    rotation_deg: tuple[float, float, float]
    translation_mm: tuple[float, float, float]
    moved_mm: float
    overlap: tuple[float, float]
    similarity: tuple[float, float]

    def transform(self) -> sitk.Euler3DTransform:
        """As SimpleITK has it: what a resampler onto the reference grid is given."""
        return _euler(self.centre, np.deg2rad(self.rotation_deg), self.translation_mm)

    def matrix(self) -> np.ndarray:
        """4 x 4, float64: from a place in the reference to the place in the other volume."""
        return _matrix(self.transform())


class RegistrationError(GlioLabelError):
    """The optimiser found nothing: the volumes do not meet, or one of them is flat."""


def register(fixed: View, moving: View) -> Estimate:
    """Find the rigid transform under which two volumes of one head tell most about each other.

    One thread and a fixed choice of voxels: the same volumes give the same transform, bit for bit.

    Args:
        fixed: the reference.
        moving: the other volume.

    Raises:
        RegistrationError: the volumes do not meet, or one of them is flat.
    """
    try:
        centre = fixed.head.centre
        mask = fixed.mask()
        start = _start(fixed, moving, centre, mask)
        found = start
        for level in _LEVELS:
            method = _method(mask, level)
            method.SetOptimizerAsRegularStepGradientDescent(_FIRST_STEP, _LAST_STEP, _STEPS, 0.5, 1e-5)
            method.SetOptimizerScalesFromPhysicalShift()
            method.SetInitialTransform(found, inPlace=True)
            method.Execute(fixed.image, moving.image)
    except (RuntimeError, ValueError) as error:  # ITK's own text names addresses
        raise RegistrationError("the volumes do not meet, or one of them is flat") from error
    matrix = _matrix(found)
    return Estimate(
        centre=centre,
        rotation_deg=_three(np.rad2deg(found.GetParameters()[:3])),
        translation_mm=_three(found.GetParameters()[3:]),
        moved_mm=_moved(fixed, matrix),
        overlap=(overlap(fixed.head, moving.head), overlap(fixed.head, moving.head, matrix)),
        similarity=(
            _similarity(fixed, moving, mask, _euler(centre, np.zeros(3), (0.0, 0.0, 0.0))),
            _similarity(fixed, moving, mask, found),
        ),
    )


def _start(fixed: View, moving: View, centre: tuple[float, float, float], mask: sitk.Image) -> sitk.Euler3DTransform:
    here = _euler(centre, np.zeros(3), (0.0, 0.0, 0.0))
    if overlap(fixed.head, moving.head) >= _FAR_APART:
        return here
    shift = np.array(moving.head.centre) - np.array(centre)
    there = _euler(centre, np.zeros(3), _three(shift))
    # Partly covered heads have their centres of mass elsewhere, though they lie on each other.
    return max((here, there), key=lambda transform: _similarity(fixed, moving, mask, transform))


def _method(mask: sitk.Image, level: tuple[float, float]) -> sitk.ImageRegistrationMethod:
    smoothing, part = level
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    # ITK shifts its regular choice of voxels at random, by the clock unless it is told a seed.
    method.SetMetricSamplingPercentage(part, _SEED)
    # The gradient is needed at the chosen voxels only.
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([smoothing])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _similarity(fixed: View, moving: View, mask: sitk.Image, transform: sitk.Euler3DTransform) -> float:
    """Mutual information in nats; 0 where the volumes do not meet."""
    method = _method(mask, _CHECK)
    method.SetInitialTransform(transform, inPlace=False)
    try:
        return -float(method.MetricEvaluate(fixed.image, moving.image))
    except RuntimeError:
        return 0.0


def _moved(fixed: View, matrix: np.ndarray) -> float:
    points = np.argwhere(fixed.head.mask)
    points = points[:: max(1, len(points) // 2000), ::-1]
    places = fixed.head.grid.affine @ np.concatenate([points, np.ones((len(points), 1))], axis=1).T
    return float(np.linalg.norm((matrix @ places - places)[:3], axis=0).mean())


def _euler(centre: tuple[float, float, float], angles: np.ndarray, shift: tuple[float, float, float]) -> sitk.Euler3DTransform:
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre)
    transform.SetParameters([*(float(angle) for angle in angles), *shift])
    return transform


def _matrix(transform: sitk.Euler3DTransform) -> np.ndarray:
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array(transform.GetCenter()) + np.array(transform.GetTranslation()) - rotation @ np.array(transform.GetCenter())
    return matrix


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
