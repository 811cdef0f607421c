"""How much of the error places show."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.evaluation.uncertainty.places import most_seen, seen_at_random, share_seen

SPACING = (2.0, 1.0, 1.0)


@pytest.fixture
def wrong() -> np.ndarray:
    """A rod of 10 wrong voxels along x, and far from it 30 in one lump."""
    voxels = np.zeros((20, 40, 40), dtype=bool)
    voxels[4, 5, 5:15] = True
    voxels[12:14, 30:33, 30:35] = True
    return voxels


def test_within_5_mm(wrong: np.ndarray) -> None:
    assert share_seen(wrong, [(4, 5, 5)], spacing=SPACING) == pytest.approx(6 / 40)  # voxels 5 to 10: the last exactly 5 mm away
    assert share_seen(wrong, [(4, 5, 5), (4, 5, 6)], spacing=SPACING) == pytest.approx(7 / 40)  # seen twice counts once
    assert share_seen(wrong, [(6, 5, 7)], spacing=SPACING) == pytest.approx(6 / 40)  # 4 mm above: 3 mm to either side, cut off at the end
    assert share_seen(wrong, [(12, 31, 32), (4, 5, 10)], spacing=SPACING) == pytest.approx(1.0)
    assert share_seen(wrong, [], spacing=SPACING) == 0
    assert share_seen(np.zeros_like(wrong), [(4, 5, 5)], spacing=SPACING) is None


def test_the_most_that_can_be_seen(wrong: np.ndarray) -> None:
    assert most_seen(wrong, count=1, spacing=SPACING) == pytest.approx(30 / 40)
    assert most_seen(wrong, count=2, spacing=SPACING) == pytest.approx(1.0)
    assert most_seen(np.zeros_like(wrong), count=2, spacing=SPACING) is None


def test_at_random_on_the_border(wrong: np.ndarray) -> None:
    mask = np.zeros(wrong.shape, dtype=np.uint8)
    mask[4, 5, 5] = 2
    # The only voxel of the tumour is its border: every draw is that place.
    assert seen_at_random(wrong, mask, count=5, spacing=SPACING) == pytest.approx(6 / 40)
    assert seen_at_random(wrong, np.zeros_like(mask), count=5, spacing=SPACING) == 0
    mask[10:16, 25:38, 25:38] = 1
    shares = [seen_at_random(wrong, mask, count=5, spacing=SPACING, draws=draws) for draws in (20, 20)]
    assert shares[0] == shares[1]
    # The lump lies inside: no place on the border is closer than 5 mm to most of it.
    assert shares[0] is not None
    assert shares[0] < most_seen(wrong, count=5, spacing=SPACING) / 2
