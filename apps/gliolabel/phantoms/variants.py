"""The same phantom as other scanners and programs would have stored it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from gliolabel.phantoms.phantom import Phantom
from gliolabel.studies.grid import Grid
from gliolabel.studies.resampling import onto


def reoriented(phantom: Phantom, orientation: str) -> Phantom:
    """The same head with its voxels stored in another order.

    Args:
        phantom: the case.
        orientation: where the axes point, three letters such as ``LPS`` (BraTS), ``RAS``, ``LAS`` or ``PIR``.
    """

    def turned(array: np.ndarray) -> sitk.Image:
        return sitk.DICOMOrient(phantom.grid.image(array), orientation)

    labels = turned(phantom.labels)
    sequences = {name: sitk.GetArrayFromImage(turned(array)) for name, array in phantom.sequences.items()}
    return Phantom(Grid.of(labels), sequences, sitk.GetArrayFromImage(labels))


def oblique(phantom: Phantom, degrees: tuple[float, float, float] = (12.0, -7.0, 20.0)) -> Phantom:
    """The head, and the slices with it, turned about the x, y and z axes of the scanner."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    direction = turn @ np.asarray(phantom.grid.direction).reshape(3, 3)
    x, y, z = (turn @ np.asarray(phantom.grid.origin)).tolist()
    return replace(phantom, grid=replace(phantom.grid, direction=tuple(direction.ravel().tolist()), origin=(x, y, z)))


def regridded(phantom: Phantom, grid: Grid) -> Phantom:
    """The head resampled onto another grid."""
    sequences = {
        name: onto(array.astype(np.float32), of=phantom.grid, grid=grid, where=name)[0].astype(array.dtype)
        for name, array in phantom.sequences.items()
    }
    labels, _ = onto(phantom.labels, of=phantom.grid, grid=grid, where="labels", label=True)
    return Phantom(grid, sequences, labels)


def spaced(grid: Grid, spacing: tuple[float, float, float]) -> Grid:
    """A grid over the same box with another spacing (x, y, z) in mm, for sequences with thick slices."""
    size = tuple(max(1, round(n * old / new)) for n, old, new in zip(grid.size, grid.spacing, spacing, strict=True))
    turn = np.asarray(grid.direction).reshape(3, 3)
    # The first voxel's corner stays where it is.
    corner = np.asarray(grid.origin) - turn @ (np.asarray(grid.spacing) / 2)
    x, y, z = (corner + turn @ (np.asarray(spacing) / 2)).tolist()
    return replace(grid, size=(size[0], size[1], size[2]), spacing=spacing, origin=(x, y, z))
