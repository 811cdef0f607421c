"""The border weight map, by hand and against a slow count of every distance."""

from __future__ import annotations

from itertools import product
from math import dist, exp, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gliolabel.losses import border_weight_map


def test_two_regions_in_a_row_by_hand() -> None:
    # Distances to the left and the right region: 0+4, 1+3, 2+2, 3+1, 4+0.
    mask = np.array([[1, 0, 0, 0, 1]])
    assert border_weight_map(mask) == pytest.approx(np.full((1, 5), 8.521437889662113), abs=1e-12)  # 10 exp(-16/100)
    other = border_weight_map(mask, denominator="ronneberger")
    assert other == pytest.approx(np.full((1, 5), 7.261490370736909), abs=1e-12)  # 10 exp(-16/50)


def test_w0_and_sigma() -> None:
    weights = border_weight_map(np.array([[1, 0, 1]]), w0=3.0, sigma=2.0)
    assert weights == pytest.approx(np.full((1, 3), 3 * exp(-4 / 16)), abs=1e-12)


def test_of_three_regions_the_two_nearest_count() -> None:
    mask = np.array([[1, 0, 0, 1, 0, 0, 0, 0, 1]])
    # Sums of the two smallest distances to pixels 0, 3 and 8.
    sums = [0 + 3, 1 + 2, 2 + 1, 0 + 3, 1 + 4, 2 + 3, 2 + 3, 1 + 4, 0 + 5]
    assert border_weight_map(mask)[0] == pytest.approx([10 * exp(-(s**2) / 100) for s in sums], abs=1e-12)


def test_connectivity_in_the_plane() -> None:
    mask = np.array([[1, 0], [0, 1]])
    assert not border_weight_map(mask).any()
    # Two regions: on a region the other is sqrt(2) away, beside them both are 1 away.
    on, beside = 10 * exp(-2 / 100), 10 * exp(-4 / 100)
    assert border_weight_map(mask, connectivity=4) == pytest.approx(np.array([[on, beside], [beside, on]]), abs=1e-12)


@pytest.mark.parametrize("second", [(1, 1, 0), (1, 1, 1)], ids=["edge", "corner"])
def test_connectivity_in_space(second: tuple[int, int, int]) -> None:
    mask = np.zeros((2, 2, 2), dtype=np.uint8)
    mask[0, 0, 0] = mask[second] = 1
    assert not border_weight_map(mask).any()
    assert border_weight_map(mask, connectivity=4)[0, 0, 0] == pytest.approx(10 * exp(-sum(second) / 100), abs=1e-12)


def test_background_only() -> None:
    mask = np.array([[1, 0, 1]])
    assert border_weight_map(mask, where="background")[0] == pytest.approx([0.0, 10 * exp(-4 / 100), 0.0], abs=1e-12)


def test_a_region_is_as_near_as_its_nearest_pixel() -> None:
    mask = np.zeros((5, 7), dtype=bool)
    mask[0:3, 0:2] = mask[4, 6] = True
    # Pixel (4, 3): sqrt(2^2 + 2^2) to (2, 1), 3 to (4, 6).
    assert border_weight_map(mask)[4, 3] == pytest.approx(10 * exp(-((sqrt(8) + 3) ** 2) / 100), abs=1e-12)


@pytest.mark.parametrize("mask", [np.zeros((4, 5)), np.ones((4, 5)), np.eye(4), np.zeros((0, 3)), np.ones((2, 3, 4))])
def test_without_two_regions_it_is_0_everywhere(mask: np.ndarray) -> None:
    weights = border_weight_map(mask)
    assert weights.shape == mask.shape
    assert weights.dtype == np.float64
    assert not weights.any()


def test_a_tensor_gives_a_tensor() -> None:
    mask = torch.tensor([[1, 0, 1]], dtype=torch.uint8)
    weights = border_weight_map(mask)
    assert weights.dtype == torch.float64
    assert weights.tolist() == border_weight_map(mask.numpy()).tolist()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"denominator": "other"}, "'other'"), ({"connectivity": 6}, "6"), ({"where": "inside"}, "'inside'"), ({"sigma": 0.0}, "above 0")],
)
def test_refuses_other_options(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        border_weight_map(np.eye(3), **options)  # type: ignore[arg-type]


def test_refuses_a_batch() -> None:
    with pytest.raises(ValueError, match="expected \\(height, width\\)"):
        border_weight_map(np.zeros((2, 1, 4, 4)))


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))), st.sampled_from([4, 8]))
def test_agrees_with_a_count_of_every_distance(mask: np.ndarray, connectivity: int) -> None:
    regions = _regions({(int(y), int(x)) for y, x in np.argwhere(mask)}, connectivity)
    expected = np.zeros(mask.shape)
    if len(regions) > 1:
        for pixel in product(*map(range, mask.shape)):
            first, second = sorted(min(dist(pixel, other) for other in region) for region in regions)[:2]
            expected[pixel] = 10 * exp(-((first + second) ** 2) / 100)
    assert border_weight_map(mask, connectivity=connectivity) == pytest.approx(expected, abs=1e-12)  # type: ignore[arg-type]


def _regions(pixels: set[tuple[int, int]], connectivity: int) -> list[set[tuple[int, int]]]:
    reach = 1.0 if connectivity == 4 else 1.5
    regions = []
    while pixels:
        region, edge = set(), {pixels.pop()}
        while edge:
            region |= edge
            edge = {p for p in pixels if any(dist(p, q) <= reach for q in edge)}
            pixels = pixels - edge
        regions.append(region)
    return regions
