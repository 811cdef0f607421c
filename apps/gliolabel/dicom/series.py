"""A series as the rules see it: the tags that tell what it is, of classic and of enhanced MR alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset

#: Tags that are kept of a series. None of them names a person.
KEYWORDS: Final[tuple[str, ...]] = (
    "Modality",
    "SOPClassUID",
    "SeriesDescription",
    "ProtocolName",
    "ImageType",
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "SequenceName",
    "MRAcquisitionType",
    "AcquisitionContrast",
    "ComplexImageComponent",
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "EchoTrainLength",
    "ContrastBolusAgent",
    "DiffusionBValue",
    "AngioFlag",
    "BodyPartExamined",
    "MagneticFieldStrength",
    "Manufacturer",
    "SliceThickness",
    "SpacingBetweenSlices",
    "AcquisitionDate",
    "AcquisitionTime",
    "Rows",
    "Columns",
)
#: Where enhanced MR keeps them: the names to look for, in or below the functional groups.
_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "EchoTime": ("EffectiveEchoTime",),
    "InversionTime": ("InversionTimes",),
    "SequenceName": ("PulseSequenceName",),
    "ImageType": ("FrameType",),
}
#: Sequences of enhanced MR in which what is asked for lies.
GROUPS: Final[tuple[str, ...]] = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
#: All that is read of an image to know what it is and where it lies.
READ: Final[tuple[str, ...]] = (
    *KEYWORDS,
    *GROUPS,
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "NumberOfFrames",
    "ContrastBolusAgentSequence",
    "EchoPulseSequence",
    "EchoPlanarPulseSequence",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "PatientID",
    "IssuerOfPatientID",
)
_PLANES: Final[tuple[str, ...]] = ("sagittal", "coronal", "axial")

MR_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR: Final = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_ENHANCED_MR: Final = "1.2.840.10008.5.1.4.1.1.4.4"


@dataclass(frozen=True)
class Series:
    """A series, or one echo of it.

    Args:
        study: its StudyInstanceUID.
        uid: its SeriesInstanceUID.
        number: the number people know it by.
        frame: its frame of reference.
        tags: values by keyword, several joined by a backslash; those without a value are not there.
        slices: how many images it has.
        echo: which one of several echoes of the series, by its echo time; empty when there is one.
        problem: why it cannot be read, where that is known already.
        patient: whose it is, as :func:`patient_number` says; empty when the images do not tell.
    """

    study: str
    uid: str
    number: int | None
    frame: str
    tags: Mapping[str, str] = field(hash=False)
    slices: int = 0
    echo: str = ""
    problem: str = ""
    patient: str = ""

    @property
    def name(self) -> str:
        """What a person calls it: its number, never its free text."""
        name = "a series without a number" if self.number is None else f"series {self.number}"
        return f"{name}, echo {float(self.echo):g} ms" if self.echo else name

    @property
    def is_mr(self) -> bool:
        """Whether its objects are MR images."""
        return self.tags.get("SOPClassUID", MR_IMAGE) in (MR_IMAGE, ENHANCED_MR, LEGACY_ENHANCED_MR) and self.tags.get("Modality") == "MR"

    def value(self, keyword: str) -> str:
        """The value of a keyword or of ``Description``, ``Orientation``, ``Slices``; empty when there is none."""
        if keyword == "Slices":
            return str(self.slices)
        if keyword == "Description":
            return re.sub(r"[\s_]+", " ", self.tags.get("SeriesDescription") or self.tags.get("ProtocolName", "")).strip()
        return self.tags.get(keyword, "")


def case_id_of(study: str) -> str:
    """The id of a study's case: the same everywhere, and no name, number or date of a person can be read from it.

    Example:
        >>> case_id_of("1.2.840.113619.2.1")
        'study-f7a5d3c758ec'
    """
    return f"study-{hashlib.sha256(study.encode()).hexdigest()[:12]}"


def patient_number(patient: object, issuer: object = "") -> str:
    """A number that is the same for all studies of a patient, made one way from the hospital's own; empty without one.

    Example:
        >>> patient_number(" 4711 ") == patient_number("4711") != patient_number("4711", "another hospital")
        True
        >>> patient_number(None)
        ''
    """
    told = _text(patient)
    return hashlib.sha256(f"{_text(issuer)}\n{told}".encode()).hexdigest()[:16] if told else ""


def series_of(image: Dataset) -> Series:
    """What an image says about its series."""
    number = image.get("SeriesNumber")
    return Series(
        study=str(image.StudyInstanceUID),
        uid=str(image.SeriesInstanceUID),
        number=None if number is None else int(number),
        frame=str(image.get("FrameOfReferenceUID") or ""),
        tags=tags_of(image),
        patient=patient_number(image.get("PatientID"), image.get("IssuerOfPatientID")),
    )


def tags_of(dataset: Dataset) -> dict[str, str]:
    """The tags of :data:`KEYWORDS` in an image, and its ``Orientation``."""
    groups = [group for keyword in GROUPS for group in (dataset.get(keyword) or [])[:1]]
    tags = {keyword: text for keyword in KEYWORDS if (text := _text(_find(dataset, groups, keyword)))}
    if groups:
        tags |= _enhanced(dataset, groups, tags)
    if "ContrastBolusAgent" not in tags and (agents := dataset.get("ContrastBolusAgentSequence")):
        tags["ContrastBolusAgent"] = _text(agents[0].get("CodeMeaning")) or "given"
    plane = _plane(_find(dataset, groups, "ImageOrientationPatient"))
    return tags | ({"Orientation": plane} if plane else {})


def _find(dataset: Dataset, groups: Sequence[Dataset], keyword: str) -> Any:
    """The value of a keyword at the top, or one level below the functional groups, where enhanced MR keeps it."""
    names = (keyword, *(_OTHER_NAMES.get(keyword, ()) if groups else ()))
    for name in names:
        if _text(dataset.get(name)):
            return dataset.get(name)
    for group in groups:
        for element in group:
            if element.VR != "SQ" or not element.value:
                continue
            for name in names:
                if _text(element.value[0].get(name)):
                    return element.value[0].get(name)
    return None


def _enhanced(dataset: Dataset, groups: Sequence[Dataset], tags: Mapping[str, str]) -> dict[str, str]:
    """``ScanningSequence`` in the words of classic MR."""
    if "ScanningSequence" in tags:
        return {}
    pulse = _text(_find(dataset, groups, "EchoPulseSequence"))
    parts = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["SE", "GR"]}.get(pulse, [])
    parts += ["IR"] if _text(_find(dataset, groups, "InversionRecovery")) == "YES" else []
    parts += ["EP"] if _text(_find(dataset, groups, "EchoPlanarPulseSequence")) == "YES" else []
    return {"ScanningSequence": "\\".join(parts)} if parts else {}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value).strip()
    try:
        return "\\".join(str(one).strip() for one in value)
    except TypeError:
        return str(value).strip()


def _plane(orientation: Any) -> str:
    try:
        row, column = np.asarray([float(v) for v in orientation]).reshape(2, 3)
    except (TypeError, ValueError):
        return ""
    return _PLANES[int(np.abs(np.cross(row, column)).argmax())]
