"""The codes that say what a result is, from DICOM's own context groups. docs/reference/conformance.md lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydicom.sr.coding import Code

from gliolabel.errors import InputError

#: What all segments are. DICOM CID 7150.
CATEGORY: Final = Code("49755003", "SCT", "Morphologically Abnormal Structure")
#: Where they are.
BRAIN: Final = Code("12738006", "SCT", "Brain")
#: What each segment is. DICOM CID 7168 "Brain Lesion Segmentation Type With Necrosis", which has no SNOMED code for what enhances.
TISSUES: Final[Mapping[str, Code]] = {
    "necrosis": Code("6574001", "SCT", "Necrosis"),
    "edema": Code("79654002", "SCT", "Edema"),
    "enhancing tumor": Code("C113842", "NCIt", "Enhancing Lesion"),
}
#: What each region is, and what a person calls it.
REGIONS: Final[Mapping[str, tuple[Code, str]]] = {
    "WT": (Code("52988006", "SCT", "Lesion"), "whole tumor"),
    "TC": (Code("108369006", "SCT", "Neoplasm"), "tumor core"),
    "ET": (TISSUES["enhancing tumor"], "enhancing tumor"),
}
#: DICOM CID 7162.
ARTIFICIAL_INTELLIGENCE: Final = Code("123110", "DCM", "Artificial Intelligence")
#: LOINC.
PROCEDURE: Final = Code("24590-2", "LN", "Brain MRI")
VOLUME: Final = Code("118565006", "SCT", "Volume")
MILLILITRE: Final = Code("mL", "UCUM", "milliliter")
STANDARD_DEVIATION: Final = Code("386136009", "SCT", "Standard Deviation")
NO_UNITS: Final = Code("1", "UCUM", "no units")
DEVICE: Final = Code("121007", "DCM", "Device")
#: Ends of the 90 % interval: derivations of a volume.
PERCENTILES: Final[Mapping[str, Code]] = {
    "p05": Code("371888009", "SCT", "5th percentile"),
    "p95": Code("371889001", "SCT", "95th percentile"),
}


def tissue_code(name: str) -> Code:
    """The code of a segment.

    Raises:
        InputError: there is none for that name.
    """
    if name not in TISSUES:
        raise InputError(f"The segment {name!r} has no code; expected one of {', '.join(map(repr, TISSUES))}.")
    return TISSUES[name]
