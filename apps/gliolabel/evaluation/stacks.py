"""Folders of slices as cases: ``PATIENT/PATIENT_12.tif`` with ``PATIENT_12_mask.tif`` beside it, as the LGG set stores them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import OpenedCase, patient_of
from gliolabel.evaluation.files import Digests
from gliolabel.preprocessing.orientation import Turn
from gliolabel.studies.ids import unique_ids

#: What the three channels of a colour slice are: before contrast, FLAIR, after contrast. A grey slice is FLAIR.
CHANNELS: Final = ("t1", "flair", "t1ce")
#: The one region of these masks: what is abnormal on FLAIR.
REGION: Final = "tumour"

_ENDINGS: Final = (".tif", ".tiff", ".png")
_NAME: Final = re.compile(r"(?P<case>.+?)[ _-]*(?P<number>\d+)(?P<mask>_mask)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class StackCase:
    """All slices of a patient, in the order of their numbers.

    Args:
        id: the case.
        slices: image files by slice number, ascending.
        masks: mask files by slice number.
        files: checksums.
    """

    id: str
    slices: dict[int, Path]
    masks: dict[int, Path]
    files: Digests

    @property
    def patient(self) -> str:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`."""
        return patient_of(self.id)

    def digests(self) -> dict[str, str]:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`."""
        found = {f"slice {number}": self.files.of(path) for number, path in self.slices.items()}
        return found | {f"label {number}": self.files.of(path) for number, path in self.masks.items()}

    def open(self) -> OpenedCase:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`. The spacing of the slices is not known: nothing is measured in mm."""
        without = sorted(set(self.slices) - set(self.masks))
        if without:
            raise InputError(
                f"case {self.id}: {len(without)} of {len(self.slices)} slices have no mask, the first is {self.slices[without[0]].name}; "
                "expected a _mask file beside each"
            )
        images = [_read(path, self.id) for path in self.slices.values()]
        masks = [_read(self.masks[number], self.id)[0] for number in self.slices]
        shapes = {image.shape for image in images} | {(len(images[0]), *mask.shape) for mask in masks}
        if len(shapes) > 1:
            raise InputError(
                f"case {self.id}: its slices and masks differ in size ({', '.join(map(str, sorted(shapes)))}); expected one size"
            )
        stack = np.stack(images, axis=1)
        names = CHANNELS if len(stack) >= len(CHANNELS) else ("flair",)
        # 0 and 1, or 0 and 255: above half of the range is tumour (report 004, "mask > 0.5").
        truth = np.stack([mask > (0 if mask.max() <= 1 else 127) for mask in masks])
        pictures = dict(zip(names, stack, strict=False))
        return OpenedCase(
            id=self.id,
            images=pictures,
            truth={REGION: truth},
            classes=None,
            spacing=None,
            pictures=pictures,
            turn=Turn(order=(0, 1, 2), flips=()),
        )


def open_stacks(folder: Path) -> list[StackCase]:
    """The stacks below a folder, at any depth, by id.

    Args:
        folder: the study folder.
    """
    slices: dict[tuple[str, str], dict[int, Path]] = defaultdict(dict)
    masks: dict[tuple[str, str], dict[int, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("*")):
        name = _NAME.match(path.stem)
        if name is None or path.suffix.lower() not in _ENDINGS or path.name.startswith("."):
            continue
        here = path.parent.relative_to(folder).as_posix()
        group = ("" if here == "." else here, name["case"])
        (masks if name["mask"] else slices)[group][int(name["number"])] = path
    groups = sorted(slices)
    ids, _ = unique_ids(groups)
    files = Digests()
    found = [
        StackCase(case_id, dict(sorted(slices[group].items())), {n: p for n, p in masks[group].items() if n in slices[group]}, files)
        for case_id, group in zip(ids, groups, strict=True)
    ]
    return sorted(found, key=lambda case: case.id)


def _read(path: Path, case: str) -> np.ndarray:
    """(channels, rows, columns) of one file."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        last = (str(error).strip().splitlines() or ["no reader knows it"])[-1].strip()
        raise InputError(f"case {case}, file {path.name}: cannot be read as an image ({last}). Copy it again from its source") from error
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() != 2 and array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        return array[None]
    if array.ndim != 3 or image.GetNumberOfComponentsPerPixel() == 1:
        raise InputError(f"case {case}, file {path.name}: has the shape {array.shape}; expected one slice")
    return array[..., : len(CHANNELS)].transpose(2, 0, 1)
