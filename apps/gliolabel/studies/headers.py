"""The geometry of a volume file, from its header alone, in SimpleITK's conventions.

ITK refuses NIfTI files whose direction cosines are not orthonormal, which registration tools and float32 rounding do
produce, and takes those of other formats as they are. Any such file is read with the nearest orthonormal directions (polar
decomposition; of the affine nibabel gives for NIfTI) as long as that moves no corner by more than :data:`REPAIR_LIMIT_MM`; the
reader is told how far.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.grid import Grid
from gliolabel.studies.itk_files import ITK_READS
from gliolabel.studies.meta_image import meta_header
from gliolabel.studies.nifti import nifti_header
from gliolabel.studies.nrrd import nrrd_header
from gliolabel.studies.refusals import not_an_image
from gliolabel.studies.stored import Stored

#: More voxels than this, of all volumes in a file, are a damaged header, not an MRI: 1024 x 1024 x 512.
VOXEL_LIMIT: Final[int] = 1 << 29

#: Voxel edges (mm) of which an MRI can be, and how far (mm) from the scanner's centre it can lie.
_SPACING: Final[tuple[float, float]] = (1e-3, 1e3)
_FAR: Final[float] = 1e6

#: Direction cosines further than this from orthonormal are made so.
_NOT_RIGHT_ANGLED: Final[float] = 1e-4

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


@dataclass(frozen=True)
class Opened:
    """A volume file whose header was read.

    Args:
        header: its geometry.
        stored: how its voxels lie in it.
        slope: what they are multiplied by, or None where the file does not scale them.
        intercept: what is added afterwards.
    """

    header: Header
    stored: Stored
    slope: float | None = None
    intercept: float = 0.0


def read_header(path: Path, *, where: str) -> Header:
    """Read the header of a .nii, .nii.gz, .nrrd or .mha file.

    Args:
        path: the file.
        where: the case and the file, for messages.

    Raises:
        InputError: no such file, no image, fewer than 3 axes, colours, or a geometry that no grid can have.
    """
    return open_volume(path, where=where).header


def open_volume(path: Path, *, where: str) -> Opened:
    """As :func:`read_header`, with where the voxels are. No other file is opened, whatever the header says."""
    check_file(path, where=where)
    extension = (split_extension(path.name) or ("", ""))[1]
    if extension == ".mha":
        meta = meta_header(path, where=where)
        return Opened(_header(meta.grid, meta.size, where=where), meta.stored)
    if extension == ".nrrd":
        nrrd = nrrd_header(path, where=where)
        return Opened(_as_itk_reads(path, "NrrdImageIO", nrrd.size, where=where), nrrd.stored)
    if extension in (".nii", ".nii.gz"):
        nifti = nifti_header(path, where=where)
        _check_size(nifti.size, where=where)
        if not np.isfinite(nifti.affine).all():
            raise _nowhere(where)
        try:
            header = _as_itk_reads(path, "NiftiImageIO", nifti.size, where=where)
        except _NotRightAngledError:
            header = _right_angled(np.diag([-1.0, -1.0, 1.0, 1.0]) @ nifti.affine, nifti.size, where=where)  # nibabel is RAS, we are LPS
        except InputError:
            nifti.stored.read(path, where=where)  # where the voxels are damaged, it says so
            raise
        return Opened(header, nifti.stored, nifti.slope, nifti.intercept)
    raise InputError(f"{where}: the name of its file does not end in one of {', '.join(EXTENSIONS)}")


class _NotRightAngledError(Exception):
    """ITK does not read a file for the one reason that we can do something about."""


def _as_itk_reads(path: Path, reads: str, size: tuple[int, ...], *, where: str) -> Header:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(reads)  # by default ITK takes any reader that likes the content, one that opens further files too
    reader.SetFileName(str(path))
    try:
        with ITK_READS:
            reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise _NotRightAngledError from error
        # ITK names the file with its place on the server, and itself with its place in memory.
        words = re.sub(r"\(0x[0-9a-f]+\)", "", str(error).strip().splitlines()[-1].replace(str(path), path.name))
        raise not_an_image(where, "".join(filter(str.isprintable, words))[:200]) from error
    if reader.GetNumberOfComponents() != 1:
        raise InputError(f"{where}: has {reader.GetNumberOfComponents()} values per voxel (colour or vector), expected 1")
    seen = tuple(int(n) for n in reader.GetSize())
    axes = len(seen)
    _check_size(seen, where=where)
    if _without_trailing_ones(seen) != _without_trailing_ones(size):
        raise not_an_image(where, f"its axes are understood as {' x '.join(map(str, seen))} and as {' x '.join(map(str, size))} voxels")
    grid = Grid(
        size=(seen[0], seen[1], seen[2]),
        spacing=_three(reader.GetSpacing()),
        origin=_three(reader.GetOrigin()),
        direction=tuple(np.asarray(reader.GetDirection()).reshape(axes, axes)[:3, :3].ravel().tolist()),
    )
    return _header(grid, seen, where=where)


def _header(grid: Grid, size: tuple[int, ...], *, where: str) -> Header:
    """The header of a file of that grid and those axes, made right-angled if it is not."""
    _check_size(size, where=where)
    turn = np.reshape(grid.direction, (3, 3))
    if np.isfinite(grid.affine).all() and not np.abs(turn @ turn.T - np.eye(3)).max() <= _NOT_RIGHT_ANGLED:
        return _right_angled(grid.affine, size, where=where)
    _check_grid(grid, where=where)
    return Header(grid, _without_trailing_ones(size[3:]), padded=len(size) > 3)


def _right_angled(affine: np.ndarray, size: tuple[int, ...], *, where: str) -> Header:
    """The header of a file with this affine (4, 4), voxel index (x, y, z) to LPS position in mm, with the nearest right angles."""
    _check_size(size, where=where)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or (spacing <= 0).any() or abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
        raise _nowhere(where)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
    direction = tuple((left @ right).ravel().tolist())
    grid = Grid(size=(size[0], size[1], size[2]), spacing=_three(spacing), origin=_three(affine[:3, 3]), direction=direction)
    _check_grid(grid, where=where)
    return Header(grid, _without_trailing_ones(size[3:]), (_moved(grid, affine, where=where),), padded=len(size) > 3)


def _nowhere(where: str) -> InputError:
    return InputError(f"{where}: its affine matrix is singular or not finite, so where its voxels lie is not known. Export it again")


def _moved(grid: Grid, affine: np.ndarray, *, where: str) -> str:
    """What a reader is told about a grid that was made right-angled."""
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in grid.size], [1.0])).reshape(4, -1)
    moved = float(np.linalg.norm(((grid.affine - affine) @ ends)[:3], axis=0).max())
    if moved > REPAIR_LIMIT_MM:
        raise InputError(
            f"{where}: its axes are sheared: the nearest right-angled grid is {moved:.1f} mm off at a corner, "
            f"at most {REPAIR_LIMIT_MM:g} mm is accepted. Resample the volume to a grid with right angles"
        )
    return f"{where}: its direction cosines are not orthonormal; the nearest right-angled grid was used (at most {moved:.2f} mm off)"


def _three(values: object) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in list(values)[:3])  # type: ignore[call-overload]
    return x, y, z


def _without_trailing_ones(lengths: tuple[int, ...]) -> tuple[int, ...]:
    while lengths and lengths[-1] == 1:
        lengths = lengths[:-1]
    return lengths


def _check_size(size: tuple[int, ...], *, where: str) -> None:
    if len(size) < 3:
        raise InputError(f"{where}: is a {len(size)}-D image, expected a 3-D volume")
    if math.prod(size) > VOXEL_LIMIT:
        raise InputError(f"{where}: its header gives {' x '.join(map(str, size))} voxels, more than any MRI volume. Export it again")


def _check_grid(grid: Grid, *, where: str) -> None:
    numbers = np.array([*grid.spacing, *grid.origin, *grid.direction])
    near = np.isfinite(numbers).all() and max(map(abs, grid.origin)) <= _FAR
    if not near or not (_SPACING[0] <= min(grid.spacing) and max(grid.spacing) <= _SPACING[1]):
        raise InputError(
            f"{where}: its header gives spacing {grid.spacing} and origin {grid.origin} mm, expected finite numbers, "
            f"spacing from {_SPACING[0]:g} to {_SPACING[1]:g} and an origin within a kilometre. Export it again"
        )
