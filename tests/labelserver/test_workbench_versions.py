"""The versions that the tasks work with: what is served follows the registry, and one request has one version."""

from __future__ import annotations

import gc
import logging
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import disturbed, write_small_studies

from gliolabel.inference import Segmenter
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.results import ResultFiles
from gliolabel.labelserver.tasks.segmentation import SegmentationTask
from gliolabel.labelserver.workbench import Workbench
from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.state.tables import MapRow
from gliolabel.studies import open_studies

OLD, NEW = "untrained-1", "site-1"


class Bench:
    """A workbench over one case, and the registry it looks into."""

    def __init__(self, folder: Path, weights: Path, mlflow: Path) -> None:
        self.state = StateFolder(folder / "state").create()
        self.state.models.mkdir()
        shutil.copyfile(mlflow, self.state.models / "mlflow.db")
        self.database = Database(self.state)
        cases = CaseDatastore(open_studies(write_small_studies(folder / "studies", cases=1)), self.database)
        self.registry = Registry(weights, state=self.state)
        path = disturbed(self.registry.champion("unet3d"), folder / "site-1.safetensors")
        self.registry.register(path, parent=None, manifest={}, seed=0, metrics={}, actor="ann")
        self.workbench = Workbench(registry=self.registry, maps=cases.maps, notes=cases.notes, readers=Readers(), device="cpu")
        self.ref = cases.case("Case_000")

    def promote(self, version: str) -> None:
        self.registry.promote("unet3d", version, actor="ann", reason="a test", override=True)
        self.workbench.look_again()


@pytest.fixture
def bench(tmp_path: Path, small_weights: Path, empty_mlflow: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, small_weights, empty_mlflow)
    yield made
    made.workbench.stop()
    made.database.close()


def test_a_map_is_of_the_version_that_made_the_mask(bench: Bench) -> None:
    """Another version is promoted after the mask and before its map."""
    workbench, ref = bench.workbench, bench.ref
    expected = {v.version: Segmenter(v, device="cpu").segment(ref.case, passes=3) for v in bench.registry.versions("unet3d")}
    with workbench.readers.request():
        served = workbench.served("unet3d")
        mask = workbench.segment(ref, served).mask
        bench.promote(NEW)
        result = workbench.map_now(ref, workbench.key(ref, served, passes=3, seed=0), mask=mask, served=served, last=True)
        assert result.row.version == OLD
        assert result.row.scores == expected[OLD].maps.scores  # type: ignore[union-attr]
        # The next request has the other version, for its mask and for its map.
        after = workbench.segment(ref, "unet3d")
        assert after.model_version == NEW
        assert np.array_equal(after.mask, expected[NEW].mask)
        again = workbench.map_now(ref, workbench.key(ref, "unet3d", passes=3, seed=0))
        assert (again.row.version, again.computed) == (NEW, True)
        assert again.row.scores == expected[NEW].maps.scores  # type: ignore[union-attr]
    assert expected[OLD].maps.scores != expected[NEW].maps.scores  # type: ignore[union-attr]


def test_a_segmentation_names_the_version_of_its_mask_and_its_scores(bench: Bench, tmp_path: Path) -> None:
    task = SegmentationTask(bench.workbench, ResultFiles(tmp_path), model="unet3d")
    versions = []
    for _ in range(2):
        with bench.workbench.readers.request():
            path, params = task.answer(bench.ref, {"passes": "3", "result_extension": ".nrrd"})
        assert path is not None
        version = bench.registry.version("unet3d", params["model_version"])
        expected = Segmenter(version, device="cpu").segment(bench.ref.case, passes=3)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), expected.mask)
        assert params["uncertainty"] == expected.maps.scores  # type: ignore[union-attr]
        versions.append(version.version)
        bench.promote(NEW)
    assert versions == [OLD, NEW]


def test_an_older_version_is_let_go(bench: Bench) -> None:
    with bench.workbench.readers.request():
        bench.workbench.segment(bench.ref, "unet3d")
        old = weakref.ref(bench.workbench.served("unet3d").segmenter)
        bench.promote(NEW)
        bench.workbench.segment(bench.ref, "unet3d")
    gc.collect()
    assert old() is None


def test_damaged_models_leave_what_was_served(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    workbench = bench.workbench
    assert set(workbench.models()) == {"unet3d", "resunet2d"}
    bench.promote(NEW)
    bench.registry.champion("unet3d").path.unlink()
    with caplog.at_level(logging.WARNING):
        assert {name: v.version for name, v in workbench.models().items()} == {"unet3d": OLD, "resunet2d": OLD}
    assert "gone" in caplog.text
    (bench.state.models / "served.json").write_text("{")
    workbench.look_again()
    with caplog.at_level(logging.WARNING):
        assert workbench.models()["unet3d"].version == OLD
    assert "cannot be looked up" in caplog.text


def test_a_run_that_was_stored_without_a_regions_map_is_made_anew(bench: Bench) -> None:
    """Of an earlier version of the server, which kept the maps of the whole case only."""
    workbench, ref = bench.workbench, bench.ref
    with workbench.readers.request():
        key = workbench.key(ref, "unet3d", passes=2, seed=0)
        first = workbench.map_now(ref, key)
        before = sitk.GetArrayFromImage(sitk.ReadImage(str(workbench.maps.file(first.row, "std"))))
        with bench.database.writing() as session:
            row = session.get(MapRow, first.row.id)
            assert row is not None
            row.paths = {name: path for name, path in row.paths.items() if "_" not in name.removeprefix("mutual_information")}
        assert workbench.map_now(ref, key).computed is False, "the case's own map is there"
        again = workbench.map_now(ref, key, name="std_ET")
        assert again.computed is True
        np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(workbench.maps.file(again.row, "std")))), before)
        assert workbench.map_now(ref, key, name="entropy_WT").computed is False
