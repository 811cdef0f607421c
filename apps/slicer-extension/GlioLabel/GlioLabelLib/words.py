"""The words of the project, as the server uses them: tissues, regions, sequences, measures."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

#: Stands wherever a reader sees a result.
NOTICE = "Research use only, not a medical device."


class Tissue(NamedTuple):
    """A tissue of the mask: its name is the segment's id and name, its value stands in files, its colour is red, green, blue in 0 to 1."""

    name: str
    value: int
    color: Tuple[float, float, float]


#: Colours that red-green blind people tell apart (Okabe and Ito, 2008); the same in every picture of the project.
TISSUES = (
    Tissue("necrosis", 1, (0x00 / 255, 0x72 / 255, 0xB2 / 255)),
    Tissue("edema", 2, (0xF0 / 255, 0xE4 / 255, 0x42 / 255)),
    Tissue("enhancing tumor", 3, (0xD5 / 255, 0x5E / 255, 0x00 / 255)),
)

#: Regions and the values they are made of.
REGIONS: Dict[str, Tuple[int, ...]] = {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}
REGION_NAMES = {"WT": "Whole tumour", "TC": "Tumour core", "ET": "Enhancing tumour"}

#: As a region of a map: the largest of all regions' uncertainty.
WHOLE_CASE = "case"

SEQUENCE_NAMES = {"t1": "T1", "t1ce": "T1 with contrast", "t2": "T2", "flair": "FLAIR"}


class Measure(NamedTuple):
    """A measure of uncertainty: what people call it, the top of its scale, and below what it is not shown at first."""

    name: str
    title: str
    highest: float
    threshold: float


MEASURES = (
    Measure("std", "Spread of the passes", 0.5, 0.05),
    Measure("entropy", "Total uncertainty", 1.0, 0.15),
    Measure("mutual_information", "Disagreement of the passes", 1.0, 0.05),
)

#: Where a place lies, in words for the table.
PLACE_KINDS = {"edge": "at the border", "inside": "inside the mask", "far": "away from the mask"}


def measure_of(name: str) -> Measure:
    """The measure of that name. KeyError for another."""
    return {measure.name: measure for measure in MEASURES}[name]


def region_title(region: str) -> str:
    """A region for people; ``case`` is all of them."""
    return "All regions" if region == WHOLE_CASE else REGION_NAMES.get(region, region)


def short_text(text: str, length: int = 400) -> str:
    """A text that may have come from anywhere, for a label of the panel.

    >>> short_text("  one   two ", 5)
    'one …'
    """
    plain = " ".join(str(text).split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"
