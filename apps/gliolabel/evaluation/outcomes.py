"""What is kept of one model on one case: numbers as JSON, and the slices worth a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.measures import CLASSES_ROW, Row
from gliolabel.evaluation.predictors import Prediction
from gliolabel.uncertainty.calibration import Reliability

#: The sequence on which a region is seen best.
_SEEN_ON = {"WT": "flair", "TC": "t1ce", "ET": "t1ce", "tumour": "flair"}
#: Window of the grey values inside the head, percentiles; and voxels kept around the head.
_WINDOW = (1.0, 99.5)
_MARGIN = 4


@dataclass(frozen=True)
class Outcome:
    """One model on one case.

    Args:
        case: id of the case.
        patient: the person.
        device: where it ran.
        seconds: preparation excluded.
        rows: the measures by region.
        reliability: counts for the calibration by region, see :class:`Reliability`.
        warnings: sentences for the reader.
    """

    case: str
    patient: str
    device: str
    seconds: float
    rows: Mapping[str, Row]
    reliability: Mapping[str, Mapping[str, list[int]]]
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Outcome:
        """The inverse of :meth:`as_json`."""
        return cls(**{**content, "warnings": tuple(content["warnings"])})

    def value(self, region: str, measure: str) -> float | None:
        """One number of the rows."""
        return self.rows.get(region, {}).get(measure)

    @property
    def mean_dice(self) -> float:
        """Mean Dice over the regions, by which cases are ranked."""
        return float(np.mean([row["dice"] for name, row in self.rows.items() if name != CLASSES_ROW and row["dice"] is not None]))

    def counts(self, region: str) -> Reliability:
        """The counts of one region."""
        return Reliability.from_json(self.reliability[region])


@dataclass(frozen=True)
class Snapshot:
    """The slice of a region on which prediction and truth differ most.

    Args:
        image: uint8 (rows, columns), the sequence on which the region is seen best, cut to the head.
        truth: boolean (rows, columns).
        predicted: the same.
        number: the slice, counted from 1 at the feet.
        slices: how many there are.
        sequence: what ``image`` shows.
    """

    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    number: int
    slices: int
    sequence: str


def take_snapshots(case: OpenedCase, prediction: Prediction) -> dict[str, Snapshot]:
    """A snapshot of every region."""
    return {name: _snapshot(case, name, mask) for name, mask in prediction.masks.items()}


def _snapshot(case: OpenedCase, region: str, mask: np.ndarray) -> Snapshot:
    truth, predicted = case.turn.apply(case.truth[region]), case.turn.apply(mask)
    wrong = (truth != predicted).sum(axis=(1, 2))
    shown = wrong if wrong.any() else truth.sum(axis=(1, 2))
    index = int(shown.argmax()) if shown.any() else len(shown) // 2
    sequence = seen_on(case, region)
    image = case.turn.apply(case.pictures[sequence])[index].astype(np.float32)
    box = head_box(image)
    return Snapshot(
        image=grey_levels(image[box]), truth=truth[index][box], predicted=predicted[index][box],
        number=index + 1, slices=len(shown), sequence=sequence,
    )  # fmt: skip


def seen_on(case: OpenedCase, region: str) -> str:
    """The sequence of a case on which a region is seen best."""
    sequence = _SEEN_ON.get(region, "")
    return sequence if sequence in case.pictures else next(iter(case.pictures))


def head_box(image: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a slice that hold the head, and a few more; everything where it is empty."""
    inside = image > image.min()
    if not inside.any():
        return slice(None), slice(None)
    rows, columns = (np.flatnonzero(inside.any(axis=1 - axis)) for axis in (0, 1))
    return slice(max(0, int(rows[0]) - _MARGIN), int(rows[-1]) + _MARGIN + 1), slice(
        max(0, int(columns[0]) - _MARGIN), int(columns[-1]) + _MARGIN + 1
    )


def grey_levels(image: np.ndarray) -> np.ndarray:
    """A slice as uint8, windowed to what is inside the head."""
    head = image[image > image.min()]
    low, high = np.percentile(head, _WINDOW) if head.size else (0.0, 1.0)
    low -= 0.05 * (high - low)
    return (255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
