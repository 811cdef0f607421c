"""The measures of one case: each region against its truth, and the classes taken together.

When both masks are empty the prediction is right: Dice and IoU are 1, HD95 is 0 mm, the volume error 0 mL. When one of them is empty,
Dice and IoU are 0 and HD95 does not exist (None). Accuracy without the background is 1 or 0 in the same cases as Dice when the truth is
empty; the volume error as a share of an empty truth does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from gliolabel.metrics import hausdorff95
from gliolabel.metrics.accuracy import accuracy_of
from gliolabel.metrics.confusion import class_counts, ratio
from gliolabel.metrics.iou import iou_of

#: Name of the row that holds the mean over label classes, beside the rows of the regions.
CLASSES_ROW: Final[str] = "classes"

#: Values of one row by name; None where a measure does not exist.
Row = dict[str, float | None]


@dataclass(frozen=True)
class Measure:
    """What a column of the results means.

    Args:
        title: for tables and axes, with the unit.
        meaning: one sentence.
        better: ``high``, ``low``, or ``zero`` when values of either sign are worse the further they are from 0.
    """

    title: str
    meaning: str
    better: str = "high"


#: All measures, in the order of the columns.
MEASURES: Final[Mapping[str, Measure]] = {
    "dice": Measure("Dice", "2 |X and Y| / (|X| + |Y|) of the region; in the row of the classes the mean over the tumour classes."),
    "dice_with_background": Measure("Dice with background", "The mean of the region's Dice and the Dice of everything else."),
    "iou": Measure("IoU", "|X and Y| / |X or Y| of the region; in the row of the classes the mean over the tumour classes."),
    "iou_with_background": Measure("IoU with background", "The mean of the region's IoU and the IoU of everything else."),
    "accuracy": Measure("Accuracy", "Share of the voxels that truly are tumour (of the region) that are labelled right."),
    "accuracy_with_background": Measure("Accuracy with background", "Share of all voxels of the volume that are labelled right."),
    "hd95_mm": Measure("HD95 (mm)", "95th percentile of the distances between the two surfaces, the larger direction.", better="low"),
    "volume_error_ml": Measure("Volume error (mL)", "Predicted minus true volume.", better="zero"),
    "volume_error_percent": Measure("Volume error (%)", "The same as a share of the true volume.", better="zero"),
    "score": Measure("Recipe's score", "The number by which the model's own recipe judges a validation, as its report defines it."),
    "score_with_tumour": Measure(
        "Recipe's score, samples with tumour", "The recipe's score over the slices (or volumes) that truly hold tumour."
    ),
}


def measure_case(
    predicted: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
    *,
    predicted_classes: np.ndarray | None = None,
    true_classes: np.ndarray | None = None,
    class_count: int = 4,
    spacing: Sequence[float] | None,
) -> dict[str, Row]:
    """All measures of one case.

    Args:
        predicted: boolean (z, y, x) by region.
        truth: the same, with the same regions in it.
        predicted_classes: uint8 (z, y, x) class indices, for models of exclusive classes.
        true_classes: the same of the truth; without them there is no row of the classes.
        class_count: number of classes with the background.
        spacing: voxel edges (z, y, x) in mm, or None when they are unknown: then HD95 and volumes are None.

    Returns:
        The row of each region, and of :data:`CLASSES_ROW`. Volumes are in ``volume_ml`` and ``true_volume_ml``.
    """
    rows = {name: measure_region(mask, truth[name], spacing=spacing) for name, mask in predicted.items()}
    if predicted_classes is not None and true_classes is not None:
        rows[CLASSES_ROW] = measure_classes(predicted_classes, true_classes, count=class_count)
    return rows


def measure_region(predicted: np.ndarray, truth: np.ndarray, *, spacing: Sequence[float] | None) -> Row:
    """The row of one region; arguments as in :func:`measure_case`."""
    counts = _counts(predicted, truth, classes=2)
    row = _overlaps(counts)
    if spacing is None:
        return row | dict.fromkeys(("hd95_mm", "volume_ml", "true_volume_ml", "volume_error_ml", "volume_error_percent"))
    distance = float(hausdorff95(predicted[None], truth[None], spacing=spacing)[0])
    voxel_ml = math.prod(spacing) / 1000.0
    guessed, true = int(counts[:, 1].sum()), int(counts[1].sum())
    return row | {
        "hd95_mm": distance if math.isfinite(distance) else None,
        "volume_ml": guessed * voxel_ml,
        "true_volume_ml": true * voxel_ml,
        "volume_error_ml": (guessed - true) * voxel_ml,
        "volume_error_percent": 100.0 * (guessed - true) / true if true else None,
    }


def measure_classes(predicted: np.ndarray, truth: np.ndarray, *, count: int) -> Row:
    """The row of the classes: Dice and IoU as means over classes, accuracy over voxels (report 002, equations 1 to 3).

    Args:
        predicted: integer class indices, 0 is the background.
        truth: the same.
        count: number of classes with the background; a class that is in neither mask scores 1.

    Returns:
        ``dice``, ``iou``, ``accuracy`` of the classes 1 and up, ``..._with_background`` of all.
    """
    return _overlaps(_counts(predicted, truth, classes=count))


def _counts(predicted: np.ndarray, truth: np.ndarray, *, classes: int) -> Tensor:
    """int64 (classes, classes) voxels by (true class, predicted class)."""
    pair = [torch.from_numpy(np.ascontiguousarray(array, dtype=np.uint8)).long()[None] for array in (predicted, truth)]
    return class_counts(pair[0], pair[1], classes=classes)[0]


def _overlaps(counts: Tensor) -> Row:
    dices = ratio(2 * counts.diagonal(), counts.sum(dim=0) + counts.sum(dim=1))
    ious = iou_of(counts)
    return {
        "dice": float(dices[1:].mean()),
        "dice_with_background": float(dices.mean()),
        "iou": float(ious[1:].mean()),
        "iou_with_background": float(ious.mean()),
        "accuracy": float(accuracy_of(counts, background=False)),
        "accuracy_with_background": float(accuracy_of(counts, background=True)),
    }
