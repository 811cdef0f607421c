"""Studies of a real PACS: Orthanc with its DICOMweb plugin."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_enhanced, write_series, write_study
from tests.dicom.orthanc import Orthanc, require_orthanc
from tests.labelserver.conftest import Server, serving, small_weights, wait_until

from gliolabel.dicom import DicomOptions, DicomWebStudies, case_id_of, web
from gliolabel.errors import InputError, UnavailableError
from gliolabel.inference import Segmenter
from gliolabel.registry import Registry
from gliolabel.studies import Case, Grid, open_studies
from gliolabel.vocabulary import SEQUENCES

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = pytest.mark.slow

#: Within so many seconds a new study is to be in the list (docs/how-to/dicom.md).
STATED_S = 90
CLICK = {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": 0}


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Callable[..., Orthanc]]:
    """Starts PACSs; they are stopped at the end of the test."""
    require_orthanc()
    started: list[Orthanc] = []

    def start(*, login: bool = False) -> Orthanc:
        started.append(Orthanc(tmp_path / f"orthanc-{len(started)}", login=login).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def serve(tmp_path: Path, small_weights: Path) -> Iterator[Callable[..., Server]]:
    with serving(tmp_path, small_weights) as start:
        yield start


def opened(pacs: Orthanc, **options: str) -> DicomWebStudies:
    store = open_studies(pacs.url, dicom=DicomOptions(**options))
    assert isinstance(store, DicomWebStudies)
    return store


def send(pacs: Orthanc, folder: Path) -> None:
    pacs.send(sorted(path for path in folder.rglob("*") if path.is_file()))


def same(case: Case, volumes: Volumes) -> None:
    images = case.read()
    assert set(images.arrays) == set(volumes)
    for sequence, (array, grid) in volumes.items():
        assert np.array_equal(images.arrays[sequence], array), sequence
        np.testing.assert_allclose(images.grid.affine, grid.affine, atol=1e-9)


def test_orthanc_studies_of_all_makers_come_back_as_they_were(
    pacs: Callable[..., Orthanc], volumes: Volumes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "PAGE", 2)
    archive = pacs()
    for maker in HABITS:
        write_study(tmp_path / maker, volumes, maker=maker)
        send(archive, tmp_path / maker)
    study, frame = generate_uid(), generate_uid()
    for number, (sequence, (array, grid)) in enumerate(volumes.items(), start=1):
        tags = HABITS["siemens"][sequence]
        write_enhanced(tmp_path / f"e/{number}", array, grid, study=study, number=number, frame=frame, tags=tags)
    send(archive, tmp_path / "e")
    array, grid = volumes["t1"]
    write_series(tmp_path / "ct", array, grid, study="1.2.9", number=1, frame="1.2", tags={"Modality": "CT"})
    send(archive, tmp_path / "ct")

    store = opened(archive)
    assert len(store) == len(HABITS) + 1
    for case in store:
        same(case, volumes)
    with pytest.raises(InputError, match=r"holds no MR images \(CT\)"):
        store.get(case_id_of("1.2.9"))
    assert len(opened(archive, search="StudyDate=20270101-")) == 0
    assert len(opened(archive, search="StudyDate=20250101-")) == len(HABITS) + 1


@pytest.mark.parametrize("command", [["dcmcjpls"], ["dcmcjpeg", "+e1"], ["dcmcrle"]])
def test_orthanc_compressed_images_are_read(pacs: Callable[..., Orthanc], volumes: Volumes, tmp_path: Path, command: list[str]) -> None:
    archive = pacs()
    write_study(tmp_path / "plain", {"t2": volumes["t2"]})
    (tmp_path / "packed").mkdir()
    for path in (tmp_path / "plain").iterdir():
        subprocess.run([*command, str(path), str(tmp_path / "packed" / path.name)], check=True)
    send(archive, tmp_path / "packed")
    same(next(iter(opened(archive))), {"t2": volumes["t2"]})


def test_orthanc_two_echoes_in_one_series_are_told_apart(pacs: Callable[..., Orthanc], volumes: Volumes, tmp_path: Path) -> None:

    archive = pacs()
    array, grid = volumes["t2"]
    tags = dict(HABITS["philips"]["t2"])
    uid = write_series(tmp_path, array // 2, grid, study="1.2.3", number=1, frame="1.2", tags={**tags, "EchoTime": 20})
    write_series(tmp_path, array, grid, study="1.2.3", number=2, frame="1.2", tags=tags)
    for path in tmp_path.glob("IM002*"):
        image = pydicom.dcmread(path)
        image.SeriesInstanceUID, image.SeriesNumber = uid, 1
        image.save_as(path)
    archive.send(sorted(tmp_path.glob("IM*")))
    store = opened(archive)
    assert store.readings[0].chosen["t2"].series.name == "series 1, echo 80 ms"
    same(next(iter(store)), {"t2": volumes["t2"]})


def test_orthanc_asks_for_a_login(pacs: Callable[..., Orthanc], volumes: Volumes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pacs(login=True)
    write_study(tmp_path / "study", volumes)
    send(archive, tmp_path / "study")
    with pytest.raises(UnavailableError, match=r"answered 401 .*MONAI_LABEL_DICOMWEB_USERNAME"):
        opened(archive)
    monkeypatch.setenv("MONAI_LABEL_DICOMWEB_USERNAME", "reader")
    monkeypatch.setenv("MONAI_LABEL_DICOMWEB_PASSWORD", "secret")
    same(next(iter(opened(archive))), volumes)


@pytest.mark.timeout(600)
def test_orthanc_goes_away_and_comes_back(
    pacs: Callable[..., Orthanc], serve: Callable[..., Server], volumes: Volumes, tmp_path: Path
) -> None:
    archive = pacs()
    server = serve(archive.url)
    assert server.get("/info/").json()["datastore"]["total"] == 0

    began = time.monotonic()
    ids = []
    for number in range(2):
        folder = tmp_path / f"study-{number}"
        ids.append(case_id_of(write_study(folder, volumes)))
        send(archive, folder)
    wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 2)
    assert time.monotonic() - began < STATED_S, "new studies appear without a restart"

    client = server.client()
    path, params = client.infer("unet3d", ids[0], CLICK)
    assert Grid.of(sitk.ReadImage(path)).same_as(volumes["t1ce"][1])
    assert params["label_names"] == {"necrosis": 1, "edema": 2, "enhancing tumor": 3}

    uid = _study_uid(tmp_path / "study-0")
    for path in (f"studies/{uid}/metadata", f"wado/studies/{uid}/metadata", f"qido/studies?StudyInstanceUID={uid}"):
        found = server.get(f"/proxy/dicom/{path}")
        assert found.ok
        assert {one["0020000D"]["Value"][0] for one in found.json()} == {uid}
    assert server.post("/proxy/dicom/studies", data=b"x").status_code == 405
    for way_out in ("%2e%2e/instances", "studies/%252e%252e/%252e%252e/instances", "tools/log-level"):
        assert server.get(f"/proxy/dicom/{way_out}").status_code == 422

    archive.stop()
    path, _ = client.infer("unet3d", ids[0], CLICK)
    assert Grid.of(sitk.ReadImage(path)).same_as(volumes["t1ce"][1]), "what was fetched before is still there"
    began = time.monotonic()
    answer = server.post(f"/infer/unet3d?image={ids[1]}", files={"params": (None, "{}")})
    assert answer.status_code == 503
    assert f"The PACS at {archive.url} cannot be reached" in answer.json()["detail"]
    assert server.get("/info/").json()["datastore"]["total"] == 2
    assert time.monotonic() - began < 20
    wait_until(lambda: "cannot be reached" in server.get("/info/").json()["description"])

    archive.start()
    path, _ = client.infer("unet3d", ids[1], CLICK)
    assert Grid.of(sitk.ReadImage(path)).same_as(volumes["t1ce"][1])
    archive.delete(_study_uid(tmp_path / "study-0"))
    wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 1)

    log = server.log.read_text()
    assert "answers again" in log
    for secret in ("Mustermann", "4711", "1960", "Traceback", _study_uid(tmp_path / "study-1")):
        assert secret not in log, secret
    assert "dcmqi" not in log, "MONAI Label's own DICOMweb is never begun"
    names = [path.name for path in server.state.rglob("*")]
    assert not any("Mustermann" in name or _study_uid(tmp_path / "study-1") in name for name in names)

    # After a restart what is known is there at once, with the PACS away.
    archive.stop()
    server.stop()
    again = serve(archive.url)
    assert again.get("/info/").json()["datastore"]["total"] == 1


def test_orthanc_a_real_case_comes_back_as_it_was(pacs: Callable[..., Orthanc], brats_folder: Path, tmp_path: Path) -> None:
    archive = pacs()
    images = next(iter(open_studies(brats_folder))).read()
    volumes = {sequence: (images.arrays[sequence], images.grid) for sequence in SEQUENCES}
    write_study(tmp_path / "study", volumes, maker="ge")
    send(archive, tmp_path / "study")
    same(next(iter(opened(archive))), volumes)


@pytest.mark.nightly
def test_orthanc_a_click_on_a_real_case_gives_the_mask_of_its_files(
    pacs: Callable[..., Orthanc], brats_folder: Path, tmp_path: Path
) -> None:
    archive = pacs()
    real = next(iter(open_studies(brats_folder)))
    images = real.read()
    volumes = {sequence: (images.arrays[sequence], images.grid) for sequence in SEQUENCES}
    case_id = case_id_of(write_study(tmp_path / "study", volumes))
    send(archive, tmp_path / "study")
    with serving(tmp_path, None) as start:
        server = start(archive.url)
        wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 1)
        path, _ = server.client().infer("unet3d", case_id, CLICK)
    mask = sitk.ReadImage(path)
    assert Grid.of(mask).same_as(images.grid)
    expected = Segmenter(Registry().champion("unet3d"), device="cpu").segment(real).mask
    assert expected.any()
    assert np.array_equal(sitk.GetArrayFromImage(mask), expected)


def _study_uid(folder: Path) -> str:

    return str(pydicom.dcmread(next(folder.iterdir()), specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
