"""The completed cases of a server as a folder in the layout of the LGG set, which a training reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import GlioLabelError, InputError, UnavailableError
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.slices.segmenting import channels_of
from gliolabel.preprocessing.orientation import turn_to_lps
from gliolabel.state.labels import FINAL
from gliolabel.studies.slice_reading import COLOUR_SEQUENCES
from gliolabel.studies.voxels import read_volume


def write_training_folder(cases: CaseDatastore, folder: Path, *, say: Callable[[str], None], pause: Callable[[], None]) -> list[str]:
    """Write every case with an accepted label as ``<id>/<id>_<n>.tif`` and ``<id>/<id>_<n>_mask.tif``, 8 bit.

    The label is the newest: the one submitted last, or the masks beside the slices. A case that cannot be read is left out and named.

    Args:
        cases: the server's cases.
        folder: replaced when it is there.
        say: told what is left out.
        pause: called between cases; may raise to stop.

    Returns:
        The ids of the cases that were written.

    Raises:
        InputError: no case has a label that can be used.
        UnavailableError: the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    written = []
    for case_id in cases.get_labeled_images():
        pause()
        try:
            image, mask = _read(cases, case_id)
        except GlioLabelError as error:
            say(f"left out: {error}")
            continue
        try:
            _write(folder / case_id, case_id, image, mask)
        except (OSError, RuntimeError) as error:
            words = str(error).strip().splitlines()[-1]
            raise UnavailableError(f"The training slices cannot be written to {folder} ({words}). Check the disk's free space.") from error
        written.append(case_id)
    if not written:
        raise InputError("No case has a mask that can be used: nothing to learn from. Submit masks, or put *_mask.tif beside the slices.")
    return written


def _read(cases: CaseDatastore, case_id: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (3, z, y, x) and mask uint8 (z, y, x), axes superior, posterior, left."""
    images = cases.case(case_id).case.read()
    image, _ = channels_of(images, COLOUR_SEQUENCES)
    label = read_volume(Path(cases.get_label_uri(case_id, FINAL)), where=f"the label of case {case_id}")
    if label.array.shape != images.grid.shape:
        raise InputError(f"the label of case {case_id}: has the shape {label.array.shape}, its image {images.grid.shape}")
    turn = turn_to_lps(images.grid.direction)
    return turn.apply(np.rint(image).astype(np.uint8)), turn.apply((label.array > 0).astype(np.uint8))


def _write(folder: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    os.makedirs(folder)
    for number, (channels, pixels) in enumerate(zip(np.moveaxis(image, 0, -1), mask, strict=True), start=1):
        colour = sitk.GetImageFromArray(np.ascontiguousarray(channels), isVector=True)
        sitk.WriteImage(colour, str(folder / f"{name}_{number}.tif"), useCompression=True)
        sitk.WriteImage(sitk.GetImageFromArray(pixels * np.uint8(255)), str(folder / f"{name}_{number}_mask.tif"), useCompression=True)
