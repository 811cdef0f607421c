"""Five studies as they are in an archive: a whole one, one with two T1ce, one without FLAIR, one that is damaged, and a CT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from monailabel.client.client import MONAILabelClientException
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_series, write_study
from tests.labelserver.conftest import Server

from gliolabel.dicom import case_id_of
from gliolabel.studies import Grid


def write_doubtful(studies: Path, volumes: Volumes, *, damage: Callable[[Path], object]) -> dict[str, str]:
    """Write them. Returns the case ids.

    Args:
        studies: a folder for all of them.
        volumes: the sequences of a case.
        damage: spoils the file of an image, the fourth of the T1ce.
    """
    ids = {"whole": write_study(studies / "1", volumes)}
    array, grid = volumes["t1ce"]
    ids["two"] = write_study(studies / "2", volumes, frame="1.2.3.4")
    write_series(studies / "2", array, grid, study=ids["two"], number=9, frame="1.2.3.4", tags=HABITS["siemens"]["t1ce"])
    ids["no flair"] = write_study(studies / "3", {name: volumes[name] for name in ("t1", "t1ce", "t2")})
    ids["damaged"] = write_study(studies / "4", volumes)
    damage(studies / "4" / "IM003_0004")
    ids["ct"] = "1.2.3.999"
    write_series(studies / "5", array, grid, study=ids["ct"], number=1, frame="1.2", tags={"Modality": "CT"})
    return {name: case_id_of(study) for name, study in ids.items()}


def mask_of(server: Server, case_id: str) -> tuple[Grid, list[str]]:
    """The grid of the mask that a click gives, and what it is said to be careful with."""
    path, params = server.client().infer("unet3d", case_id, {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": 0})
    return Grid.of(sitk.ReadImage(path)), params["warnings"]


def refusal(server: Server, case_id: str) -> str:
    """What a click is told that gives no mask."""
    with pytest.raises(MONAILabelClientException) as error:
        mask_of(server, case_id)
    message = str(error.value.msg)
    assert "Status: 422" in message
    return message


def check_answers(server: Server, ids: dict[str, str], volumes: Volumes) -> None:
    """Each gives its stated answer through the unmodified client."""
    grid, warnings = mask_of(server, ids["two"])
    assert grid.same_as(volumes["flair"][1])
    assert any("2 candidates for t1ce: series 3, series 9; none is used" in warning for warning in warnings)
    _, warnings = mask_of(server, ids["no flair"])
    assert any("there is no flair" in warning for warning in warnings)
    assert "series 3 (t1ce), image 4: its pixel data cannot be read" in refusal(server, ids["damaged"])
    assert "holds no MR images (CT)" in refusal(server, ids["ct"])
