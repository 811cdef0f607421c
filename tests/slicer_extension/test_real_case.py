"""The module on a real case, with the weights that come with the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from harness.remote import Desk
from live.compare import region_dice, scene_mask
from live.server import Server
from live.study import Study, make_study, real_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.skipif(real_folder() is None, reason="no real cases here")]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def real_server(_slicer_core: None, study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(studies=study.folder, folder=tmp_path_factory.mktemp("real-server"))
    yield running
    running.stop()


def test_a_real_case_from_first_to_last(real_server: Server, study: Study, open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = open_desk("ann", real_server.url, hidden_folder=study.folder)
    desk.enter()
    desk.wait()
    desk.choose("strategyComboBox", "sequential")
    desk.press("nextCaseButton")
    desk.wait(seconds=120)
    case = study.truth[desk.case()["id"]]
    desk.choose("passesComboBox", "5")
    desk.press("segmentButton")
    stages = desk.wait(seconds=900)
    assert [stages[stage][0] for stage in ("case", "mask", "map", "places", "changes")] == ["ready"] * 5, stages
    scores = region_dice(scene_mask(desk.segments()), study.label(case.id))
    assert scores["WT"] > 0.8, scores

    rows = {row[0]: row for row in desk.rows("changesTable")}
    voxel_ml = float(np.prod(sitk.ReadImage(str(case.sequences[case.reference].path)).GetSpacing())) / 1000
    whole = sum(segment["voxels"] for segment in desk.segments()) * voxel_ml
    assert float(rows["Whole tumour"][1]) == pytest.approx(whole, abs=0.006)
    low, high = map(float, rows["Whole tumour"][2].split(" to "))
    assert 0 < low <= high < 3 * whole

    mask = scene_mask(desk.segments()) > 0
    shown = desk.map()["array"]
    assert shown[mask].mean() > 2 * shown[~mask].mean(), "the doubt is not where the tumour is"
    desk.choose("regionComboBox", "Enhancing tumour")
    assert desk.wait(seconds=300)["map"][0] == "ready"
    assert (desk.map()["array"] <= shown + 2.6e-4).all()

    brush = np.zeros(mask.shape, bool)
    z, y, x = np.argwhere(mask).mean(axis=0).astype(int)
    brush[z - 3 : z + 4, y - 5 : y + 6, x - 5 : x + 6] = True
    desk.paint("edema", brush)
    desk.rest(1.5)
    desk.press("submitButton")
    assert desk.wait()["submit"][0] == "ready"
    stored = real_server.label(case.id, "final", tmp_path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(stored))), scene_mask(desk.segments()))
    assert desk.longest_tick_s() < 3.0, "Slicer was held up"
