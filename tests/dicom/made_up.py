"""DICOM studies written from volumes, with the habits of several makers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from gliolabel.dicom.series import ENHANCED_MR, MR_IMAGE
from gliolabel.studies import Grid

#: What each maker writes into the tags of each sequence, and how its users name it.
HABITS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "siemens": {
        "t1": {
            "SeriesDescription": "t1_mprage_sag_p2_iso", "ScanningSequence": ["GR", "IR"], "SequenceVariant": ["SK", "SP", "MP"],
            "SequenceName": "*tfl3d1_16ns", "MRAcquisitionType": "3D", "EchoTime": 2.98, "RepetitionTime": 2300, "InversionTime": 900,
            "FlipAngle": 9, "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
        },
        "t1ce": {
            "SeriesDescription": "t1_mprage_sag_p2_iso_KM", "ScanningSequence": ["GR", "IR"], "SequenceName": "*tfl3d1_16ns",
            "MRAcquisitionType": "3D", "EchoTime": 2.98, "RepetitionTime": 2300, "InversionTime": 900, "FlipAngle": 9,
            "ContrastBolusAgent": "Dotarem", "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
        },
        "t2": {
            "SeriesDescription": "t2_tse_tra_448", "ScanningSequence": "SE", "SequenceName": "*tse2d1_15", "MRAcquisitionType": "2D",
            "EchoTime": 98, "RepetitionTime": 5400, "FlipAngle": 150, "ContrastBolusAgent": "Dotarem",
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
        },
        "flair": {
            "SeriesDescription": "t2_tirm_tra_dark-fluid", "ScanningSequence": ["SE", "IR"], "SequenceName": "*tir2d1_15",
            "MRAcquisitionType": "2D", "EchoTime": 93, "RepetitionTime": 9000, "InversionTime": 2500, "FlipAngle": 150,
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
        },
    },
    "ge": {
        "t1": {
            "SeriesDescription": "Ax T1 FLAIR", "ScanningSequence": ["SE", "IR"], "MRAcquisitionType": "2D", "EchoTime": 24.1,
            "RepetitionTime": 2200, "InversionTime": 860, "FlipAngle": 111, "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        },
        "t1ce": {
            "SeriesDescription": "Ax FSPGR 3D BRAVO +C", "ScanningSequence": "GR", "MRAcquisitionType": "3D", "EchoTime": 3.2,
            "RepetitionTime": 8.2, "InversionTime": 450, "FlipAngle": 12, "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        },
        "t2": {
            "SeriesDescription": "Ax T2 FSE", "ScanningSequence": "SE", "MRAcquisitionType": "2D", "EchoTime": 102,
            "RepetitionTime": 4500, "InversionTime": 0, "FlipAngle": 111, "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        },
        "flair": {
            "SeriesDescription": "Sag CUBE T2 FLAIR", "ScanningSequence": ["SE", "IR"], "MRAcquisitionType": "3D", "EchoTime": 117,
            "RepetitionTime": 6000, "InversionTime": 1750, "FlipAngle": 90, "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        },
    },
    "philips": {
        "t1": {
            "SeriesDescription": "T1W_SE", "ScanningSequence": "SE", "MRAcquisitionType": "2D", "EchoTime": 15, "RepetitionTime": 596,
            "FlipAngle": 69, "ImageType": ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"],
        },
        "t1ce": {
            "SeriesDescription": "3D T1W TFE GD", "ScanningSequence": "GR", "MRAcquisitionType": "3D", "EchoTime": 3.7,
            "RepetitionTime": 8.1, "FlipAngle": 8, "ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"],
        },
        "t2": {
            "SeriesDescription": "T2W_TSE", "ScanningSequence": "SE", "MRAcquisitionType": "2D", "EchoTime": 80, "RepetitionTime": 3000,
            "FlipAngle": 90, "ImageType": ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"],
        },
        # No inversion time: the tags look like T2, the description tells.
        "flair": {
            "SeriesDescription": "FLAIR_longTR", "ScanningSequence": "SE", "MRAcquisitionType": "2D", "EchoTime": 120,
            "RepetitionTime": 11000, "FlipAngle": 90, "ImageType": ["ORIGINAL", "PRIMARY", "M_IR", "M", "IR"],
        },
    },
}  # fmt: skip

#: A name that must not be found anywhere.
PATIENT: Final = "Mustermann^Erika"


def write_series(
    folder: Path,
    array: np.ndarray,
    grid: Grid,
    *,
    study: str,
    number: int,
    frame: str,
    tags: Mapping[str, Any],
    order: Sequence[int] | None = None,
    leave_out: Sequence[int] = (),
) -> str:
    """Write a volume (z, y, x) as a classic MR series, one file per slice.

    Args:
        order: in which order the slices are numbered; None: as they lie.
        leave_out: slices that are not written.

    Returns:
        The SeriesInstanceUID.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = generate_uid()
    slices = list(order if order is not None else range(grid.size[2]))
    for instance, z in enumerate(slices, start=1):
        if z in leave_out:
            continue
        image = _image(MR_IMAGE, study=study, series=uid, number=number, frame=frame, tags=tags)
        image.InstanceNumber = instance
        image.ImagePositionPatient = [_decimal(v) for v in grid.position((z, 0, 0))]
        image.ImageOrientationPatient = _orientation(grid)
        image.PixelSpacing = [_decimal(grid.spacing[1]), _decimal(grid.spacing[0])]
        image.SliceThickness = _decimal(grid.spacing[2])
        _pixels(image, array[z])
        image.save_as(folder / f"IM{number:03d}_{instance:04d}", write_like_original=False)
    return uid


def write_enhanced(
    path: Path, array: np.ndarray, grid: Grid, *, study: str, number: int, frame: str, tags: Mapping[str, Any], slope: float = 1.0
) -> str:
    """Write a volume as one enhanced MR object, its frames from the last slice to the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    uid = generate_uid()
    top = {name: tags[name] for name in ("SeriesDescription", "MRAcquisitionType") if name in tags}
    image = _image(ENHANCED_MR, study=study, series=uid, number=number, frame=frame, tags=top)
    image.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    if "ContrastBolusAgent" in tags:
        agent = Dataset()
        agent.CodeValue, agent.CodingSchemeDesignator, agent.CodeMeaning = "C-B0317", "SRT", "Gadoterate"
        image.ContrastBolusAgentSequence = [agent]
    methods = tags["ScanningSequence"] if isinstance(tags["ScanningSequence"], list) else [tags["ScanningSequence"]]
    image.EchoPulseSequence = "GRADIENT" if "GR" in methods else "SPIN"
    image.EchoPlanarPulseSequence = "NO"
    shared = Dataset()
    shared.PixelMeasuresSequence = [_of(PixelSpacing=[grid.spacing[1], grid.spacing[0]], SliceThickness=grid.spacing[2])]
    shared.PlaneOrientationSequence = [_of(ImageOrientationPatient=_orientation(grid))]
    shared.MRTimingAndRelatedParametersSequence = [_of(RepetitionTime=tags["RepetitionTime"], FlipAngle=tags["FlipAngle"])]
    shared.MREchoSequence = [_of(EffectiveEchoTime=float(tags["EchoTime"]))]
    inverted = bool(tags.get("InversionTime"))
    modifier = _of(InversionRecovery="YES" if inverted else "NO")
    if inverted:
        modifier.InversionTimes = float(tags["InversionTime"])
    shared.MRModifierSequence = [modifier]
    shared.PixelValueTransformationSequence = [_of(RescaleIntercept=0.0, RescaleSlope=slope, RescaleType="US")]
    image.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for z in reversed(range(grid.size[2])):
        frame_group = Dataset()
        frame_group.PlanePositionSequence = [_of(ImagePositionPatient=[_decimal(v) for v in grid.position((z, 0, 0))])]
        frames.append(frame_group)
    image.PerFrameFunctionalGroupsSequence = frames
    image.NumberOfFrames = len(frames)
    _pixels(image, np.ascontiguousarray(array[::-1]))
    image.save_as(path, write_like_original=False)
    return uid


def write_study(
    folder: Path,
    volumes: Mapping[str, tuple[np.ndarray, Grid]],
    *,
    maker: str = "siemens",
    study: str | None = None,
    frame: str | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Write a study of a localizer and these sequences. Returns its StudyInstanceUID."""
    study, frame = study or generate_uid(), frame or generate_uid()
    array, grid = next(iter(volumes.values()))
    scout = {"SeriesDescription": "localizer", "ScanningSequence": "GR", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_series(folder, array[:3], _of_size(grid, 3), study=study, number=1, frame=frame, tags=scout)
    for number, (sequence, (array, grid)) in enumerate(volumes.items(), start=2):
        tags = {**HABITS[maker][sequence], **(changes or {}).get(sequence, {})}
        write_series(folder, array, grid, study=study, number=number, frame=frame, tags=tags)
    return study


def _image(kind: str, *, study: str, series: str, number: int, frame: str, tags: Mapping[str, Any]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True)
    image.SOPClassUID, image.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
    image.SeriesNumber, image.Modality = number, "MR"
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = PATIENT, "MRN-4711", "19600102", "F"
    image.StudyDate, image.StudyTime, image.AccessionNumber, image.StudyID = "20260103", "101500", "ACC-4711", "1"
    image.ReferringPhysicianName, image.Manufacturer = "Hausarzt^H", "TEST"
    for name, value in tags.items():
        setattr(image, name, value)
    return image


def _pixels(image: FileDataset, array: np.ndarray) -> None:
    values = np.asarray(array)
    assert np.array_equal(values, np.rint(values))
    signed = bool(values.min() < 0)
    image.Rows, image.Columns = values.shape[-2:]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, int(signed)
    image.PixelData = values.astype("<i2" if signed else "<u2").tobytes()


def _orientation(grid: Grid) -> list[str]:
    matrix = np.asarray(grid.direction).reshape(3, 3)
    return [_decimal(v) for v in (*matrix[:, 0], *matrix[:, 1])]


def _of_size(grid: Grid, slices: int) -> Grid:
    return Grid((*grid.size[:2], slices), grid.spacing, grid.origin, grid.direction)


def _of(**values: Any) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


def _decimal(value: float) -> str:
    """As many digits as DICOM's 16 characters hold."""
    for digits in range(15, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise AssertionError(value)
