"""Whether the images are what the networks know: brains without the skull, voxels of about 1 mm."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from gliolabel.cli.doctor.check import Check, Level
from gliolabel.errors import GlioLabelError

if TYPE_CHECKING:
    from gliolabel.studies import Studies

#: So many cases are read.
_LOOKED_AT = 2
_NAME = "Images"


def images(store: Studies) -> Check:
    """What the first cases look like. Of a PACS nothing is fetched: tags tell of thick slices, and results of the skull."""
    from gliolabel.dicom import DicomWebStudies

    return _by_tags(store) if isinstance(store, DicomWebStudies) else _by_voxels(store)


def _by_voxels(store: Studies) -> Check:
    from gliolabel.preprocessing.raw import raw_signs
    from gliolabel.studies.processing import Processing

    found = {}
    for case in islice(store, _LOOKED_AT):
        try:
            found[case.id] = raw_signs(replace(case, processing=Processing(register="off")).read())
        except GlioLabelError:  # a damaged case, or one to be registered first
            continue
    details = {case_id: signs.as_json() for case_id, signs in found.items()}
    raw = {case_id: signs for case_id, signs in found.items() if signs}
    if not raw:
        return Check(_NAME, Level.OK, f"{len(found)} of {len(store)} cases looked at: no skull, no thick slices", details=details)
    text = "; ".join(f"case {case_id}: {signs.sentence()}" for case_id, signs in raw.items())
    skull = any(signs.whole_head for signs in raw.values())
    return Check(_NAME, Level.WARNING, f"{text}. The networks know brains without the skull in voxels of 1 mm", _advice(skull), details)


def _by_tags(store: Studies) -> Check:
    from gliolabel.dicom import DicomStudies
    from gliolabel.preprocessing.raw import THICK_MM

    assert isinstance(store, DicomStudies)
    thick = [
        reading.case_id
        for reading in store.readings
        if any(_mm(chosen.series.tags.get("SliceThickness", "")) > THICK_MM for chosen in reading.chosen.values())
    ]
    if not thick:
        return Check(_NAME, Level.OK, "no thick slices by the tags; whether the skull is in the images shows when a case is read")
    text = f"{len(thick)} of {len(store)} cases have slices thicker than {THICK_MM:g} mm, as raw clinical data has"
    return Check(_NAME, Level.WARNING, text, _advice(True), {"cases": thick})


def _advice(skull: bool) -> str:
    from gliolabel.preprocessing.extraction import INSTALL, installed

    if not skull:
        return "Thick slices are resampled; results are less accurate, see docs/how-to/clinical-data.md."
    there = installed()
    first = f"{there[0]} is installed" if there else f"First {INSTALL}"
    return (
        f"Use --conf preprocess clinical (server) or --preprocess clinical (gliolabel segment), see docs/how-to/clinical-data.md. {first}."
    )


def _mm(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
