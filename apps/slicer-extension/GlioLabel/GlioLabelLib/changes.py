"""What a correction changed: volumes and Dice. Pure functions of label maps."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import numpy as np

from .words import REGIONS


class Row(NamedTuple):
    """A region, before and after the correction.

    Args:
        region: WT, TC, ET.
        model_ml: volume in the model's mask; None: there is none.
        low_ml: where nine of ten passes lie, from; None: not known.
        high_ml: ... to.
        now_ml: volume in the mask as it is.
        dice: of the two masks; 1 when both are empty.
    """

    region: str
    model_ml: Optional[float]
    low_ml: Optional[float]
    high_ml: Optional[float]
    now_ml: float
    dice: Optional[float]

    @property
    def difference_ml(self) -> Optional[float]:
        """What the correction added, or took away (below 0)."""
        return None if self.model_ml is None else self.now_ml - self.model_ml


def changes(now: np.ndarray, model: Optional[np.ndarray], voxel_ml: float, scores: Mapping[str, Mapping[str, Any]]) -> List[Row]:
    """Each region, before and after.

    Args:
        now: uint8 (z, y, x), the mask as it is.
        model: the mask as the model made it, or None.
        voxel_ml: volume of a voxel.
        scores: the server's scores by region, of which ``volume_ml_p05`` and ``volume_ml_p95`` are the interval.

    Raises:
        ValueError: the two have different shapes.
    """
    table = _table(now, now if model is None else model)
    rows = []
    for region, values in REGIONS.items():
        chosen = list(values)
        after, before = int(table[chosen].sum()), int(table[:, chosen].sum())
        both = int(table[np.ix_(chosen, chosen)].sum())
        about = scores.get(region) or {}
        rows.append(
            Row(
                region=region,
                model_ml=None if model is None else before * voxel_ml,
                low_ml=_number(about.get("volume_ml_p05")),
                high_ml=_number(about.get("volume_ml_p95")),
                now_ml=after * voxel_ml,
                dice=None if model is None else 2.0 * both / (after + before) if after + before else 1.0,
            )
        )
    return rows


def _table(now: np.ndarray, model: np.ndarray) -> np.ndarray:
    """How many voxels have which pair of values: one look at the few that are painted serves all regions."""
    if now.shape != model.shape:
        raise ValueError(f"the masks have shapes {now.shape} and {model.shape}")
    painted = np.flatnonzero(now | model)
    pairs = now.ravel()[painted].astype(np.intp) * 4 + model.ravel()[painted]
    return np.bincount(pairs, minlength=16).reshape(4, 4)


def cells(row: Row) -> Dict[str, str]:
    """A row as the table shows it.

    Example:
        >>> cells(Row("ET", 4.0, 3.51, 4.62, 5.25, 0.8749))
        {'model': '4.00', 'interval': '3.51 to 4.62', 'now': '5.25', 'difference': '+1.25', 'dice': '0.875'}
    """
    return {
        "model": _ml(row.model_ml),
        "interval": "–" if row.low_ml is None or row.high_ml is None else f"{row.low_ml:.2f} to {row.high_ml:.2f}",
        "now": _ml(row.now_ml),
        "difference": "–" if row.difference_ml is None else f"{row.difference_ml:+.2f}",
        "dice": "–" if row.dice is None else f"{row.dice:.3f}",
    }


def _ml(volume: Optional[float]) -> str:
    return "–" if volume is None else f"{volume:.2f}"


def _number(value: Any) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else None
