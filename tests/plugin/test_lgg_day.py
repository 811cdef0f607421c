"""A day with the sample app and the stock plugin: connect, Train, Next Sample, Run, Submit. On real slices where there are some."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.remote import Desk
from live import compare
from live.server import REPOSITORY, Server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sample_apps"))

from lgg_app import SMALL
from made_up_slices import write_patient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

APP = REPOSITORY / "sample-apps" / "lgg_flair"
#: Enough for a mask that is neither empty nor everything.
EPOCHS = "15"


def make_studies(folder: Path) -> None:
    """Three patients (the real ones with the fewest slices), the last one without masks."""
    source = Path(os.environ.get("GLIOLABEL_TEST_DATA", REPOSITORY.parent / "shared" / "data")) / "lgg"
    patients = sorted((path for path in source.glob("*") if path.is_dir()), key=lambda path: len(list(path.iterdir())))[:3]
    for seed, name in enumerate(["P1", "P2", "P3"] if len(patients) < 3 else []):
        write_patient(folder, name, seed=seed, masks=name != "P3")
    for patient in patients if len(patients) == 3 else []:
        hide = shutil.ignore_patterns("*_mask.tif") if patient == patients[-1] else None
        shutil.copytree(patient, folder / patient.name, ignore=hide)


@pytest.fixture(scope="module")
def lgg_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lgg-day")
    make_studies(folder / "studies")
    running = Server(studies=folder / "studies", folder=folder / "server", conf={"set": ";".join(SMALL), "device": "cpu"}, app=APP)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def desk(lgg_server: Server, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk("lgg-reader", lgg_server.url)


@pytest.fixture(scope="module")
def connected(desk: Desk) -> dict[str, Any]:
    desk.press("fetchServerInfoButton")
    return {combo: desk.offers(combo) for combo in ("segmentationModelSelector", "trainerBox", "strategyBox")} | {
        "options": desk.options("train", "lgg_flair")
    }


@pytest.fixture(scope="module")
def trained(desk: Desk, lgg_server: Server, connected: dict[str, Any]) -> dict[str, Any]:
    """Train by the button, and Refresh when it is over."""
    desk.set_option("train", "lgg_flair", "epochs", EPOCHS)
    boxes = desk.press("trainingButton")
    end = time.monotonic() + 600
    while (run := lgg_server.get("/train/").json())["status"] in ("SUBMITTED", "RUNNING"):
        assert time.monotonic() < end, run
        time.sleep(0.2)
    desk.press("fetchServerInfoButton")
    return {"run": run, "boxes": boxes, "models": desk.offers("segmentationModelSelector")}


@pytest.fixture(scope="module")
def segmented(desk: Desk, trained: dict[str, Any]) -> dict[str, Any]:
    assert trained["run"]["status"] == "DONE", trained["run"]
    desk.press("nextSampleButton")
    desk.set_option("infer", "lgg_flair", "passes", "5")
    desk.choose("segmentationModelSelector", "lgg_flair")
    boxes = desk.press("segmentationButton")
    return {
        "sample": desk.sample(),
        "volume": desk.volume(),
        "segments": desk.segments(),
        "received": desk.received(),
        "boxes": boxes,
        "cursors": desk.wait_cursors(),
    }


def test_before_training_only_the_trainer_is_offered(connected: dict[str, Any]) -> None:
    assert connected["segmentationModelSelector"] == []
    assert connected["trainerBox"] == ["lgg_flair"]
    assert connected["options"]["start"] == ["anew", "served weights", "continue"]


def test_the_train_button_trains_and_the_model_is_offered(trained: dict[str, Any]) -> None:
    assert trained["run"]["status"] == "DONE", trained["run"]["details"]
    assert trained["run"]["request"]["epochs"] == int(EPOCHS)
    assert trained["models"] == ["lgg_flair"]


def test_next_sample_shows_the_stacked_slices(segmented: dict[str, Any], lgg_server: Server) -> None:
    case_id = segmented["sample"]["id"]
    slices = [path for path in (lgg_server.studies / case_id).glob("*.tif") if "mask" not in path.name]
    assert segmented["volume"]["array"].shape[0] == len(slices)
    first = compare.voxels(next(path for path in slices if path.stem.endswith("_1")))
    np.testing.assert_array_equal(segmented["volume"]["array"][0], first[..., 1])


def test_the_segment_in_the_scene_is_the_file(segmented: dict[str, Any]) -> None:
    result = compare.voxels(Path(segmented["received"]["file"]))
    assert result.dtype == np.uint8
    assert set(np.unique(result)) <= {0, 1}
    assert result.shape == segmented["volume"]["array"].shape
    np.testing.assert_allclose(compare.ijk_to_ras(Path(segmented["received"]["file"])), segmented["volume"]["ijk_to_ras"], atol=1e-4)
    (segment,) = segmented["segments"]
    assert segment["name"] == "tumor"
    assert 0 < segment["voxels"] < result.size, "an empty or full mask proves nothing about what is where"
    np.testing.assert_array_equal(segment["array"], result == 1)
    assert segmented["boxes"] == []
    assert segmented["cursors"] == 0


def test_the_map_is_there_and_lies_on_the_volume(segmented: dict[str, Any], lgg_server: Server, tmp_path: Path) -> None:
    file = lgg_server.label(segmented["sample"]["id"], "uncertainty", tmp_path)
    uncertainty = compare.voxels(file)
    assert uncertainty.shape == segmented["volume"]["array"].shape
    assert 0 <= uncertainty.min() < uncertainty.max() <= 0.5


def test_submit_stores_what_the_scene_shows(desk: Desk, segmented: dict[str, Any], lgg_server: Server, tmp_path: Path) -> None:
    centre = tuple(int(n) for n in np.argwhere(~segmented["segments"][0]["array"])[0])
    desk.paint("tumor", compare.brush(segmented["volume"], center=centre, radius_mm=6))
    boxes = desk.press("saveLabelButton")
    assert [box.kind for box in boxes] == ["info"]
    stored = compare.voxels(lgg_server.label(segmented["sample"]["id"], "final", tmp_path))
    np.testing.assert_array_equal(stored == 1, desk.segments()[0]["array"])
    assert (stored != compare.voxels(Path(segmented["received"]["file"]))).sum() > 0
