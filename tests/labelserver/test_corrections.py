from __future__ import annotations

import numpy as np

from gliolabel.labelserver.corrections import compare
from gliolabel.metrics import dice
from gliolabel.metrics.regions import region_masks
from gliolabel.vocabulary import REGIONS, TISSUES


def test_what_changed_is_counted_by_region() -> None:
    mask, submitted = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
    mask[0, 0, :6] = [1, 1, 2, 2, 3, 3]
    submitted[0, 0, :6] = [1, 2, 2, 0, 3, 1]
    found = compare(submitted, mask, label_set=TISSUES, voxel_ml=0.5)
    # WT lost one voxel; TC lost one (1 -> 2) ; ET lost one (3 -> 1), which stays in TC.
    assert found.voxels == {"WT": 1, "TC": 1, "ET": 1}
    assert found.ml == {"WT": 0.5, "TC": 0.5, "ET": 0.5}
    assert found.relabelled == 3
    assert found.dice == {"WT": round(10 / 11, 4), "TC": round(6 / 7, 4), "ET": round(2 / 3, 4)}


def test_the_numbers_are_those_of_the_metrics() -> None:
    generator = np.random.default_rng(0)
    mask, submitted = (generator.integers(0, 4, size=(9, 10, 11)).astype(np.uint8) for _ in range(2))
    found = compare(submitted, mask, label_set=TISSUES, voxel_ml=1.0)
    a, b = region_masks(submitted), region_masks(mask)
    np.testing.assert_allclose([found.dice[region] for region in REGIONS], dice(a, b), atol=1e-4)
    assert [found.voxels[region] for region in REGIONS] == [int((x != y).sum()) for x, y in zip(a, b, strict=True)]


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((2, 2, 2), np.uint8)
    found = compare(empty, empty, label_set=TISSUES, voxel_ml=1.0)
    assert found.dice == {"WT": 1.0, "TC": 1.0, "ET": 1.0}
    assert found.relabelled == 0
