"""The picture shows what the result says, whichever way the volume lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from gliolabel.cli.picture import draw_result
from gliolabel.phantoms import make_phantom, reoriented, write_phantom_case
from gliolabel.studies import Case, open_studies
from gliolabel.uncertainty import places_to_look
from gliolabel.vocabulary import LABEL_COLOURS


def _draw(case: Case, path: Path, made_up: ModuleType) -> np.ndarray:
    result = made_up.segmentation_from_label(case)
    places = places_to_look(result.maps.by_region["std"], result.mask, result.grid)
    return matplotlib.image.imread(draw_result(case.read(), result, places, path, note="Synthetic case."))[..., :3]


def _has(picture: np.ndarray, colour: str, *, tolerance: float = 0.02) -> bool:
    return bool((np.abs(picture - np.array(to_rgb(colour))).max(axis=-1) < tolerance).any())


def test_it_shows_every_label_and_the_map(phantom_folder: Path, tmp_path: Path, made_up: ModuleType) -> None:
    case = next(iter(open_studies(phantom_folder)))
    picture = _draw(case, tmp_path / "picture.png", made_up)
    assert picture.shape[0] > 600
    assert picture.shape[1] > 1200
    assert all(_has(picture, colour) for colour in LABEL_COLOURS.values())
    assert picture.std() > 0.05


def test_it_works_without_maps_and_with_missing_sequences(phantom_folder: Path, tmp_path: Path, made_up: ModuleType) -> None:
    case = next(iter(open_studies(phantom_folder)))
    case = replace(case, sequences={"flair": case.sequences["flair"]})
    result = made_up.segmentation_from_label(case, passes=0)
    assert draw_result(case.read(), result, [], tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize("axes", ["RAS", "SAL"])
def test_another_orientation_gives_the_same_picture(axes: str, tmp_path: Path, made_up: ModuleType) -> None:
    phantom = make_phantom(shape=(40, 64, 64), seed=(0, 0))
    pictures = []
    for name, turned in (("plain", phantom), ("turned", reoriented(phantom, axes))):
        write_phantom_case(turned, tmp_path / name / "case", name="case")
        pictures.append(_draw(open_studies(tmp_path / name).get("case"), tmp_path / f"{name}.png", made_up))
    # Ties between places may be ordered otherwise; the images may not move.
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.01
