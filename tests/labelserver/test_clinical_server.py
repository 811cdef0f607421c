"""A server that is told how to treat raw clinical data, on DICOM: what was done is in the answer, the mask on the reader's grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from tests.dicom.made_up import write_study
from tests.labelserver.conftest import Server

from gliolabel.dicom import case_id_of
from gliolabel.phantoms import make_phantom, moved
from gliolabel.studies import Grid

pytestmark = pytest.mark.slow


def test_a_patient_who_moved_is_registered_once_and_the_transform_told(serve: Callable[..., Server], tmp_path: Path) -> None:
    head = make_phantom(shape=(40, 64, 64), seed=4)
    x, y, z = head.grid.spacing
    small = replace(head, grid=replace(head.grid, spacing=(x / 2, y / 2, z / 2)))
    still, after = small, moved(small, ["flair"], degrees=(8.0, 3.0, -6.0), shift_mm=(4.0, 5.0, -4.0))
    ids = [
        case_id_of(write_study(tmp_path / "dicom" / str(number), {name: (array, one.grid) for name, array in one.sequences.items()}))
        for number, one in enumerate((still, after))
    ]
    server = serve(tmp_path / "dicom", conf={"preprocess": "clinical", "brain_extraction": "none", "register": "auto"})
    options = {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": 0}
    _, params = server.client().infer("unet3d", ids[0], options)
    assert {name: told["applied"] for name, told in params["registration"].items()} == {"t1": False, "t2": False, "flair": False}
    assert params["preprocess"]["brain_extraction"] == {"applied": False, "why": "the brain was extracted before"}
    path, params = server.client().infer("unet3d", ids[1], options)
    assert Grid.of(sitk.ReadImage(path)).same_as(small.grid)
    told = params["registration"]["flair"]
    assert told["applied"]
    assert told["overlap_after"] > told["overlap_before"]
    assert told["rotation_deg"] == pytest.approx((8.0, 3.0, -6.0), abs=1.5)
    assert any("flair was registered to t1ce" in warning for warning in params["warnings"])
    kept = list((server.state / "cache" / "transforms").glob("*.json"))
    assert len(kept) == 1, "only the sequence that does not lie on the reference was registered"
    before = kept[0].stat().st_mtime_ns
    _, again = server.client().infer("resunet2d", ids[1], options)
    assert again["registration"] == params["registration"]
    assert kept[0].stat().st_mtime_ns == before
    server.stop()


def test_an_unknown_step_or_a_program_that_is_not_there_ends_the_start(serve: Callable[..., Server], phantom_folder: Path) -> None:
    for conf, words in (
        ({"preprocess": "stripping"}, "--conf preprocess 'stripping' cannot be used"),
        ({"preprocess": "clinical", "brain_extraction": "synthstrip"}, "the brain extraction synthstrip is installed here"),
    ):
        with pytest.raises(AssertionError) as error:
            serve(phantom_folder, conf=conf)
        assert words in str(error.value)
