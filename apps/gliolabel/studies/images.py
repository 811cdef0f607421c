"""A case once read: arrays on one grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gliolabel.studies.grid import Grid
from gliolabel.vocabulary import SEQUENCES


@dataclass(frozen=True)
class CaseImages:
    """The sequences of a case, read and on one grid.

    Args:
        case_id: id of the case.
        reference: the sequence whose grid this is.
        grid: the reference grid.
        arrays: float32 arrays of shape ``grid.shape`` (z, y, x) by sequence name, in the files' own intensity units.
        warnings: sentences for the reader (what was resampled, what is missing).
        processed: what was done to them beside resampling, as JSON: ``registration`` by sequence, and what
            :class:`~gliolabel.studies.processing.Processing` names.
    """

    case_id: str
    reference: str
    grid: Grid
    arrays: Mapping[str, np.ndarray]
    warnings: tuple[str, ...] = ()
    processed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The sequences the case does not have, in channel order."""
        return tuple(s for s in SEQUENCES if s not in self.arrays)


@dataclass(frozen=True)
class LabelImage:
    """The label of a case, read and on the reference grid.

    Args:
        array: uint8 (z, y, x), values 0..3 of :data:`gliolabel.vocabulary.LABELS`.
        grid: the reference grid.
        warnings: sentences for the reader (resampled, a tissue read as background).
    """

    array: np.ndarray
    grid: Grid
    warnings: tuple[str, ...] = ()
