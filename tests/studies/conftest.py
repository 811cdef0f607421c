"""A tiny phantom, for tests that write many files."""

from __future__ import annotations

import pytest

from gliolabel.phantoms import Phantom, make_phantom


@pytest.fixture(scope="session")
def tiny() -> Phantom:
    """18 x 30 x 24 voxels (z, y, x): three different lengths, so that swapped axes show."""
    return make_phantom(shape=(18, 30, 24), seed=3)
