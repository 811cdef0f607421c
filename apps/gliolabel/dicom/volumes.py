"""A series as one volume: its images decoded, rescaled and stacked on their grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from gliolabel.dicom.geometry import Slice, stack
from gliolabel.dicom.pixels import stored_values
from gliolabel.dicom.series import GROUPS
from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid


@dataclass(frozen=True)
class SeriesVolume:
    """A series, read.

    Args:
        array: (z, y, x), in the images' number type where they have no rescaling, else float32.
        grid: its grid.
    """

    array: np.ndarray
    grid: Grid


def read_series(images: Sequence[Dataset], *, where: str) -> SeriesVolume:
    """Put the images of a series together.

    Args:
        images: all of them, whole, in any order; one image in two files counts once.
        where: the case and the series, for messages.

    Raises:
        InputError: an image is damaged or of a kind that is not read, or the slices make no volume.
    """
    distinct = list({str(image.get("SOPInstanceUID", position)): image for position, image in enumerate(images)}.values())
    if not distinct:
        raise InputError(f"{where}: has no images")
    slices = [one for image in distinct for one in slices_of(image, where=where)]
    order, grid = stack(slices, where=where)
    planes = [plane for image in distinct for plane in _planes(image, where=f"{where}, image {_number(image)}")]
    if len(planes) != len(slices):
        raise InputError(f"{where}: {len(planes)} images for {len(slices)} places. The series is damaged; send it again")
    kinds = {plane.dtype for plane in planes}
    array = np.stack([planes[position] for position in order]).astype(np.result_type(*kinds), copy=False)
    return SeriesVolume(array, grid)


def slices_of(image: Dataset, *, where: str) -> list[Slice]:
    """Where the frames of an image lie; a classic image has one.

    Raises:
        InputError: it does not say.
    """
    try:
        if GROUPS[1] not in image:
            return [_slice(image, image, image, image)]
        shared = (image.get(GROUPS[0]) or [Dataset()])[0]
        return [
            _slice(
                image,
                _group(frame, shared, "PlanePositionSequence"),
                _group(frame, shared, "PlaneOrientationSequence"),
                _group(frame, shared, "PixelMeasuresSequence"),
            )
            for frame in image[GROUPS[1]]
        ]
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{where}: an image does not say where it lies ({error}), expected position, orientation, spacing") from error


def _slice(image: Dataset, place: Dataset, plane: Dataset, measures: Dataset) -> Slice:
    x, y, z = (float(v) for v in place.ImagePositionPatient)
    row_mm, column_mm = (float(v) for v in measures.PixelSpacing)
    if not (row_mm > 0 and column_mm > 0):
        raise ValueError(f"PixelSpacing {row_mm:g}, {column_mm:g}")
    orientation = tuple(float(v) for v in plane.ImageOrientationPatient)
    if len(orientation) != 6:
        raise ValueError(f"ImageOrientationPatient of {len(orientation)} numbers")
    return Slice((x, y, z), orientation, (row_mm, column_mm), (int(image.Rows), int(image.Columns)))


def _planes(image: Dataset, *, where: str) -> Iterator[np.ndarray]:
    values = stored_values(image, where=where)
    frames = image.get(GROUPS[1])
    shared = (image.get(GROUPS[0]) or [Dataset()])[0]
    for position, plane in enumerate(values):
        scale = image if frames is None else _group(frames[position], shared, "PixelValueTransformationSequence")
        slope, intercept = float(scale.get("RescaleSlope", 1)), float(scale.get("RescaleIntercept", 0))
        if (slope, intercept) == (1.0, 0.0):
            yield plane
        else:
            yield (plane * np.float64(slope) + intercept).astype(np.float32)


def _group(frame: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """A functional group of a frame, its own or the shared one; empty when there is none."""
    group = frame.get(keyword) or shared.get(keyword)
    first: Dataset = group[0] if group else Dataset()
    return first


def _number(image: Dataset) -> str:
    return str(image.get("InstanceNumber") or "without a number")
