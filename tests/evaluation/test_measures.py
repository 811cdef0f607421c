"""Measures of one case against numbers worked out by hand, and against the library's own metrics."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.evaluation.measures import CLASSES_ROW, MEASURES, measure_case, measure_classes, measure_region
from gliolabel.metrics import dice, hausdorff95, mean_iou, pixel_accuracy

SPACING = (3.0, 2.0, 1.0)


def _block(rows: slice) -> np.ndarray:
    mask = np.zeros((4, 6, 10), dtype=bool)
    mask[1:3, 2:4, rows] = True
    return mask


def test_a_region_by_hand() -> None:
    # 2 x 2 x 4 = 16 voxels true, 2 x 2 x 6 = 24 predicted, 2 x 2 x 2 = 8 in both, of 240; a voxel is 6 mm3.
    row = measure_region(_block(slice(4, 10)), _block(slice(2, 6)), spacing=SPACING)
    assert row["dice"] == pytest.approx(16 / 40, abs=1e-12)
    assert row["iou"] == pytest.approx(8 / 32, abs=1e-12)
    # The background: 240 - 32 = 208 in both, 216 predicted, 224 true.
    assert row["dice_with_background"] == pytest.approx((16 / 40 + 416 / 440) / 2, abs=1e-12)
    assert row["iou_with_background"] == pytest.approx((8 / 32 + 208 / 232) / 2, abs=1e-12)
    assert row["accuracy"] == pytest.approx(8 / 16, abs=1e-12)
    assert row["accuracy_with_background"] == pytest.approx(216 / 240, abs=1e-12)
    assert row["volume_ml"] == pytest.approx(24 * 0.006, abs=1e-12)
    assert row["true_volume_ml"] == pytest.approx(16 * 0.006, abs=1e-12)
    assert row["volume_error_ml"] == pytest.approx(8 * 0.006, abs=1e-12)
    assert row["volume_error_percent"] == pytest.approx(50.0, abs=1e-12)
    # Of both surfaces the columns x = 8, 9 and x = 2, 3 lie furthest from the other block: 4 and 3, or 2 and 1 voxels of 1 mm.
    assert row["hd95_mm"] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (0, 0, {"dice": 1.0, "iou": 1.0, "accuracy": 1.0, "hd95_mm": 0.0, "volume_error_ml": 0.0, "volume_error_percent": None}),
        (4, 0, {"dice": 0.0, "iou": 0.0, "accuracy": 0.0, "hd95_mm": None, "volume_error_ml": 16 * 0.006, "volume_error_percent": None}),
        (0, 4, {"dice": 0.0, "iou": 0.0, "accuracy": 0.0, "hd95_mm": None, "volume_error_ml": -16 * 0.006, "volume_error_percent": -100.0}),
    ],
)
def test_empty_masks(predicted: int, truth: int, expected: dict[str, float | None]) -> None:
    row = measure_region(_block(slice(0, predicted)), _block(slice(0, truth)), spacing=SPACING)
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_without_a_spacing_there_are_no_millimetres() -> None:
    row = measure_region(_block(slice(0, 4)), _block(slice(0, 5)), spacing=None)
    assert row["dice"] == pytest.approx(8 / 9)
    assert all(row[name] is None for name in ("hd95_mm", "volume_ml", "volume_error_ml", "volume_error_percent"))


def test_classes_by_hand() -> None:
    truth = np.array([[[0, 0, 1, 1, 2, 2, 3, 3]]], dtype=np.uint8)
    predicted = np.array([[[0, 1, 1, 1, 2, 0, 2, 3]]], dtype=np.uint8)
    row = measure_classes(predicted, truth, count=4)
    # Class by class: both 1 2 1 1, predicted 2 3 2 1, true 2 2 2 2.
    assert row["dice"] == pytest.approx((4 / 5 + 2 / 4 + 2 / 3) / 3, abs=1e-12)
    assert row["dice_with_background"] == pytest.approx((2 / 4 + 4 / 5 + 2 / 4 + 2 / 3) / 4, abs=1e-12)
    assert row["iou"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3, abs=1e-12)
    assert row["iou_with_background"] == pytest.approx((1 / 3 + 2 / 3 + 1 / 3 + 1 / 2) / 4, abs=1e-12)
    assert row["accuracy"] == pytest.approx(4 / 6, abs=1e-12)
    assert row["accuracy_with_background"] == pytest.approx(5 / 8, abs=1e-12)


def test_a_case_agrees_with_the_metrics() -> None:
    generator = np.random.default_rng(3)
    truth, predicted = (generator.integers(0, 4, size=(5, 6, 7), dtype=np.uint8) for _ in range(2))
    regions = {"WT": (1, 2, 3), "ET": (3,)}
    masks = [{name: np.isin(mask, values) for name, values in regions.items()} for mask in (predicted, truth)]
    rows = measure_case(masks[0], masks[1], predicted_classes=predicted, true_classes=truth, spacing=SPACING)
    assert list(rows) == ["WT", "ET", CLASSES_ROW]
    for name in regions:
        pair = masks[0][name][None], masks[1][name][None]
        assert rows[name]["dice"] == pytest.approx(dice(*pair)[0], abs=1e-12)
        assert rows[name]["iou"] == pytest.approx(mean_iou(*pair, background=False), abs=1e-12)
        assert rows[name]["accuracy_with_background"] == pytest.approx(pixel_accuracy(*pair), abs=1e-12)
        assert rows[name]["hd95_mm"] == pytest.approx(hausdorff95(*pair, spacing=SPACING)[0])
    one_hot = np.stack([predicted == value for value in range(4)]).astype(np.float32)
    assert rows[CLASSES_ROW]["iou_with_background"] == pytest.approx(mean_iou(one_hot, truth), abs=1e-12)
    assert rows[CLASSES_ROW]["accuracy"] == pytest.approx(pixel_accuracy(one_hot, truth, background=False), abs=1e-12)
    given = {name for row in rows.values() for name in row}
    assert given - {"volume_ml", "true_volume_ml"} == set(MEASURES) - {"score", "score_with_tumour"}
