"""The geometry of a volume file, from its header alone, in SimpleITK's conventions.

ITK refuses NIfTI files whose direction cosines are not orthonormal, which registration tools and float32 rounding do
produce. Such a file is read with the nearest orthonormal directions (polar decomposition of the affine nibabel gives)
as long as that moves no corner by more than :data:`REPAIR_LIMIT_MM`; the reader is told how far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel
import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.files import split_extension
from gliolabel.studies.grid import Grid

#: What reads which format. Without it ITK lets every reader look into the file, and takes the first that likes it.
IMAGE_IO: Final[Mapping[str, str]] = {".nii.gz": "NiftiImageIO", ".nii": "NiftiImageIO", ".nrrd": "NrrdImageIO", ".mha": "MetaImageIO"}

#: More voxels than this are a damaged header, not a volume.
VOXEL_LIMIT: Final[int] = 1 << 31

#: A sheared affine whose nearest orthonormal grid has a corner further away than this (mm) is refused.
REPAIR_LIMIT_MM: Final[float] = 2.0


@dataclass(frozen=True)
class Header:
    """What a volume file says about itself.

    Args:
        grid: grid of the first three axes.
        extra: lengths of the axes after the third, without trailing ones: ``()`` for a 3-D volume, ``(4,)`` for MSD.
        warnings: what had to be repaired.
        padded: the file has further axes of length 1, which viewers may take for a time series.
    """

    grid: Grid
    extra: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    padded: bool = False

    @property
    def plain(self) -> bool:
        """Whether any ITK program opens the file as the 3-D volume it is."""
        return not (self.extra or self.warnings or self.padded)


def check_file(path: Path, *, where: str) -> None:
    """Refuse what cannot be a volume before a decoder sees it.

    Raises:
        InputError: the file is not there, not a file, empty or not readable.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{where}: is not a file")
        with path.open("rb") as stream:
            start = stream.read(2)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}. Check that the file is there and its permissions") from error
    if size == 0:
        raise InputError(f"{where}: the file is empty (0 bytes). Copy it again from its source")
    if start == b"\x1f\x8b" and path.suffix.lower() == ".nii":
        raise InputError(f"{where}: is gzip-compressed although its name ends in .nii. Rename it to end in .nii.gz")


def read_header(path: Path, *, where: str) -> Header:
    """Read the header of a .nii, .nii.gz, .nrrd or .mha file.

    Args:
        path: the file.
        where: the case and the file, for messages.

    Raises:
        InputError: no such file, no image, fewer than 3 axes, colours, or a geometry that no grid can have.
    """
    check_file(path, where=where)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(image_io(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" not in str(error):
            raise not_an_image(where, error) from error
        return _repaired_nifti(path, where=where)
    if reader.GetNumberOfComponents() != 1:
        raise InputError(f"{where}: has {reader.GetNumberOfComponents()} values per voxel (colour or vector), expected 1")
    size = tuple(int(n) for n in reader.GetSize())
    axes = len(size)
    if axes < 3:
        raise InputError(f"{where}: is a {axes}-D image, expected a 3-D volume")
    direction = np.asarray(reader.GetDirection()).reshape(axes, axes)[:3, :3]
    grid = Grid(
        size=(size[0], size[1], size[2]),
        spacing=_three(reader.GetSpacing()),
        origin=_three(reader.GetOrigin()),
        direction=tuple(direction.ravel().tolist()),
    )
    _check_grid(grid, where=where, more=math.prod(size[3:]))
    return Header(grid, _without_trailing_ones(size[3:]), padded=axes > 3)


def image_io(path: Path) -> str:
    """The name of SimpleITK's reader for a file, by its extension; empty for one of another format."""
    return IMAGE_IO.get((split_extension(path.name) or ("", ""))[1], "")


def not_an_image(where: str, error: Exception) -> InputError:
    """The error for a file that no reader understands, with the reader's own last words."""
    words = str(error).strip().splitlines()
    return InputError(
        f"{where}: cannot be read as an image ({words[-1].strip() if words else 'no reader knows it'}). "
        "Expected a .nii, .nii.gz, .nrrd or .mha volume; copy it again from its source"
    )


def _repaired_nifti(path: Path, *, where: str) -> Header:
    try:
        image = nibabel.load(path)
        affine = np.asarray(image.affine, dtype=np.float64)
        size = tuple(int(n) for n in image.shape)
    except Exception as error:  # nibabel raises its own and zlib's and OSError
        raise not_an_image(where, error) from error
    if len(size) < 3 or math.prod(size) > VOXEL_LIMIT:
        raise InputError(f"{where}: is an image of {' x '.join(map(str, size))} voxels, expected a 3-D volume")
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # nibabel is RAS, we are LPS
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or (spacing <= 0).any() or abs(np.linalg.det(matrix[:3, :3] / spacing)) < 1e-3:
        raise InputError(f"{where}: its affine matrix is singular or not finite, so where its voxels lie is not known")
    left, _, right = np.linalg.svd(matrix[:3, :3] / spacing)
    grid = Grid(
        size=(size[0], size[1], size[2]),
        spacing=_three(spacing),
        origin=_three(matrix[:3, 3]),
        direction=tuple((left @ right).ravel().tolist()),
    )
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in grid.size], [1.0])).reshape(4, -1)
    moved = float(np.linalg.norm(((grid.affine - matrix) @ ends)[:3], axis=0).max())
    if moved > REPAIR_LIMIT_MM:
        raise InputError(
            f"{where}: its axes are sheared: the nearest right-angled grid is {moved:.1f} mm off at a corner, "
            f"at most {REPAIR_LIMIT_MM:g} mm is accepted. Resample the volume to a grid with right angles"
        )
    note = f"{where}: its direction cosines are not orthonormal; the nearest right-angled grid was used (at most {moved:.2f} mm off)"
    return Header(grid, _without_trailing_ones(size[3:]), (note,), padded=len(size) > 3)


def _three(values: object) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in list(values)[:3])  # type: ignore[call-overload]
    return x, y, z


def _without_trailing_ones(extra: tuple[int, ...]) -> tuple[int, ...]:
    while extra and extra[-1] == 1:
        extra = extra[:-1]
    return extra


def _check_grid(grid: Grid, *, where: str, more: int) -> None:
    if math.prod(grid.size) * more > VOXEL_LIMIT:
        raise InputError(f"{where}: its header gives {' x '.join(map(str, grid.size))} voxels, more than any MRI volume. Export it again")
    numbers = np.array([*grid.spacing, *grid.origin, *grid.direction])
    if not np.isfinite(numbers).all() or min(grid.spacing) <= 0 or min(grid.size) < 1:
        raise InputError(
            f"{where}: its header gives spacing {grid.spacing} and origin {grid.origin} mm, expected finite numbers and spacing above 0"
        )
