"""The harness itself, without our server: a stand-in that lets everything pass would make the other tests worthless."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from harness.remote import Desk, ErrorShown, Refused
from live import compare

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk("nobody", NOBODY)


def test_the_panel_is_the_plugins_own(desk: Desk) -> None:
    assert desk.offers("optionsSection") == ["infer", "train", "activelearning", "scoring"]
    assert desk.state("serverComboBox", "currentText") == NOBODY
    assert desk.state("fetchServerInfoButton", "toolTip") == "Fetch/Refresh models from Server"


def test_an_error_box_is_an_error(desk: Desk) -> None:
    with pytest.raises(ErrorShown, match="Failed to fetch models from remote server") as shown:
        desk.press("fetchServerInfoButton")
    assert "ConnectionRefusedError" in str(shown.value)


def test_a_disabled_button_cannot_be_pressed(desk: Desk) -> None:
    with pytest.raises(Refused, match="saveLabelButton"):
        desk.press("saveLabelButton")


def test_a_choice_that_is_not_offered_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="strategyBox"):
        desk.choose("strategyBox", "none")


def test_an_oblique_volume_keeps_its_geometry(desk: Desk, tmp_path: Path) -> None:
    """The measure the other tests rely on: MRML's matrix against the file's."""
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, size=(9, 11, 13)).astype(np.int16))
    cos, sin = np.cos(0.4), np.sin(0.4)
    image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    image.SetSpacing((0.7, 0.8, 3.0))
    image.SetOrigin((-11, 22, 5.5))
    file = tmp_path / "oblique.nii.gz"
    sitk.WriteImage(image, str(file))
    desk.open_volume(str(file), "oblique")
    volume = desk.volume_named("oblique")
    np.testing.assert_array_equal(volume["array"], compare.voxels(file))
    np.testing.assert_allclose(volume["ijk_to_ras"], compare.ijk_to_ras(file), atol=1e-4)
    ball = compare.brush(volume, center=(4, 5, 6), radius_mm=3.2)
    assert ball[4, 5, 6]
    assert not ball[:, 0].any()
    assert ball.sum() * 0.7 * 0.8 * 3.0 == pytest.approx(4 / 3 * np.pi * 3.2**3, rel=0.25)


def test_pytests_own_process_stays_clean() -> None:
    """Neither VTK nor a stand-in is imported here: they would collide with torch and with the modules of other tests."""
    program = (
        "import sys, harness.remote; print([m for m in ('vtk', 'vtkmodules', 'slicer', 'qt', 'ctk', 'MONAILabel') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
