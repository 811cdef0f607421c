"""Reading DICOM studies: which series is which sequence, and series as volumes, from a folder or a PACS."""

from __future__ import annotations

import warnings

from gliolabel.dicom.folder import DicomFolder, holds_dicom
from gliolabel.dicom.options import DicomOptions
from gliolabel.dicom.recognising import Chosen, StudyReading
from gliolabel.dicom.series import Series, case_id_of
from gliolabel.dicom.store import DicomStudies
from gliolabel.dicom.web_store import DicomWebStudies

# They quote file names and values, which may name the patient; what is wrong with an image is said in our own messages.
warnings.filterwarnings("ignore", module=r"pydicom\b")

__all__ = [
    "Chosen",
    "DicomFolder",
    "DicomOptions",
    "DicomStudies",
    "DicomWebStudies",
    "Series",
    "StudyReading",
    "case_id_of",
    "holds_dicom",
]
