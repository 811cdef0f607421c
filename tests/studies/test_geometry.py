"""Any orientation, spacing and number type in; the same grid out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gliolabel.errors import InputError
from gliolabel.phantoms import Phantom, oblique, regridded, reoriented, spaced, write_phantom_case
from gliolabel.studies import Grid, open_studies
from gliolabel.studies.case import Case, VolumeFile
from gliolabel.studies.resampling import coverage, onto
from gliolabel.studies.writing import write_volume

ORIENTATIONS = ["".join(p) for axes in itertools.permutations(("LR", "AP", "SI")) for p in itertools.product(*axes)]
DTYPES = [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]

lengths = st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 5))
spacings = st.tuples(*[st.floats(0.2, 8.0)] * 3)
places = st.tuples(*[st.floats(-300.0, 300.0)] * 3)
turns = st.tuples(*[st.floats(-180.0, 180.0)] * 3)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    direction = Rotation.from_euler("xyz", draw(turns), degrees=True).as_matrix()
    if draw(st.booleans()):
        direction[:, 0] *= -1.0  # left-handed, as LAS is
    return Grid(draw(lengths), draw(spacings), draw(places), tuple(direction.ravel().tolist()))


@settings(max_examples=60, deadline=None)
@given(
    grid=grids(), dtype=st.sampled_from(DTYPES), extension=st.sampled_from([".nii.gz", ".nii", ".nrrd", ".mha"]), seed=st.integers(0, 99)
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, grid: Grid, dtype: type, extension: str, seed: int) -> None:
    path = tmp_path_factory.mktemp("w") / f"v_t1{extension}"
    array = np.random.default_rng(seed).integers(0, 200, grid.shape).astype(dtype)
    write_volume(array, grid, path)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
    assert sitk.GetArrayFromImage(image).dtype == dtype
    # NIfTI keeps the geometry in float32, the others as text or float64.
    assert Grid.of(image).same_as(grid, tolerance_mm=2e-3 if "nii" in extension else 1e-4)
    if array.min() < array.max():
        images = Case("v", {"t1": VolumeFile(path)}).read()
        assert images.grid == Grid.of(image)
        np.testing.assert_array_equal(images.arrays["t1"], array.astype(np.float32))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_shows_the_same_head(tmp_path: Path, tiny: Phantom, orientation: str) -> None:
    turned = reoriented(tiny, orientation)
    write_phantom_case(turned, tmp_path, name="x", extension=".nii")
    case = open_studies(tmp_path).get("x")
    images, labels = case.read(), case.read_label()
    assert images.grid.same_as(turned.grid, tolerance_mm=1e-3)
    assert case.grid() == images.grid
    np.testing.assert_array_equal(images.arrays["flair"], turned.sequences["flair"])
    assert labels is not None
    assert labels.shape == images.grid.shape
    for array, expected in ((images.arrays["t1"], tiny.sequences["t1"]), (labels, tiny.labels)):
        back, warnings = onto(array.astype(np.float32), of=images.grid, grid=tiny.grid, where="x", label=True)
        np.testing.assert_array_equal(back, expected)
        assert bool(warnings) == (orientation != "LPS")


def test_oblique(tmp_path: Path, tiny: Phantom) -> None:
    turned = oblique(tiny)
    write_phantom_case(turned, tmp_path, name="x")
    images = open_studies(tmp_path).get("x").read()
    assert images.grid.same_as(turned.grid, tolerance_mm=1e-3)
    assert not images.warnings


def test_sequences_on_other_grids_come_onto_the_reference(tmp_path: Path, tiny: Phantom) -> None:
    thick = spaced(tiny.grid, (10.0, 8.0, 11.0))
    other = reoriented(tiny, "RAS").grid
    write_phantom_case(tiny, tmp_path, name="x", grids={"flair": thick, "t2": other, "seg": other})
    case = open_studies(tmp_path).get("x")
    images = case.read()
    assert images.reference == "t1ce"
    assert images.grid.same_as(tiny.grid, tolerance_mm=1e-3)
    assert [w for w in images.warnings if "another grid" in w] == list(images.warnings)
    assert any(w.startswith("case x, file x_flair.nii.gz: lies on another grid") for w in images.warnings)
    np.testing.assert_allclose(images.arrays["t2"], tiny.sequences["t2"], atol=1e-2)
    brain = tiny.sequences["flair"] > 0
    assert np.corrcoef(images.arrays["flair"][brain], tiny.sequences["flair"][brain])[0, 1] > 0.8
    label = case.read_label_image()
    assert label is not None
    np.testing.assert_array_equal(label.array, tiny.labels)
    assert "x_seg.nii.gz: lies on another grid" in label.warnings[0]


@pytest.mark.parametrize("what", ["t1", "seg"])
def test_volumes_of_another_place_are_refused(tmp_path: Path, tiny: Phantom, what: str) -> None:
    write_phantom_case(tiny, tmp_path, name="x")
    far = replace(tiny.grid, origin=(900.0, 0.0, 0.0))
    write_volume(tiny.labels * 0 + (tiny.labels == 2) * np.uint8(2), far, tmp_path / f"x_{what}.nii.gz")
    case = open_studies(tmp_path).get("x")
    with pytest.raises(InputError, match=rf"^case x, file x_{what}\.nii\.gz: lies outside the reference grid"):
        _ = case.read() if what == "t1" else case.read_label()


def test_part_of_the_head_is_said(tmp_path: Path, tiny: Phantom) -> None:
    slab = replace(tiny.grid, size=(tiny.grid.size[0], tiny.grid.size[1], tiny.grid.size[2] // 2))
    write_phantom_case(tiny, tmp_path, name="x", grids={"t2": slab})
    (warning,) = open_studies(tmp_path).get("x").read().warnings
    assert "it covers 50% of it" in warning


@settings(max_examples=40, deadline=None)
@given(grid=grids())
def test_coverage_of_itself_is_whole(grid: Grid) -> None:
    assert coverage(grid, grid) == 1.0
    assert coverage(grid, replace(grid, origin=(5000.0, 0.0, 0.0))) == 0.0


@pytest.mark.parametrize(("shear", "accepted"), [(1e-5, True), (1e-3, True), (2e-2, True), (0.6, False)])
def test_directions_that_are_not_orthonormal(tmp_path: Path, tiny: Phantom, shear: float, accepted: bool) -> None:
    voxels = np.ascontiguousarray(tiny.sequences["t1"].T)
    affine = np.diag([1.0, 1.2, 2.0, 1.0])
    affine[0, 1] = shear * 1.2
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "x_t1.nii.gz")
    case = open_studies(tmp_path).get("x")
    if not accepted:
        with pytest.raises(InputError, match=r"case x, file x_t1\.nii\.gz: its axes are sheared"):
            case.read()
        return
    images = case.read()
    np.testing.assert_array_equal(images.arrays["t1"], tiny.sequences["t1"])
    directions = np.asarray(images.grid.direction).reshape(3, 3)
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-5)
    expected = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)[:3, :3] @ (np.array(voxels.shape) - 1)
    corner = np.array(images.grid.position(tuple(n - 1 for n in images.grid.shape)))
    assert np.abs(corner - expected).max() < 0.6
    assert any("not orthonormal" in w for w in images.warnings) == (shear > 1e-4)
    # Whatever the file, the volume that is served opens in every ITK program, on the grid of the result.
    served = sitk.ReadImage(str(case.reference_file(tmp_path / "cache")))
    assert Grid.of(served).same_as(images.grid)


def test_intensity_scaling_is_applied(tmp_path: Path) -> None:
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = nibabel.Nifti1Image(voxels, np.eye(4))
    image.header.set_slope_inter(2.5, -3.0)
    nibabel.save(image, tmp_path / "x_t1.nii.gz")
    stored = nibabel.load(tmp_path / "x_t1.nii.gz")
    read = Case("x", {"t1": VolumeFile(tmp_path / "x_t1.nii.gz")}).read().arrays["t1"]
    np.testing.assert_allclose(read, stored.get_fdata().T, rtol=1e-6)
    np.testing.assert_allclose(read, sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "x_t1.nii.gz"))), rtol=1e-6)


def test_regridded_phantoms_keep_their_labels_in_place(tiny: Phantom) -> None:
    fine = regridded(tiny, spaced(tiny.grid, (5.0, 4.0, 4.3)))
    centre = _centre_of_mass(fine.labels > 0, fine.grid)
    np.testing.assert_allclose(centre, _centre_of_mass(tiny.labels > 0, tiny.grid), atol=2.0)


def _centre_of_mass(mask: np.ndarray, grid: Grid) -> tuple[float, float, float]:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return grid.position((z, y, x))
