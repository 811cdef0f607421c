"""One PACS with studies as they are: each gives its stated answer through the unmodified client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from tests.dicom.conftest import Volumes
from tests.dicom.doubtful import check_answers, mask_of, write_doubtful
from tests.dicom.orthanc import Orthanc, require_orthanc
from tests.labelserver.conftest import Server, serving, small_weights, wait_until

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path, volumes: Volumes) -> Iterator[tuple[Server, dict[str, str]]]:
    """A PACS with the studies, and a server on it; of the damaged one a slice lacks most of its voxels."""
    require_orthanc()
    folder = tmp_path_factory.mktemp("doubt")
    ids = write_doubtful(folder / "studies", volumes, damage=_lose_voxels)
    pacs = Orthanc(folder / "orthanc").start()
    try:
        pacs.send(sorted(path for path in (folder / "studies").rglob("*") if path.is_file()))
        with serving(folder, small_weights) as start:
            running = start(pacs.url)
            wait_until(lambda: running.get("/info/").json()["datastore"]["total"] == 4)  # the CT is none
            yield running, ids
    finally:
        pacs.stop()


def test_orthanc_each_doubtful_study_gives_its_stated_answer(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    running, ids = server
    grid, warnings = mask_of(running, ids["whole"])
    assert grid.same_as(volumes["t1ce"][1])
    assert not any(ids["whole"] in warning for warning in warnings)
    check_answers(running, ids, volumes)


def test_orthanc_next_sample_offers_only_what_can_be_read(server: tuple[Server, dict[str, str]]) -> None:
    running, ids = server
    offered = {running.client(f"reader-{number}").next_sample("sequential", {})["id"] for number in range(3)}
    assert offered == {ids["whole"], ids["two"], ids["no flair"]}
    log = running.log.read_text()
    for secret in ("Mustermann", "4711", "Traceback", "1960"):
        assert secret not in log


def _lose_voxels(path: Path) -> None:
    image = pydicom.dcmread(path)
    image.PixelData = image.PixelData[:100]
    image.save_as(path)
