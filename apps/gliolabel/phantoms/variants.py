"""The same phantom as other scanners and programs would have stored it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
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


def moved(phantom: Phantom, names: Sequence[str], *, degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Phantom:
    """A patient who moved before these sequences: the head is turned about its centre and shifted, the slices lie where they lay.

    Args:
        phantom: the case.
        names: the sequences that are taken after the movement.
        degrees: about the x, y and z axis of the scanner, as ITK's ``Euler3DTransform`` turns.
        shift_mm: along them.
    """
    back = movement(phantom, degrees=degrees, shift_mm=shift_mm).GetInverse()
    sequences = dict(phantom.sequences)
    for name in names:
        array = phantom.sequences[name]
        image = sitk.Resample(phantom.grid.image(array.astype(np.float32)), back, sitk.sitkLinear, 0.0)
        sequences[name] = np.rint(sitk.GetArrayFromImage(image)).astype(array.dtype)
    return replace(phantom, sequences=sequences)


def movement(phantom: Phantom, *, degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> sitk.Euler3DTransform:
    """The movement of :func:`moved`: from where a part of the head was to where it is afterwards."""
    inside = np.argwhere(phantom.sequences["t1"] != 0)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(phantom.grid.position(tuple(inside.mean(axis=0))))
    transform.SetParameters([*np.deg2rad(degrees).tolist(), *shift_mm])
    return transform


def with_skull(phantom: Phantom, *, seed: int = 0) -> Phantom:
    """The head as a scanner sees it: fluid and bone around the brain, skin and fat around them, and noise in the air.

    Args:
        phantom: the case.
        seed: chooses the noise.
    """
    rng = np.random.default_rng(seed)
    brain = np.logical_or.reduce([array != 0 for array in phantom.sequences.values()])
    depth = ndimage.distance_transform_edt(~brain, sampling=phantom.grid.spacing[::-1])
    sequences = {}
    for name, array in phantom.sequences.items():
        tissue = float(np.percentile(array[brain], 90))
        head = np.select([brain, depth < 7.0, depth < 16.0], [array, 0.1 * tissue, 1.3 * tissue], 0.0)
        noise = np.hypot(*rng.normal(0.0, 0.02 * tissue, (2, *array.shape)))  # of magnitude images
        sequences[name] = np.rint(head + noise).astype(array.dtype)
    return replace(phantom, sequences=sequences)
