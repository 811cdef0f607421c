"""A measurement report (TID 1500): the volumes of tissues and regions, and where the model's passes put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset

from gliolabel.dicom.results.codes import BRAIN, CATEGORY, DEVICE, MILLILITRE, PERCENTILES, PROCEDURE, REGIONS, VOLUME, tissue_code
from gliolabel.dicom.results.provenance import MAKER, description, equipment, finish
from gliolabel.dicom.results.result import Algorithm, Result, Uncertainty
from gliolabel.dicom.results.segmentation import tracking
from gliolabel.dicom.results.sources import SourceSeries
from gliolabel.dicom.results.uids import derived_uid
from gliolabel.vocabulary import LABELS, RESEARCH_NOTICE, TISSUES

_SERIES_NUMBER: Final = 9803
_SEGMENT_OF: Final[Mapping[tuple[int, ...], int]] = {(value,): value for value in LABELS.values()}


def report(result: Result, segmentation: Dataset, sources: Sequence[SourceSeries], *, uncertainty_map: Dataset | None) -> Dataset:
    """A report on a mask.

    Each tissue is a group (TID 1411) that refers to its segment; so is a region that is one tissue. A region of several tissues refers to
    no segment (TID 1501), as DICOM has no group over several.

    Args:
        result: the mask, and the uncertainty that belongs to it.
        segmentation: the same mask as an object.
        sources: all series that were used.
        uncertainty_map: the uncertainty as an object.
    """
    study = str(segmentation.StudyInstanceUID)
    run = result.uncertainty
    intervals = {} if run is None else {region: _interval(run, region) for region in REGIONS}
    series = derived_uid("report", segmentation.SOPInstanceUID, "" if run is None else run.sha256, sorted(intervals.items()))
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device"), name=MAKER, manufacturer_name=MAKER, model_name=MAKER, serial_number=str(segmentation.SoftwareVersions)
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(observer_type=DEVICE, observer_identifying_attributes=device)
        ),
        procedure_reported=PROCEDURE,
        imaging_measurements=list(_groups(result, segmentation, reference=_referenced_series(segmentation), study=study)),
    )
    objects = [segmentation, *([] if uncertainty_map is None else [uncertainty_map])]
    made = hd.sr.ComprehensiveSR(
        evidence=[*objects, *(image for one in sources for image in one.images)],
        content=content[0],
        series_instance_uid=series,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derived_uid("instance", series),
        instance_number=result.number,
        is_complete=True,
        is_final=False,
        series_description=description(f"volumes, {result.name}"),
        **equipment(),
    )
    made.CompletionFlagDescription = RESEARCH_NOTICE
    finish(made, created=result.created, sources=sources)
    return made


def _groups(result: Result, segmentation: Dataset, *, reference: str, study: str) -> Iterator[Any]:
    counts = dict(enumerate(np.bincount(result.mask.ravel()).tolist()))
    volumes = TISSUES.volumes_ml(counts, voxel_ml=result.grid.voxel_ml)
    for name, value in LABELS.items():
        region = next((one for one, values in TISSUES.regions.items() if values == (value,)), None)
        volume = round(counts.get(value, 0) * result.grid.voxel_ml, 3)
        identifier, uid = tracking(name, study=study)
        yield hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=uid, identifier=identifier),
            referenced_segment=hd.sr.ReferencedSegment(
                sop_class_uid=segmentation.SOPClassUID,
                sop_instance_uid=segmentation.SOPInstanceUID,
                segment_number=value,
                source_series=hd.sr.SourceSeriesForSegmentation(reference),
            ),
            finding_category=CATEGORY,
            finding_type=tissue_code(name),
            finding_sites=[hd.sr.FindingSite(anatomic_location=BRAIN)],
            measurements=_measurements(volume, result, region=region),
        )
    for region, values in TISSUES.regions.items():
        if values in _SEGMENT_OF:
            continue
        code, name = REGIONS[region]
        identifier, uid = tracking(name, study=study)
        yield hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=uid, identifier=identifier),
            finding_category=CATEGORY,
            finding_type=code,
            finding_sites=[hd.sr.FindingSite(anatomic_location=BRAIN)],
            measurements=_measurements(volumes[region], result, region=region),
        )


def _measurements(volume: float, result: Result, *, region: str | None) -> list[hd.sr.Measurement]:
    algorithm = result.algorithm
    by = None if algorithm is None else _algorithm(algorithm, f"mask {result.made.value}")
    found = [hd.sr.Measurement(name=VOLUME, value=volume, unit=MILLILITRE, algorithm_id=by)]
    run = result.uncertainty
    if run is None or region is None:
        return found
    passes = _algorithm(run.algorithm, f"Monte-Carlo dropout, {run.passes} passes, seed {run.seed}")
    for end, value in _interval(run, region).items():
        found.append(hd.sr.Measurement(name=VOLUME, value=value, unit=MILLILITRE, derivation=PERCENTILES[end], algorithm_id=passes))
    return found


def _interval(run: Uncertainty, region: str) -> dict[str, float]:
    """The ends of the 90 % interval that the passes gave; empty where they gave none."""
    scores = run.scores.get(region) or {}
    found = {end: scores.get(f"volume_ml_{end}") for end in PERCENTILES}
    return {end: float(value) for end, value in found.items() if value is not None} if None not in found.values() else {}


def _algorithm(algorithm: Algorithm, parameters: str) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.version, parameters=[parameters])


def _referenced_series(segmentation: Dataset) -> str:
    return str(segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID)
