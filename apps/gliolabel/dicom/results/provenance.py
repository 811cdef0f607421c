"""What every object says about who made it, when, and what it is not to be used for."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

import gliolabel
from gliolabel.dicom.results.codes import ARTIFICIAL_INTELLIGENCE
from gliolabel.dicom.results.result import Algorithm
from gliolabel.dicom.results.sources import SourceSeries
from gliolabel.dicom.results.uids import derived_uid

#: The name of the software, its maker and its only model.
MAKER: Final = "GlioLabel"
#: Characters that a description or name may have.
_LONGEST: Final = 64
#: It quotes numbers of studies, and names that it finds odd.
logging.getLogger("highdicom").setLevel(logging.CRITICAL)


def equipment() -> dict[str, Any]:
    """The arguments of every object that say what made it."""
    return {
        "manufacturer": MAKER,
        "manufacturer_model_name": MAKER,
        "software_versions": gliolabel.__version__,
        "device_serial_number": gliolabel.__version__,
    }


def identification(algorithm: Algorithm) -> hd.AlgorithmIdentificationSequence:
    """A model version, as objects name it."""
    return hd.AlgorithmIdentificationSequence(name=algorithm.name, family=ARTIFICIAL_INTELLIGENCE, version=algorithm.version, source=MAKER)


def description(what: str) -> str:
    """The description of a series: what it is, cut to what fits, and what it is not for."""
    warning = ", research use only"
    return f"{MAKER} {what}"[: _LONGEST - len(warning)] + warning


def finish(made: Dataset, *, created: datetime, sources: Iterable[SourceSeries]) -> None:
    """Add what all objects have: times, the character set, references to all series that were used.

    The times are those of the result and not of its writing, so that an object that is made again is the same to the last byte.

    Args:
        made: the object.
        created: when the result came to be.
        sources: all series that were used.
    """
    local = created.astimezone()
    made.ContentDate = made.SeriesDate = made.InstanceCreationDate = DA(local.date())
    made.ContentTime = made.SeriesTime = made.InstanceCreationTime = TM(local.time().replace(microsecond=0))
    if made.Modality != "SR":
        made.BodyPartExamined = "BRAIN"
    if not all(str(made.get(name, "")).isascii() for name in ("PatientName", "PatientID", "ReferringPhysicianName", "StudyDescription")):
        made.SpecificCharacterSet = "ISO_IR 192"
    if "DimensionOrganizationSequence" in made:
        organisation = derived_uid("dimensions", made.SOPInstanceUID)
        for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
            item.DimensionOrganizationUID = organisation
    if "ReferencedSeriesSequence" in made:
        there = {str(item.SeriesInstanceUID) for item in made.ReferencedSeriesSequence}
        for series in sources:
            if series.uid not in there:
                made.ReferencedSeriesSequence.append(_referenced(series))


def _referenced(series: SourceSeries) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series.uid
    item.ReferencedInstanceSequence = [_reference(image) for image in series.images]
    return item


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item
