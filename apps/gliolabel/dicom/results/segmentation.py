"""A mask as a DICOM segmentation: one segment for each tissue, voxel for voxel."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset

from gliolabel.dicom.results.codes import BRAIN, CATEGORY, tissue_code
from gliolabel.dicom.results.colours import cielab
from gliolabel.dicom.results.provenance import MAKER, description, equipment, finish, identification
from gliolabel.dicom.results.result import Made, Result
from gliolabel.dicom.results.sources import SourceSeries
from gliolabel.dicom.results.uids import derived_uid
from gliolabel.vocabulary import LABEL_COLOURS, LABELS, RESEARCH_NOTICE

_SERIES_NUMBER = 9801


def segmentation(result: Result, reference: SourceSeries, sources: Sequence[SourceSeries]) -> Dataset:
    """A mask as an object. The number of a segment is its value in the mask, also where a tissue has no voxels.

    Args:
        result: the mask, on the grid of ``reference``.
        reference: the series whose slices the mask lies on.
        sources: all series that were used.
    """
    study = str(reference.first.StudyInstanceUID)
    algorithm = result.algorithm
    who = (result.made, "" if algorithm is None else f"{algorithm.model} {algorithm.version}")
    series = derived_uid("segmentation", study, *sorted(one.uid for one in sources), result.name, result.sha256, *who)
    made = hd.seg.Segmentation(
        source_images=list(reference.images),
        pixel_array=np.ascontiguousarray(reference.by_frame(result.mask)),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(name, value, result, study=study) for name, value in LABELS.items()],
        series_instance_uid=series,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derived_uid("instance", series),
        instance_number=result.number,
        content_label="TUMOR_MASK",
        content_description=RESEARCH_NOTICE,
        series_description=description(f"segmentation, {result.name}"),
        **equipment(),
    )
    finish(made, created=result.created, sources=sources)
    return made


def tracking(name: str, *, study: str) -> tuple[str, str]:
    """The tracking id of a finding and its UID: the same in every result of a study.

    Args:
        name: of the tissue or region.
        study: StudyInstanceUID.
    """
    return f"{MAKER} {name}", derived_uid("finding", study, name)


def _segment(name: str, value: int, result: Result, *, study: str) -> hd.seg.SegmentDescription:
    identifier, uid = tracking(name, study=study)
    by_hand = result.made is Made.MANUAL or result.algorithm is None
    segment = hd.seg.SegmentDescription(
        segment_number=value,
        segment_label=name,
        segmented_property_category=CATEGORY,
        segmented_property_type=tissue_code(name),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL if by_hand else hd.seg.SegmentAlgorithmTypeValues(result.made.value),
        algorithm_identification=None if by_hand or result.algorithm is None else identification(result.algorithm),
        tracking_id=identifier,
        tracking_uid=uid,
        anatomic_regions=[BRAIN],
    )
    segment.RecommendedDisplayCIELabValue = list(cielab(LABEL_COLOURS[name]))
    return segment
