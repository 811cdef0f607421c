"""Volumes of a case, for writing as DICOM."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.phantoms import make_phantom
from gliolabel.studies import Grid
from gliolabel.vocabulary import SEQUENCES

Volumes = dict[str, tuple[np.ndarray, Grid]]


@pytest.fixture(scope="session")
def volumes() -> Volumes:
    """The four sequences of a phantom, 18 x 30 x 24 voxels, on a grid that lies at an angle."""
    phantom = make_phantom(shape=(18, 30, 24), seed=3)
    angle = 0.2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    tilt = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(angle), -np.sin(angle)], [0.0, np.sin(angle), np.cos(angle)]])
    grid = Grid((24, 30, 18), (0.9, 0.8, 3.3), (-81.25, 33.5, 12.125), tuple((turn @ tilt).ravel().tolist()))
    return {sequence: (phantom.sequences[sequence], grid) for sequence in SEQUENCES}
