"""All objects of a result. It imports highdicom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from gliolabel.dicom.results.report import report
from gliolabel.dicom.results.result import Result
from gliolabel.dicom.results.segmentation import segmentation
from gliolabel.dicom.results.sources import SourceSeries
from gliolabel.dicom.results.uncertainty_map import uncertainty_map
from gliolabel.errors import InputError
from gliolabel.vocabulary import REFERENCE_ORDER


@dataclass(frozen=True, eq=False)
class ResultObject:
    """An object that can be sent.

    Args:
        kind: ``segmentation``, ``uncertainty`` or ``report``.
        dataset: it, with its file meta information.
    """

    kind: str
    dataset: Dataset

    @property
    def uid(self) -> str:
        """Its SOPInstanceUID."""
        return str(self.dataset.SOPInstanceUID)


def build(result: Result, sources: Mapping[str, SourceSeries]) -> list[ResultObject]:
    """Make the objects of a result. They lie in the study of their images.

    Args:
        result: the mask and what belongs to it.
        sources: the case's series, by sequence.

    Raises:
        InputError: the mask does not lie on the slices of the reference sequence.
    """
    reference = sources[next(sequence for sequence in REFERENCE_ORDER if sequence in sources)]
    if result.mask.shape != reference.grid.shape or not result.grid.same_as(reference.grid):
        raise InputError(
            f"case {result.case_id}: the mask {result.name} lies on a grid of {result.grid}, the images on one of {reference.grid}. "
            "Were images added or replaced? Segment the case again"
        )
    series = list(sources.values())
    mask = segmentation(result, reference, series)
    made = [ResultObject("segmentation", mask)]
    values = None
    if result.uncertainty is not None:
        values = uncertainty_map(result.uncertainty, reference, series)
        made.append(ResultObject("uncertainty", values))
    made.append(ResultObject("report", report(result, mask, series, uncertainty_map=values)))
    return made
