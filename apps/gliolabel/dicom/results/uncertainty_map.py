"""An uncertainty map as a DICOM Parametric Map: the floating-point values themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset

from gliolabel.dicom.results.codes import NO_UNITS, STANDARD_DEVIATION
from gliolabel.dicom.results.provenance import description, equipment, finish
from gliolabel.dicom.results.result import Uncertainty
from gliolabel.dicom.results.sources import SourceSeries
from gliolabel.dicom.results.uids import derived_uid
from gliolabel.vocabulary import RESEARCH_NOTICE

_SERIES_NUMBER: Final = 9802
#: The largest standard deviation that values between 0 and 1 can have.
_LARGEST: Final = 0.5


def uncertainty_map(uncertainty: Uncertainty, reference: SourceSeries, sources: Sequence[SourceSeries]) -> Dataset:
    """A map as an object.

    Args:
        uncertainty: the map, on the grid of ``reference``.
        reference: the series whose slices it lies on.
        sources: all series that were used.
    """
    algorithm = uncertainty.algorithm
    study = str(reference.first.StudyInstanceUID)
    run = (algorithm.model, algorithm.version, uncertainty.passes, uncertainty.seed)
    series = derived_uid("uncertainty", study, *sorted(one.uid for one in sources), *run, uncertainty.sha256)
    meaning = hd.pm.RealWorldValueMapping(
        lut_label="STD",
        lut_explanation="standard deviation over passes",
        unit=NO_UNITS,
        value_range=(0.0, _LARGEST),
        slope=1.0,
        intercept=0.0,
        quantity_definition=STANDARD_DEVIATION,
    )
    made = hd.pm.ParametricMap(
        source_images=list(reference.images),
        pixel_array=np.ascontiguousarray(reference.by_frame(uncertainty.values), dtype=np.float32),
        series_instance_uid=series,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derived_uid("instance", series),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[meaning],
        window_center=_LARGEST / 2,
        window_width=_LARGEST,
        content_label="UNCERTAINTY",
        content_description=RESEARCH_NOTICE,
        content_qualification=hd.ContentQualificationValues.RESEARCH,
        series_description=description(f"uncertainty of {algorithm.model} {algorithm.version}"),
        **equipment(),
    )
    # A linear window, which highdicom writes, must not be narrower than 1.
    made.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0].VOILUTFunction = "LINEAR_EXACT"
    finish(made, created=uncertainty.created, sources=sources)
    return made
