"""The real cases, where they are at hand."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from gliolabel.studies import Grid, open_studies
from gliolabel.vocabulary import REGIONS


def test_the_volumes_are_those_of_the_manifest(brats_folder: Path) -> None:
    studies = open_studies(brats_folder)
    assert not studies.warnings
    assert not studies.problems
    with (brats_folder / "manifest.csv").open() as stream:
        rows = {row["case"]: row for row in csv.DictReader(stream)}
    assert set(studies.ids) == set(rows)
    for case in studies:
        label = case.read_label()
        assert label is not None
        assert label.shape == case.grid().shape == (155, 240, 240)
        for value, column in ((1, "ncr_net_mL"), (2, "ed_mL"), (3, "et_mL")):
            assert abs((label == value).sum() / 1000 - float(rows[case.id][column])) < 0.06
        assert abs(np.isin(label, REGIONS["WT"]).sum() / 1000 - float(rows[case.id]["wt_mL"])) < 0.06


def test_voxels_and_grid_are_those_that_itk_reads(brats_folder: Path) -> None:
    case = next(iter(open_studies(brats_folder)))
    start = time.perf_counter()
    images = case.read()
    assert time.perf_counter() - start < 5.0
    for sequence, array in images.arrays.items():
        image = sitk.ReadImage(str(case.sequences[sequence].path))
        np.testing.assert_array_equal(array, sitk.GetArrayFromImage(image))
    assert images.grid == Grid.of(sitk.ReadImage(str(case.sequences["t1ce"].path)))
    assert case.reference_file(Path("unused")) == case.sequences["t1ce"].path
