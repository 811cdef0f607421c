"""Reading a submitted label: values by segment name, on exactly the case's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.grid import Grid
from gliolabel.studies.voxels import read_volume
from gliolabel.vocabulary import TISSUES, LabelSet

#: Segment names that mean "nothing".
_BACKGROUND = frozenset({"background"})


@dataclass(frozen=True)
class Submission:
    """A submitted label, read.

    Args:
        array: uint8 (z, y, x), values of the label set, on the case's reference grid.
        ignored: segment names that are not ours and have no voxels.
        volumes_ml: volume by region.
    """

    array: np.ndarray
    ignored: tuple[str, ...]
    volumes_ml: Mapping[str, float]


def read_submission(path: Path, *, label_info: object, grid: Grid, case_id: str, label_set: LabelSet = TISSUES) -> Submission:
    """Read a label as the Slicer plugin sends it.

    Value ``k + 1`` belongs to ``label_info[k]["name"]``: Slicer numbers the exported segments by position, and the ``idx`` beside a name
    counts segments that were left out of the export. Without ``label_info`` the values are ours already. A ``.seg.nrrd`` file says in its
    own header which value is which segment.

    Args:
        path: the uploaded file.
        label_info: ``label_info`` of the request's params.
        grid: the reference grid of the case.
        case_id: for messages.
        label_set: the names that can be stored, and their values.

    Raises:
        InputError: not a volume of whole numbers, another grid, a value that no name stands for, or voxels under a name that is not ours.
    """
    where = f"the label of case {case_id}"
    if split_extension(path.name) is None:
        raise InputError(f"{where}: the file ends in {''.join(path.suffixes) or 'nothing'!r}, expected one of {', '.join(EXTENSIONS)}.")
    names = _segment_names(path) or _names_by_position(label_info, where=where, labels=label_set.labels)
    volume = read_volume(path, where=where)
    array = volume.array
    if array.dtype.kind not in "iu":
        raise InputError(f"{where}: holds voxels of type {array.dtype}, expected whole numbers (a label map).")
    if array.ndim != 3:
        raise InputError(f"{where}: has {array.shape[0]} layers, expected one. Turn off overlapping segments in the plugin's settings.")
    if not volume.header.grid.same_as(grid):
        raise InputError(
            f"{where}: lies on a grid of {volume.header.grid}, the case's is {grid}, or it lies elsewhere. Nothing was stored."
        )
    ours, ignored = _by_name(array, names, where=where, labels=label_set.labels)
    counts = dict(enumerate(np.bincount(ours.ravel()).tolist()))
    volumes = label_set.volumes_ml(counts, voxel_ml=grid.voxel_ml)
    return Submission(ours, ignored, volumes)


def _names_by_position(label_info: object, *, where: str, labels: Mapping[str, int]) -> dict[int, str]:
    if not label_info:
        return {value: name for name, value in labels.items()}
    if not isinstance(label_info, Sequence) or not all(
        isinstance(entry, Mapping) and isinstance(entry.get("name"), str) for entry in label_info
    ):
        raise InputError(f'{where}: label_info must be a list of objects like {{"name": "edema"}}, in the order of the label values.')
    return {position + 1: str(entry["name"]) for position, entry in enumerate(label_info)}


def _segment_names(path: Path) -> dict[int, str]:
    """Segment names by value from the header of a Slicer segmentation file; empty for any other file."""
    if not path.name.lower().endswith(".nrrd"):
        return {}
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return {}  # read_volume says what is wrong with it
    keys: Sequence[Any] = reader.GetMetaDataKeys()
    names = {}
    for key in keys:
        if key.startswith("Segment") and key.endswith("_LabelValue"):
            number = key.removeprefix("Segment").removesuffix("_LabelValue")
            value = reader.GetMetaData(key).strip()
            if number.isdigit() and value.isdigit() and f"Segment{number}_Name" in keys:
                names[int(value)] = reader.GetMetaData(f"Segment{number}_Name").strip()
    return names


def _by_name(array: np.ndarray, names: Mapping[int, str], *, where: str, labels: Mapping[str, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    values, counts = np.unique(array, return_counts=True)
    voxels = {int(value): int(count) for value, count in zip(values, counts, strict=True) if value != 0}
    unnamed = sorted(set(voxels) - set(names))
    if unnamed:
        raise InputError(
            f"{where}: holds the value{'s' if len(unnamed) > 1 else ''} {', '.join(map(str, unnamed[:5]))} "
            f"({sum(voxels[value] for value in unnamed)} voxels), for which no segment was named. Expected {_listed(names)}."
        )
    ours_by_name = {name.casefold(): value for name, value in labels.items()}
    ours = np.zeros(array.shape, np.uint8)
    ignored: list[tuple[str, int]] = []
    refused: list[tuple[str, int]] = []
    for value, name in sorted(names.items()):
        key = name.strip().casefold()
        if key in ours_by_name:
            if value in voxels:
                ours[array == value] = ours_by_name[key]
        elif key not in _BACKGROUND:
            (refused if value in voxels else ignored).append((name, voxels.get(value, 0)))
    if refused:
        named = ", ".join(f"{name!r} ({count} voxels)" for name, count in refused)
        raise InputError(
            f"{where}: the segment{'s' if len(refused) > 1 else ''} {named} cannot be stored; expected {', '.join(map(repr, labels))}. "
            "Rename or empty it and submit again. Nothing was stored."
        )
    return ours, tuple(name for name, _ in ignored)


def _listed(names: Mapping[int, str]) -> str:
    return ", ".join(f"{value} ({name})" for value, name in sorted(names.items()))
