"""A case in DICOM with what a state folder would hold of it, and reading back what was written of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_enhanced, write_study

from gliolabel.dicom import DicomFolder, case_id_of
from gliolabel.dicom.results.result import Algorithm, Made, Result, Uncertainty
from gliolabel.dicom.results.sources import SourceSeries, sources_of
from gliolabel.state.database import Database
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.maps import MapKey, MapStore
from gliolabel.state.tables import LabelRow
from gliolabel.studies import Grid, open_studies
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import LABELS

MODEL = Algorithm("unet3d", "starter-1")
CREATED = datetime(2026, 1, 4, 9, 30, tzinfo=UTC)
SCORES = {
    "WT": {"volume_ml_p05": 0.25, "volume_ml_p95": 0.5},
    "TC": {"volume_ml_p05": None, "volume_ml_p95": None},
    "ET": {"volume_ml_p05": 0.0625, "volume_ml_p95": 0.125},
}


@dataclass(frozen=True)
class Written:
    """A case that was written as DICOM."""

    store: DicomFolder
    case_id: str
    study: str
    sources: dict[str, SourceSeries]


def classic(folder: Path, volumes: Volumes) -> Written:
    """A study of classic images."""
    return _opened(folder, write_study(folder, volumes))


def enhanced(folder: Path, volumes: Volumes) -> Written:
    """A study of enhanced images, their frames from the last slice to the first."""
    for number, (sequence, (array, grid)) in enumerate(volumes.items(), start=1):
        tags = HABITS["siemens"][sequence]
        write_enhanced(folder / str(number), array, grid, study="1.2.3.77", number=number, frame="1.2.3.78", tags=tags)
    return _opened(folder, "1.2.3.77")


def result_of(
    mask: np.ndarray, grid: Grid, *, case_id: str, made: Made = Made.SEMIAUTOMATIC, number: int = 1, map_too: bool = True
) -> Result:
    """A mask with its uncertainty."""
    uncertainty = None
    if map_too:
        uncertainty = Uncertainty(uncertainty_like(mask), "b" * 64, MODEL, 20, 0, SCORES, CREATED)
    algorithm = None if made is Made.MANUAL else MODEL
    return Result(case_id, f"final {number}", number, mask, grid, f"{number:064d}", made, algorithm, CREATED, uncertainty)


def uncertainty_like(mask: np.ndarray) -> np.ndarray:
    """A map of the shape of a mask."""
    return (np.random.default_rng(5).random(mask.shape) / 2).astype(np.float32)


def keep(database: Database, case_id: str, mask: np.ndarray, grid: Grid, *, model: Algorithm | None = MODEL) -> LabelRow:
    """Store a mask as an accepted label, with a run of a model over the case."""
    write: Callable[[Path], object] = partial(write_volume, mask, grid)
    key = MapKey(case_id, MODEL.model, MODEL.version, 20, 0, source="s")
    files = {"std": partial(write_volume, uncertainty_like(mask), grid), "mask": write}
    MapStore(database).add(key, files=files, scores=SCORES, current=True)
    named = "" if model is None else f"{model.model} {model.version}"
    return LabelStore(database).add(case_id, tag=FINAL, write=write, author="ann", model_version=named)


def mask_of(segmentation: Dataset, reference: SourceSeries) -> np.ndarray:
    """The mask that a segmentation holds, on the slices of the series it was drawn on, as highdicom reads it."""
    read = segmentation if isinstance(segmentation, hd.seg.Segmentation) else hd.seg.Segmentation.from_dataset(segmentation)
    options = {"segment_numbers": list(LABELS.values()), "combine_segments": True, "assert_missing_frames_are_empty": True}
    if len(reference.images) > 1:
        uids = [str(image.SOPInstanceUID) for image in reference.images]
        return np.asarray(read.get_pixels_by_source_instance(uids, **options), np.uint8)
    frames = [position + 1 for position in reference.order]
    return np.asarray(read.get_pixels_by_source_frame(str(reference.first.SOPInstanceUID), frames, **options), np.uint8)


def map_of(uncertainty: Dataset, grid: Grid) -> np.ndarray:
    """The values of a Parametric Map, each frame put where its position says."""
    frames = np.frombuffer(uncertainty.FloatPixelData, "<f4").reshape(uncertainty.NumberOfFrames, uncertainty.Rows, uncertainty.Columns)
    values = np.full(grid.shape, np.nan, np.float32)
    for frame, group in zip(frames, uncertainty.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array([float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient])
        places = np.array([grid.position((z, 0, 0)) for z in range(grid.size[2])])
        distances = np.linalg.norm(places - position, axis=1)
        assert distances.min() < 1e-6
        values[int(distances.argmin())] = frame
    return values


def _opened(folder: Path, study: str) -> Written:
    store = open_studies(folder)
    assert isinstance(store, DicomFolder)
    case_id = case_id_of(study)
    return Written(store, case_id, study, sources_of(store, case_id))
