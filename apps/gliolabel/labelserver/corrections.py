"""What a submission changed in the model's mask it began from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gliolabel.errors import GlioLabelError
from gliolabel.state.labels import ORIGINAL, LabelStore
from gliolabel.state.masks import MaskStore
from gliolabel.studies.voxels import read_volume
from gliolabel.vocabulary import LabelSet

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """The model's mask that a submission began from.

    Args:
        model: the model.
        version: the model version.
        mask: ``reader``: given to the reader who submits; ``version``: by the version that the client names, given to another reader;
            ``original``: made for the whole folder.
        file: the mask.
    """

    model: str
    version: str
    mask: str
    file: Path


@dataclass(frozen=True)
class Correction:
    """How far a submitted label is from the model's mask.

    Args:
        voxels: number of voxels by region that are in one of the two and not in the other.
        ml: the same in mL.
        dice: of the two by region; two empty masks agree (1).
        relabelled: number of voxels whose tissue differs, background included.
    """

    voxels: Mapping[str, int]
    ml: Mapping[str, float]
    dice: Mapping[str, float]
    relabelled: int

    def as_json(self, origin: Origin) -> dict[str, Any]:
        """As it is stored and told."""
        return {
            "model": origin.model,
            "model_version": origin.version,
            "mask": origin.mask,
            "changed_voxels": dict(self.voxels),
            "changed_ml": dict(self.ml),
            "dice": dict(self.dice),
            "relabelled_voxels": self.relabelled,
        }


def find_origin(case_id: str, *, reader: str, model_version: str, masks: MaskStore, labels: LabelStore) -> Origin | None:
    """The mask that a submission began from.

    It is the last one that this reader was given for the case. A reader who was given none may name the version (``unet3d starter-1``,
    as the label's info says it; MONAI Label's reviewer plugin sends that back); else it is the newest label ``original``.

    Args:
        case_id: the case.
        reader: who submits.
        model_version: what the client names, or nothing.
        masks: what readers were given.
        labels: has the label ``original``.

    Returns:
        None when the server made no mask of the case that is still known.
    """
    model, _, version = model_version.partition(" ")
    given = masks.of(case_id, reader=reader)
    if given is not None:
        return Origin(given.model, given.version, "reader", masks.file(given))
    named = masks.by_version(case_id, model=model, version=version)
    if named is not None:
        return Origin(named.model, named.version, "version", masks.file(named))
    original = labels.newest(case_id, ORIGINAL)
    file = None if original is None else labels.file(original)
    if original is None or file is None:
        return None
    model, _, version = original.model_version.partition(" ")
    return Origin(model, version, "original", file)


def correction(submitted: np.ndarray, origin: Origin, *, case_id: str, label_set: LabelSet, voxel_ml: float) -> Correction | None:
    """Compare a submitted label with the mask it began from.

    Args:
        submitted: uint8 (z, y, x).
        origin: the mask.
        case_id: for the log.
        label_set: the regions.
        voxel_ml: volume of a voxel.

    Returns:
        None when the mask is gone or lies on another grid (the images of the case were replaced).
    """
    try:
        mask = read_volume(origin.file, where=f"the mask of case {case_id}").array
    except (GlioLabelError, OSError) as error:
        _LOG.warning("case %s: the mask that the submission began from cannot be read: %s", case_id, error)
        return None
    if mask.shape != submitted.shape:
        _LOG.warning("case %s: the mask that the submission began from has shape %s, the label %s", case_id, mask.shape, submitted.shape)
        return None
    return compare(submitted, mask.astype(np.uint8), label_set=label_set, voxel_ml=voxel_ml)


def compare(submitted: np.ndarray, mask: np.ndarray, *, label_set: LabelSet, voxel_ml: float) -> Correction:
    """Compare two label maps.

    Args:
        submitted: uint8 (z, y, x), values of the label set.
        mask: the same.
        label_set: the regions.
        voxel_ml: volume of a voxel.
    """
    count = max(label_set.labels.values()) + 1
    # How many voxels have which pair of values: one look at the volume serves all regions.
    painted = np.flatnonzero(mask | submitted)  # the others are background in both
    pairs = mask.ravel()[painted].astype(np.uint16) * count + submitted.ravel()[painted]
    table = np.bincount(pairs, minlength=count * count).reshape(count, count)
    voxels, dice = {}, {}
    for region, values in label_set.regions.items():
        of_it = list(values)
        before, after, both = table[of_it].sum(), table[:, of_it].sum(), table[np.ix_(of_it, of_it)].sum()
        voxels[region] = int(before + after - 2 * both)
        dice[region] = round(float(2 * both / (before + after)), 4) if before + after else 1.0
    ml = {region: round(number * voxel_ml, 3) for region, number in voxels.items()}
    return Correction(voxels, ml, dice, int(table.sum() - np.trace(table)))
