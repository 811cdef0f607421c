"""The series that a case is made of, as its results refer to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM, format_number_as_ds

from gliolabel.dicom.geometry import Slice, stack
from gliolabel.dicom.series import GROUPS
from gliolabel.dicom.store import DicomStudies
from gliolabel.dicom.volumes import slices_of
from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid
from gliolabel.studies.store import Studies

#: What a result takes over from its images: whose they are and which study they belong to, and nothing else.
_PATIENT: Final = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY: Final = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID")
_IF_THERE: Final = (
    "IssuerOfPatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "PositionReferenceIndicator",
)
_LOSSY: Final = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
_UIDS: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_PLACE: Final = ("Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "NumberOfFrames")
#: All that is read of an image.
KEYWORDS: Final = (*_UIDS, "Modality", "SpecificCharacterSet", "EchoTime", *_PLACE, *GROUPS, *_PATIENT, *_STUDY, *_IF_THERE, *_LOSSY)


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series that a case is made of.

    Args:
        images: headers without pixels, put straight: classic images in the order of the volume, or one of several frames.
        order: which frame is which slice of the volume, first to last.
        grid: of the volume.
    """

    images: tuple[Dataset, ...]
    order: tuple[int, ...]
    grid: Grid

    @property
    def first(self) -> Dataset:
        """An image of it."""
        return self.images[0]

    @property
    def uid(self) -> str:
        """Its SeriesInstanceUID."""
        return str(self.first.SeriesInstanceUID)

    def by_frame(self, array: np.ndarray) -> np.ndarray:
        """An array (z, y, x) of the volume's slices in the order of :attr:`images`, or of the frames of the only one."""
        return array if len(self.images) > 1 else array[np.argsort(self.order)]


def sources_of(studies: Studies, case_id: str) -> dict[str, SourceSeries]:
    """The series of a case, by sequence.

    Args:
        studies: where the case is.
        case_id: the case.

    Raises:
        InputError: the studies are no DICOM, or a series cannot be referred to.
        UnknownError: there is no such case.
        UnavailableError: the PACS does not answer.
    """
    if not isinstance(studies, DicomStudies):
        raise InputError(
            "These studies are no DICOM, so there is no study that results could be part of. Their masks are in the state folder"
        )
    found = studies.headers(case_id, KEYWORDS)
    return {sequence: source_series(headers, where=where) for sequence, (where, headers) in found.items()}


def source_series(headers: Sequence[Dataset], *, where: str) -> SourceSeries:
    """Put the headers of a series straight.

    Args:
        headers: of all its images, in any order; one image twice counts once.
        where: the case and the series, for messages.

    Raises:
        InputError: the slices make no volume, or the headers lack what every result refers to.
    """
    distinct = list({str(header.get("SOPInstanceUID", position)): header for position, header in enumerate(headers)}.values())
    if not distinct:
        raise InputError(f"{where}: has no images")
    several = [header for header in distinct if GROUPS[1] in header]
    if several and len(distinct) > 1:
        raise InputError(f"{where}: is {len(distinct)} images of several frames; results are written for series of one such image")
    for name in _UIDS:
        if not distinct[0].get(name):
            raise InputError(f"{where}: its images have no {name}, without which a result cannot refer to them")
    slices = [one for header in distinct for one in slices_of(header, where=where)]
    order, grid = stack(slices, where=where)
    if several:
        images = [_several_frames(distinct[0], slices, grid)]
    else:
        images = [_one_frame(distinct[position], slices[position], grid) for position in order]
    return SourceSeries(tuple(images), tuple(order), grid)


def _numbers(values: Sequence[float]) -> list[str]:
    """Numbers as DICOM's decimal strings, with all the digits that fit."""
    return [format_number_as_ds(float(value)) for value in values]


def _one_frame(header: Dataset, place: Slice, grid: Grid) -> Dataset:
    image = _common(header, place)
    image.ImagePositionPatient = _numbers(place.position)
    image.ImageOrientationPatient = _numbers(place.orientation)
    image.PixelSpacing = _numbers(place.spacing)
    image.SliceThickness = _numbers([float(header.get("SliceThickness") or grid.spacing[2])])[0]
    image.SpacingBetweenSlices = _numbers([grid.spacing[2]])[0]
    return image


def _several_frames(header: Dataset, slices: Sequence[Slice], grid: Grid) -> Dataset:
    image = _common(header, slices[0])
    image.NumberOfFrames = len(slices)
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _numbers(slices[0].spacing)
    measures.SliceThickness = measures.SpacingBetweenSlices = _numbers([grid.spacing[2]])[0]
    plane.ImageOrientationPatient = _numbers(slices[0].orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    image.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for place in slices:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = _numbers(place.position)
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    image.PerFrameFunctionalGroupsSequence = frames
    return image


def _common(header: Dataset, place: Slice) -> Dataset:
    image = Dataset()
    for name in _UIDS:
        setattr(image, name, str(header.get(name, "")))
    image.Modality = str(header.get("Modality", "MR"))
    image.Rows, image.Columns = place.size
    for name in (*_PATIENT, *_STUDY):
        setattr(image, name, _text(header.get(name)))
    for name in _IF_THERE:
        if _text(header.get(name)):
            setattr(image, name, header[name].value if name in ("PatientSize", "PatientWeight") else _text(header.get(name)))
    if all(header.get(name) for name in _LOSSY):
        for name in _LOSSY:
            setattr(image, name, header[name].value)
    # A hospital's old data may hold anything here; a value that DICOM does not know would only be refused.
    image.PatientSex = image.PatientSex if image.PatientSex in ("M", "F", "O") else ""
    for name, kind in (("PatientBirthDate", DA), ("StudyDate", DA), ("StudyTime", TM)):
        try:
            kind(getattr(image, name))
        except ValueError:
            setattr(image, name, "")
    return image


def _text(value: Any) -> str:
    """A value as text; a name that was stored in another character set is decoded."""
    return "" if value is None else str(value).strip()
