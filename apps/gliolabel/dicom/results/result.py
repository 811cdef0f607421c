"""What is to be written as DICOM: a mask, who made it, and the uncertainty that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from gliolabel.studies.grid import Grid


class Made(StrEnum):
    """How a mask came to be, in DICOM's words."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


@dataclass(frozen=True)
class Algorithm:
    """A model version.

    Args:
        model: the model's name.
        version: of the model.
    """

    model: str
    version: str

    @property
    def name(self) -> str:
        """What DICOM calls it."""
        return f"GlioLabel {self.model}"


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """A Monte-Carlo dropout run.

    Args:
        values: float32 (z, y, x): standard deviation over the passes, the largest of the regions, 0 to 0.5.
        sha256: of what it was read from.
        algorithm: whose passes they are.
        passes: how many.
        seed: of the dropout masks.
        scores: by region; ``volume_ml_p05`` and ``volume_ml_p95`` are the ends of the 90 % interval.
        created: when.
    """

    values: np.ndarray
    sha256: str
    algorithm: Algorithm
    passes: int
    seed: int
    scores: Mapping[str, Any]
    created: datetime


@dataclass(frozen=True, eq=False)
class Result:
    """A mask with what is known of it.

    Args:
        case_id: the case.
        name: which of the case's masks, for people: ``final 2``, ``model``.
        number: of the version, from 1.
        mask: uint8 (z, y, x).
        grid: of the mask.
        sha256: of what it was read from.
        made: how it came to be.
        algorithm: the model version that made it, or that it was corrected from.
        created: when.
        uncertainty: None: there is none of that model version.
    """

    case_id: str
    name: str
    number: int
    mask: np.ndarray
    grid: Grid
    sha256: str
    made: Made
    algorithm: Algorithm | None
    created: datetime
    uncertainty: Uncertainty | None = None
