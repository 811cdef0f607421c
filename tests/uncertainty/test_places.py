"""Places to look at: inside the volume, on an uncertain component, worst first."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.studies import Grid
from gliolabel.uncertainty import places_to_look, to_markups
from gliolabel.uncertainty.places import SEEN_MM

GRID = Grid(size=(70, 60, 50), spacing=(1.0, 1.0, 2.0), origin=(-10.0, 5.0, 30.0), direction=(0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0))


def ball(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    axes = np.ogrid[: GRID.shape[0], : GRID.shape[1], : GRID.shape[2]]
    spacing = GRID.spacing[::-1]
    return sum(((a - c) * s) ** 2 for a, c, s in zip(axes, centre, spacing, strict=True)) <= radius**2


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    mask = np.where(ball((25, 30, 35), 14), 2, 0).astype(np.uint8)
    maps = np.zeros((3, *GRID.shape), dtype=np.float32)
    maps[0][ball((25, 30, 49), 4)] = 0.4  # at the border of the mask
    maps[2][ball((25, 30, 35), 3)] = 0.5  # inside
    maps[0][ball((8, 10, 10), 6)] = 0.3  # far from any mask
    return maps, mask


def test_three_kinds_ranked_by_doubt(scene: tuple[np.ndarray, np.ndarray]) -> None:
    maps, mask = scene
    places = places_to_look(maps, mask, GRID, k=5)
    assert {(p.kind, p.region) for p in places} == {("edge", "WT"), ("inside", "ET"), ("far", "WT")}
    assert [p.doubt_ml for p in places] == sorted((p.doubt_ml for p in places), reverse=True)
    assert places[0].kind == "far"


def test_centres_lie_on_uncertain_voxels_and_positions_follow_the_direction(scene: tuple[np.ndarray, np.ndarray]) -> None:
    maps, mask = scene
    for place in places_to_look(maps, mask, GRID, k=5):
        assert maps.max(axis=0)[place.index] > 0
        z, y, x = place.index
        image = GRID.image(mask)
        assert place.position == pytest.approx(image.TransformIndexToPhysicalPoint((x, y, z)))


def test_a_shell_is_several_places_that_do_not_overlap() -> None:
    shell = ball((25, 30, 35), 22) & ~ball((25, 30, 35), 18)
    maps = np.zeros((3, *GRID.shape), dtype=np.float32)
    maps[0][shell] = 0.3
    places = places_to_look(maps, np.where(ball((25, 30, 35), 20), 2, 0).astype(np.uint8), GRID, k=4)
    assert len(places) == 4
    assert len({p.index for p in places}) == 4
    assert all(shell[p.index] for p in places)


def test_k_limits_and_nothing_uncertain_is_nothing(scene: tuple[np.ndarray, np.ndarray]) -> None:
    maps, mask = scene
    assert len(places_to_look(maps, mask, GRID, k=1)) == 1
    assert places_to_look(np.zeros_like(maps), mask, GRID, k=5) == []
    with pytest.raises(ValueError, match="k is 0"):
        places_to_look(maps, mask, GRID, k=0)


def test_markups_carry_rank_region_and_score(scene: tuple[np.ndarray, np.ndarray]) -> None:
    maps, mask = scene
    places = places_to_look(maps, mask, GRID, k=5)
    markup = to_markups(places)["markups"][0]
    assert markup["coordinateSystem"] == "LPS"
    assert [p["position"] for p in markup["controlPoints"]] == [list(p.position) for p in places]
    assert markup["controlPoints"][0]["label"].startswith("1. WT: far, 0.3")


def test_places_are_ranked_by_expected_voxels_wrong(scene: tuple[np.ndarray, np.ndarray]) -> None:
    maps, mask = scene
    # The passes disagree most about the far place, but nobody doubts that the mask is right there; at the edge they speak against it.
    wrong = np.where(maps > 0, 0.02, 0).astype(np.float32)
    wrong[0][ball((25, 30, 49), 8)] = 0.9
    places = places_to_look(maps, mask, GRID, k=5, expected_error=wrong)
    assert places[0].kind == "edge"
    assert places[0].doubt_ml == pytest.approx(0.9 * places[0].volume_ml)
    assert places[0].score == pytest.approx(0.4, rel=0.1)  # what is shown is still the map
    assert places[0].text.startswith("WT: edge, 0.")
    assert places[0].text.endswith(" mL in doubt")
    with pytest.raises(ValueError, match="expected_error has shape"):
        places_to_look(maps, mask, GRID, expected_error=wrong[0])


def test_the_halo_of_a_place_is_no_place_of_its_own() -> None:
    distance = np.sqrt(sum(((a - c) * s) ** 2 for a, c, s in zip(np.ogrid[:50, :60, :70], (25, 30, 35), GRID.spacing[::-1], strict=True)))
    maps = np.zeros((3, *GRID.shape), dtype=np.float32)
    maps[0] = 0.5 * np.exp(-((distance / 6) ** 2))  # half of the peak at 5 mm, still above the least uncertainty at 9 mm
    places = places_to_look(maps, np.zeros(GRID.shape, dtype=np.uint8), GRID, k=5)
    assert [place.index for place in places] == [(25, 30, 35)]


def test_places_lie_apart(scene: tuple[np.ndarray, np.ndarray]) -> None:
    shell = ball((25, 30, 35), 22) & ~ball((25, 30, 35), 18)
    maps = np.zeros((3, *GRID.shape), dtype=np.float32)
    maps[0][shell] = 0.3
    positions = np.array([p.position for p in places_to_look(maps, scene[1], GRID, k=6)])
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    assert distances[np.triu_indices(len(positions), k=1)].min() > SEEN_MM
