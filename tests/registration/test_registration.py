"""Sequences of a patient who moved come to lie on the reference; those that lie there stay as they are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.phantoms import Phantom, make_phantom, moved, movement, regridded, spaced, write_phantom_case
from gliolabel.registration import Alignment, Estimate, Mode, Transforms, align
from gliolabel.registration import aligning as aligning_module
from gliolabel.registration.aligning import Source
from gliolabel.registration.overlap import overlap
from gliolabel.studies import Case, Grid, open_studies
from gliolabel.studies.background import foreground
from gliolabel.studies.processing import Processing

DEGREES, SHIFT = (5.0, -3.0, 4.0), (4.0, -6.0, 3.0)


@pytest.fixture(scope="module")
def head() -> Phantom:
    return make_phantom(shape=(52, 80, 80), seed=5)


@pytest.fixture(scope="module")
def after_moving(head: Phantom) -> Phantom:
    """The T2 was taken after the patient moved."""
    return moved(head, ["t2"], degrees=DEGREES, shift_mm=SHIFT)


def sources(phantom: Phantom) -> dict[str, Source]:
    return {name: Source(array.astype(np.float32), phantom.grid, name) for name, array in phantom.sequences.items()}


def aligned(phantom: Phantom, mode: Mode = "auto") -> dict[str, Alignment]:
    return align(sources(phantom), reference="t1ce", mode=mode, transforms=Transforms(None))


def target_error(head: Phantom, found: Estimate) -> float:
    """Mean distance (mm) between where the transform puts points of the brain and where they are."""
    points = [head.grid.position(tuple(index)) for index in np.argwhere(head.sequences["t1"] != 0)[::997]]
    there, truth = found.transform(), movement(head, degrees=DEGREES, shift_mm=SHIFT)
    return float(np.mean([np.linalg.norm(np.subtract(there.TransformPoint(p), truth.TransformPoint(p))) for p in points]))


def study(folder: Path, phantom: Phantom, *, register: Mode = "auto") -> Case:
    write_phantom_case(phantom, folder / "studies", name="x", extension=".nii")
    return open_studies(folder / "studies", processing=Processing(register=register, cache=folder / "cache")).get("x")


def test_sequences_that_lie_on_the_reference_are_not_registered(head: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aligning_module, "register")  # it would be noticed
    found = aligned(head)
    assert set(found) == {"t1", "t2", "flair"}
    for one in found.values():
        assert one.overlap > 0.99
        assert not one.applied
        assert one.estimate is None
        assert one.warning() == ""
        assert one.as_json() == {
            "reference": "t1ce",
            "applied": False,
            "why": "lies on the reference",
            "overlap_before": round(one.overlap, 4),
        }
    assert aligned(head, "off") == {}


def test_a_patient_who_moved_is_noticed_and_the_same_transform_found_every_time(head: Phantom, after_moving: Phantom) -> None:
    with ThreadPoolExecutor(2) as pool:  # as two requests would
        first, second = pool.map(aligned, [after_moving, after_moving])
    assert [name for name, one in first.items() if one.applied] == ["t2"]
    assert first == second
    found = first["t2"].estimate
    assert found is not None
    assert found.overlap[0] < 0.92 < 0.94 < found.overlap[1]  # interpolation widens a brain of such voxels
    assert found.similarity[0] < found.similarity[1]
    assert target_error(head, found) < 1.0
    assert found.rotation_deg == pytest.approx(DEGREES, abs=1.0)
    assert found.moved_mm > 5.0
    told = first["t2"].as_json()
    assert json.loads(json.dumps(told)) == told
    point = np.array([10.0, -20.0, 30.0, 1.0])
    np.testing.assert_allclose((np.array(told["matrix"]) @ point)[:3], found.transform().TransformPoint(point[:3].tolist()))


def test_a_case_is_read_with_the_sequence_where_it_belongs(tmp_path: Path, head: Phantom, after_moving: Phantom) -> None:
    images = study(tmp_path, after_moving).read()
    assert images.processed["registration"]["t2"]["applied"]
    assert any("t2 was registered to t1ce: moved by" in warning for warning in images.warnings)
    still = study(tmp_path, after_moving, register="off").read()
    assert still.processed["registration"] == {}
    np.testing.assert_array_equal(images.arrays["t1"], still.arrays["t1"])
    truth = head.sequences["t2"]
    assert np.abs(images.arrays["t2"] - truth).mean() < 0.4 * np.abs(still.arrays["t2"] - truth).mean()


def test_a_transform_is_found_once(tmp_path: Path, after_moving: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    case = study(tmp_path, after_moving)
    first = case.read()
    (file,) = (tmp_path / "cache" / "transforms").glob("*.json")
    with monkeypatch.context() as patch:
        patch.setattr(aligning_module, "register", None)
        again = case.read()
    assert again.processed == first.processed
    np.testing.assert_array_equal(again.arrays["t2"], first.arrays["t2"])
    file.write_text("{")
    assert case.read().processed == first.processed
    assert json.loads(file.read_text())["moved_mm"] == pytest.approx(first.processed["registration"]["t2"]["moved_mm"], abs=1e-3)


def test_another_frame_of_reference_and_thick_slices(head: Phantom) -> None:
    """The patient lay down again, and the T2 has slices of 6 mm: 40 mm away, where an optimiser alone would not find it."""
    thick = regridded(head, spaced(head.grid, (1.5, 1.5, 6.0)))
    x, y, z = thick.grid.origin
    away = replace(thick.grid, origin=(x + 30.0, y - 20.0, z + 15.0))
    two = {**sources(head), "t2": Source(thick.sequences["t2"].astype(np.float32), away, "t2 away")}
    found = align({name: two[name] for name in ("t1ce", "t2")}, reference="t1ce", mode="auto", transforms=Transforms(None))["t2"]
    assert found.applied
    assert found.estimate is not None
    np.testing.assert_allclose(found.estimate.matrix()[:3, 3], (30.0, -20.0, 15.0), atol=3.0)
    points = np.array([head.grid.position(tuple(index)) for index in np.argwhere(head.labels > 0)[::50]])
    there = np.array([found.estimate.transform().TransformPoint(point.tolist()) for point in points])
    assert np.linalg.norm(there - points - [30.0, -20.0, 15.0], axis=1).mean() < 1.0


def test_what_cannot_be_registered_is_used_as_it_lies_and_said(tmp_path: Path, head: Phantom) -> None:
    noise = np.random.default_rng(0).integers(50, 400, head.grid.shape).astype(np.int16)
    case = study(tmp_path, replace(head, sequences={**head.sequences, "t2": noise}))
    images = case.read()
    np.testing.assert_array_equal(images.arrays["t2"], noise)
    told = images.processed["registration"]["t2"]
    assert not told["applied"]
    assert "nats about each other" in told["why"]
    assert any("t2 may not lie on t1ce" in warning and "look at both" in warning for warning in images.warnings)


def test_a_sequence_that_shows_another_part_is_not_moved(head: Phantom) -> None:
    corner = np.zeros(head.grid.shape, np.float32)
    corner[5:20, 10:30, 10:30] = head.sequences["t2"][20:35, 30:50, 30:50] + 1.0
    two = {**sources(head), "t2": Source(corner, head.grid, "corner")}
    found = align(two, reference="t1ce", mode="auto", transforms=Transforms(None))["t2"]
    assert found.failed
    assert found.transform is None
    assert "overlap" in found.why or "nats" in found.why


def test_two_slices_cannot_be_registered(head: Phantom) -> None:
    flat = Grid((80, 80, 2), head.grid.spacing, head.grid.origin, head.grid.direction)
    two = {**sources(head), "t2": Source(head.sequences["t2"][20:22].astype(np.float32), flat, "flat")}
    found = align(two, reference="t1ce", mode="on", transforms=Transforms(None))["t2"]
    assert not found.applied
    assert found.failed


def test_a_volume_of_another_place_is_refused_when_registration_is_off(tmp_path: Path, head: Phantom) -> None:
    x, y, z = head.grid.origin
    far = sitk.GetImageFromArray(head.sequences["t2"])
    far.SetSpacing(head.grid.spacing)
    far.SetOrigin((x + 900.0, y, z))
    case = study(tmp_path, head, register="off")
    sitk.WriteImage(far, str(case.sequences["t2"].path))
    with pytest.raises(InputError, match="lies outside the reference grid"):
        case.read()


@pytest.mark.parametrize(("millimetres", "degrees"), [(1.5, 0.0), (0.0, 2.0)])
def test_the_overlap_falls_with_small_movements(head: Phantom, millimetres: float, degrees: float) -> None:
    t1 = foreground(head.sequences["t1"], head.grid)
    transform = movement(head, degrees=(degrees, 0.0, 0.0), shift_mm=(0.0, millimetres, 0.0))
    fine = regridded(head, spaced(head.grid, (1.5, 1.5, 1.5)))
    before = foreground(fine.sequences["t1"], fine.grid)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix[:3, 3] = centre + np.array(transform.GetTranslation()) - matrix[:3, :3] @ centre
    assert overlap(before, before, matrix) < aligning_module.IN_PLACE_OVERLAP
    assert overlap(t1, t1, np.eye(4)) == pytest.approx(1.0)
