"""Real cases: those that lie on each other stay as they are; after a known movement they come back to where they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.registration import Transforms, align
from gliolabel.registration.aligning import IN_PLACE_OVERLAP, Source
from gliolabel.studies import open_studies

pytestmark = pytest.mark.slow


def test_no_registered_case_is_moved(brats_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("gliolabel.registration.aligning.register")  # it would be noticed
    for case in open_studies(brats_folder):
        for told in case.read().processed["registration"].values():
            assert not told["applied"]
            assert told["overlap_before"] > IN_PLACE_OVERLAP + 0.005


@pytest.mark.parametrize(("degrees", "shift"), [((2.0, -1.0, 1.5), (2.0, 1.0, -2.0)), ((9.0, -7.0, 12.0), (-14.0, 10.0, 12.0))])
def test_a_known_movement_is_found(brats_folder: Path, degrees: tuple[float, ...], shift: tuple[float, ...]) -> None:
    images = next(iter(open_studies(brats_folder))).read()
    grid = images.grid
    points = [grid.position(tuple(index)) for index in np.argwhere(images.arrays["t1ce"] != 0)[::5000]]
    truth = sitk.Euler3DTransform()
    truth.SetCenter(tuple(np.mean(points, axis=0)))
    truth.SetParameters([*np.deg2rad(degrees), *shift])
    sources = {"t1ce": Source(images.arrays["t1ce"], grid, "t1ce")}
    for name in ("t1", "flair"):
        moved = sitk.Resample(grid.image(images.arrays[name]), truth.GetInverse(), sitk.sitkLinear, 0.0)
        sources[name] = Source(sitk.GetArrayFromImage(moved), grid, name)
    for found in align(sources, reference="t1ce", mode="auto", transforms=Transforms(None)).values():
        assert found.applied
        assert found.estimate is not None
        there = found.estimate.transform()
        errors = [np.linalg.norm(np.subtract(there.TransformPoint(point), truth.TransformPoint(point))) for point in points]
        assert np.mean(errors) < 1.0
        turn = np.array(truth.GetMatrix()).reshape(3, 3).T @ np.array(there.GetMatrix()).reshape(3, 3)
        assert np.rad2deg(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))) < 1.0
