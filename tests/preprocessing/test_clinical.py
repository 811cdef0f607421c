"""Raw clinical data: noticed, its brain extracted, results on the reader's grid. The program that finds the brain is a stand-in here."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from gliolabel.errors import InputError, UnavailableError
from gliolabel.phantoms import Phantom, make_phantom, regridded, spaced, with_skull, write_phantom_case
from gliolabel.preprocessing import extraction, prepare, processing_for
from gliolabel.preprocessing.bias import without_bias
from gliolabel.preprocessing.clinical import ClinicalStep
from gliolabel.preprocessing.raw import raw_signs
from gliolabel.studies import Case, Grid, open_studies
from gliolabel.studies.background import background_value, foreground
from gliolabel.studies.processing import Processing
from gliolabel.studies.resampling import onto
from gliolabel.studies.writing import write_volume


class Knowing:
    """Knows the phantom's brain: bright, and deeper than the skull."""

    name = "knowing"
    sequences = ("t1", "t1ce")

    def __init__(self, phantom: Phantom) -> None:
        self.phantom = phantom
        self.calls = 0

    @property
    def version(self) -> str:
        return "knowing 1"

    def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        self.calls += 1
        assert volume.shape == grid.shape
        assert max(grid.spacing) < 1.1, "it is given voxels of 1 mm"
        inside = (self.phantom.sequences["t1"] != 0).astype(np.float32)
        return onto(inside, of=self.phantom.grid, grid=grid, where="brain")[0] > 0.5


@pytest.fixture(scope="module")
def brain() -> Phantom:
    return make_phantom(shape=(40, 64, 64), seed=7)


@pytest.fixture(scope="module")
def head(brain: Phantom) -> Phantom:
    return with_skull(brain)


def case_of(folder: Path, phantom: Phantom, processing: Processing | None = None) -> Case:
    write_phantom_case(phantom, folder / "studies", name="x", extension=".nii")
    return open_studies(folder / "studies", processing=processing).get("x")


def test_a_skull_and_thick_slices_are_noticed(brain: Phantom, head: Phantom, tmp_path: Path) -> None:
    bare = raw_signs(case_of(tmp_path / "bare", regridded(brain, spaced(brain.grid, (2.0, 2.0, 2.0)))).read())
    assert not bare
    assert bare.sentence() == ""
    whole = raw_signs(case_of(tmp_path / "head", head, Processing(register="off")).read())
    assert whole.whole_head == ("t1", "t1ce", "t2", "flair")
    assert 2.2 < whole.litres < 5
    assert "the skull is still in t1, t1ce, t2, flair" in whole.sentence()
    assert "slices of 3.9 mm" in whole.sentence()


def test_air_of_any_one_value_is_air_and_noise_is_not(brain: Phantom) -> None:
    volume = brain.sequences["t1"].astype(np.float32)
    shifted = np.where(volume == 0, -1000.0, volume)
    assert background_value(shifted) == -1000
    assert foreground(shifted, brain.grid).stripped
    noisy = volume + np.random.default_rng(0).normal(0, 1, volume.shape)
    assert not foreground(noisy, brain.grid).stripped


def test_the_brain_is_extracted_once_and_the_mask_lies_on_the_readers_grid(brain: Phantom, head: Phantom, tmp_path: Path) -> None:
    knowing = Knowing(brain)
    step = ClinicalStep(knowing, cache=tmp_path / "cache")
    case = case_of(tmp_path, head, Processing(register="off", step=step))
    images = case.read()
    inside = brain.sequences["t1"] != 0
    for name, array in images.arrays.items():
        assert np.mean(array[~inside] != 0) < 0.01, name
        assert np.mean(array[inside] == head.sequences[name][inside]) > 0.99, name
    told = images.processed["brain_extraction"]
    assert told["applied"]
    assert (told["program"], told["sequence"]) == ("knowing 1", "t1")
    assert told["brain_litres"] == pytest.approx(inside.sum() * brain.grid.voxel_ml / 1000, rel=0.1)
    assert any("the brain was extracted by knowing 1 from t1" in warning for warning in images.warnings)
    again = case.read()
    assert knowing.calls == 1
    np.testing.assert_array_equal(again.arrays["t2"], images.arrays["t2"])
    (kept,) = (tmp_path / "cache" / "brains").iterdir()
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(case.read().arrays["t2"], images.arrays["t2"])
    assert knowing.calls == 2
    prepared = prepare(images)
    assert prepared.processed == images.processed
    assert prepared.restore(np.zeros((1, *prepared.brain.shape), np.float32)).shape == (1, *head.grid.shape)
    assert not any("skull" in warning for warning in prepared.warnings)


def test_without_the_step_the_reader_is_told(head: Phantom, tmp_path: Path) -> None:
    prepared = prepare(case_of(tmp_path, head, Processing(register="off")).read())
    assert any("the skull seems to be in the images" in warning and "--preprocess clinical" in warning for warning in prepared.warnings)


def test_a_brain_that_was_extracted_before_stays_as_it_is(brain: Phantom, tmp_path: Path) -> None:
    knowing = Knowing(brain)
    images = case_of(tmp_path, brain, Processing(step=ClinicalStep(knowing))).read()
    assert knowing.calls == 0
    assert images.processed["brain_extraction"] == {"applied": False, "why": "the brain was extracted before"}
    np.testing.assert_array_equal(images.arrays["t2"], brain.sequences["t2"])


def test_what_is_no_brain_is_not_used_and_said(brain: Phantom, head: Phantom, tmp_path: Path) -> None:
    class Half(Knowing):
        def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
            found = super().brain(volume, grid)
            found[: found.shape[0] * 2 // 3] = False
            return found

    class Nothing(Knowing):
        def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
            raise InputError("nothing finds no brain in it")

    for folder, sequences, extractor, words in (
        ("half", ("t1", "t2"), Half(brain), "which is no brain"),
        ("nothing", ("t1", "t2"), Nothing(brain), "finds no brain in it"),
        ("t2", ("t2",), Knowing(brain), "needs t1 or t1ce"),
    ):
        case = case_of(tmp_path / folder, head, Processing(register="off", step=ClinicalStep(extractor)))
        images = replace(case, sequences={name: case.sequences[name] for name in sequences}).read()
        told = images.processed["brain_extraction"]
        assert not told["applied"]
        assert words in told["why"]
        assert any("the brain was not extracted" in warning and words in warning for warning in images.warnings)
        np.testing.assert_array_equal(images.arrays["t2"], head.sequences["t2"])


def test_n4_takes_a_slow_change_of_brightness_out() -> None:
    phantom = make_phantom(shape=(20, 32, 32), seed=1)
    volume, inside = phantom.sequences["t1"].astype(np.float32), phantom.sequences["t1"] != 0
    slope = np.linspace(0.6, 1.4, volume.shape[2], dtype=np.float32)[None, None]
    corrected = without_bias(volume * slope, phantom.grid, inside)
    # What is left of the slope: how the ratio to the true brightness changes from one side to the other.
    left = (corrected / np.maximum(volume, 1.0))[inside]
    given = np.broadcast_to(slope, volume.shape)[inside]
    assert abs(np.polyfit(given, left / left.mean(), 1)[0]) < 0.6 * abs(np.polyfit(given, given / given.mean(), 1)[0])
    assert corrected[inside].mean() == pytest.approx((volume * slope)[inside].mean(), rel=1e-3)


def test_a_program_that_is_not_there_is_named_with_the_way_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "find_spec", lambda name: None)
    monkeypatch.setattr(extraction.shutil, "which", lambda name: None)
    for name in ("auto", "deepbet", "synthstrip"):
        with pytest.raises(InputError, match="is installed here: install deepbet"):
            processing_for("clinical", extractor=name)
    assert processing_for("clinical", extractor="none").step is not None
    assert processing_for("off").mark == ""
    assert processing_for("off", register="on").mark == "register on"


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for the program")
def test_synthstrip_is_run_as_its_manual_says(brain: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FreeSurfer is not here: a script with the same options that calls every bright voxel brain."""
    program = tmp_path / "mri_synthstrip"
    program.write_text(
        f"#!{sys.executable}\nimport sys, SimpleITK as sitk\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "sitk.WriteImage(sitk.ReadImage(given['-i']) > 0, given['-m'])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "synthstrip" in extraction.installed()
    found = extraction.SynthStrip()
    assert "mri_synthstrip" in found.version
    volume = brain.sequences["flair"].astype(np.float32)
    np.testing.assert_array_equal(found.brain(volume, brain.grid), volume > 0)
    program.write_text("#!/bin/sh\necho 'no licence' >&2\nexit 3\n")
    with pytest.raises(UnavailableError, match="exit code 3 \\(no licence\\)"):
        found.brain(volume, brain.grid)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("deepbet") is None, reason="deepbet is not installed: pip install 'gliolabel[clinical]'")
def test_deepbet_finds_the_brain_of_a_real_head(brats_folder: Path, tmp_path: Path) -> None:
    from gliolabel.studies.lgg import open_lgg

    stack = next(iter(open_lgg(brats_folder.parent / "lgg")))
    z, y, x = stack.shape()
    grid = Grid((x, y, z), (240 / x, 240 / y, 150 / z), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    for name, array in stack.read().items():
        write_volume(array, grid, tmp_path / f"x_{name}.nii")
    images = open_studies(tmp_path, processing=processing_for("clinical", extractor="deepbet")).get("x").read()
    told = images.processed["brain_extraction"]
    assert told["applied"], told
    assert 0.9 < told["brain_litres"] < 2.0
    tumour = stack.read_masks() > 0
    assert (images.arrays["flair"][tumour] != 0).mean() > 0.95
