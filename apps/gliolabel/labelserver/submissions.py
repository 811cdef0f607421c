"""Reading a submitted label: values by segment name, on exactly the case's grid.

What becomes of a segment:

* Its name counts, without upper and lower case and blanks around it; neither its number nor its colour, nor whether it is hidden. Two
  segments of one name are one tissue.
* A tissue that is not sent, or has no voxels, is empty. A label without any voxel is a label.
* ``background`` is background.
* Scribbles (``foreground_scribbles``, ``background_scribbles``) and segments that show uncertainty (names beginning with ``uncertain``) are
  no tissue. They are left out where that loses nothing: in a segmentation file, and in a label map when they come before all tissues,
  since there later segments have painted over earlier ones. After a tissue they may have painted over it, and the label is refused.
* Any other name is passed over without voxels, and refused with voxels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.grid import Grid
from gliolabel.studies.nrrd import nrrd_header
from gliolabel.studies.voxels import read_volume
from gliolabel.vocabulary import TISSUES, LabelSet

#: Segment names that mean "nothing".
_BACKGROUND: Final = frozenset({"background"})
#: Segments that help a reader and are no tissue.
_HELPERS: Final = re.compile(r"(foreground|background)_scribbles|uncertain.*", re.DOTALL)
#: What Slicer calls the segments of a label map that says nothing of names: by their value.
_BY_VALUE: Final = re.compile(r"Segment_(\d{1,3})")
#: The entry that says which value a segment has.
_LABEL_VALUE: Final = re.compile(r"Segment([0-9]+)_LabelValue")
#: Up to this range of values, voxels are counted in a table.
_MOST_VALUES: Final = 1 << 16
_MOST_SIGNED: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Submission:
    """A submitted label, read.

    Args:
        array: uint8 (z, y, x), values of the label set, on the case's reference grid.
        ignored: segment names that are not ours and have no voxels.
        volumes_ml: volume by region.
        left_out: voxels by name of scribbles and segments that show uncertainty.
    """

    array: np.ndarray
    ignored: tuple[str, ...]
    volumes_ml: Mapping[str, float]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """What the reader should know."""
        return [
            *(f"{name!r} is not one of ours and has no voxels" for name in self.ignored),
            *(f"{name!r} ({count} voxels) is no tissue and was left out" for name, count in self.left_out.items()),
        ]


def read_submission(
    path: Path, *, label_info: object, grid: Grid, case_id: str, label_set: LabelSet = TISSUES, named_by_value: bool = False
) -> Submission:
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
        named_by_value: a segment ``Segment_2`` of value 2 is our value 2. So Slicer names the segments of a label that it read from this
            server, and MONAI Label's reviewer plugin sends them back.

    Raises:
        InputError: not a volume of whole numbers, another grid, a value that no name stands for, or voxels under a name that is not ours.
    """
    where = f"the label of case {case_id}"
    if split_extension(path.name) is None:
        raise InputError(f"{where}: the file ends in {''.join(path.suffixes) or 'nothing'!r}, expected one of {', '.join(EXTENSIONS)}.")
    own_names = _segment_names(path, where=where)
    if named_by_value:
        own_names = _by_value(own_names, label_set.labels)
    names = own_names or _names_by_position(label_info, where=where, labels=label_set.labels)
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
    painted = np.flatnonzero(array != 0)  # a few of a hundred voxels: all else is background, before and after
    values, ignored, left_out = _by_name(
        array.ravel()[painted], names, where=where, labels=label_set.labels, painted_in_order=not own_names
    )
    ours = np.zeros(array.shape, np.uint8)
    ours.ravel()[painted] = values
    volumes = label_set.volumes_ml(dict(enumerate(np.bincount(values).tolist())), voxel_ml=grid.voxel_ml)
    return Submission(ours, ignored, volumes, left_out)


def _names_by_position(label_info: object, *, where: str, labels: Mapping[str, int]) -> dict[int, str]:
    if not label_info:
        return {value: name for name, value in labels.items()}
    if not isinstance(label_info, Sequence) or not all(
        isinstance(entry, Mapping) and isinstance(entry.get("name"), str) for entry in label_info
    ):
        raise InputError(f'{where}: label_info must be a list of objects like {{"name": "edema"}}, in the order of the label values.')
    return {position + 1: str(entry["name"]) for position, entry in enumerate(label_info)}


def _segment_names(path: Path, *, where: str) -> dict[int, str]:
    """Segment names by value from the header of a Slicer segmentation file; empty for any other file."""
    if not path.name.lower().endswith(".nrrd"):
        return {}
    words = nrrd_header(path, where=where).words
    names = {}
    for key, value in words.items():
        entry = _LABEL_VALUE.fullmatch(key)
        if entry and re.fullmatch("[0-9]{1,18}", value.strip()) and f"Segment{entry[1]}_Name" in words:
            names[int(value)] = words[f"Segment{entry[1]}_Name"].strip()
    return names


def _by_value(names: Mapping[int, str], labels: Mapping[str, int]) -> dict[int, str]:
    """The names with ``Segment_2`` of value 2 replaced by our name of value 2. A reader's new segment has another value than its name."""
    ours = {value: name for name, value in labels.items()}
    found = {}
    for value, name in names.items():
        number = _BY_VALUE.fullmatch(name)
        found[value] = ours.get(value, name) if number and int(number[1]) == value else name
    return found


def _by_name(
    array: np.ndarray, names: Mapping[int, str], *, where: str, labels: Mapping[str, int], painted_in_order: bool
) -> tuple[np.ndarray, tuple[str, ...], dict[str, int]]:
    """Our values of some voxels, by the names of theirs; what was ignored; what was left out."""
    voxels = _voxels_by_value(array)
    unnamed = sorted(set(voxels) - set(names))
    if unnamed:
        raise InputError(
            f"{where}: holds the value{'s' if len(unnamed) > 1 else ''} {', '.join(map(str, unnamed[:5]))} "
            f"({sum(voxels[value] for value in unnamed)} voxels), for which no segment was named. Expected {_listed(names)}."
        )
    ours_by_name = {name.casefold(): value for name, value in labels.items()}
    ours = np.zeros(array.shape, np.uint8)
    ignored: list[str] = []
    refused: list[tuple[str, int]] = []
    painted_over: list[tuple[str, int]] = []
    left_out: dict[str, int] = {}
    a_tissue_came = False
    for value, name in sorted(names.items()):
        key, count = name.strip().casefold(), voxels.get(value, 0)
        if key in ours_by_name:
            a_tissue_came = True
            if count:
                ours[array == value] = ours_by_name[key]
        elif key in _BACKGROUND:
            continue
        elif not count:
            ignored.append(name)
        elif not _HELPERS.fullmatch(key):
            refused.append((name, count))
        elif painted_in_order and a_tissue_came:
            painted_over.append((name, count))
        else:
            left_out[name] = left_out.get(name, 0) + count
    if refused:
        raise InputError(
            f"{where}: the segment{'s' if len(refused) > 1 else ''} {_counted(refused)} cannot be stored; expected "
            f"{', '.join(map(repr, labels))}. Rename or empty it and submit again. Nothing was stored."
        )
    if painted_over:
        raise InputError(
            f"{where}: the segment{'s' if len(painted_over) > 1 else ''} {_counted(painted_over)} came after a tissue and may have painted "
            "over it, so what lies below is not known. Delete it, or move it to the top of the list, and submit again. Nothing was stored."
        )
    return ours, tuple(ignored), left_out


def _voxels_by_value(array: np.ndarray) -> dict[int, int]:
    """Number of voxels by value, without 0."""
    if array.size == 0:
        return {}
    low, high = int(array.min()), int(array.max())
    if high - low > _MOST_VALUES or high > _MOST_SIGNED:
        values, counts = np.unique(array, return_counts=True)
    else:  # of a usual label: np.unique sorts, which takes ten times as long
        counts = np.bincount((array.astype(np.int64) - low).ravel())
        values = np.arange(low, high + 1)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True) if value != 0 and count}


def _counted(segments: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name!r} ({count} voxels)" for name, count in segments)


def _listed(names: Mapping[int, str]) -> str:
    return ", ".join(f"{value} ({name})" for value, name in sorted(names.items()))
