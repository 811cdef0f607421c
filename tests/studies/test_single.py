"""One volume from Slicer: which sequence it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliolabel.errors import InputError
from gliolabel.phantoms import Phantom
from gliolabel.studies.single import SEQUENCE_OPTIONS, case_from_volume, sequence_of_name
from gliolabel.studies.writing import write_volume

NAMES = {
    "t1": [
        "BraTS_001_t1",
        "Sag T1",
        "3: t1_mprage",
        "T1 MPRAGE pre",
        "t1 pre contrast",
        "T1 non-contrast",
        "T1 w/o gd",
        "x-t1n",
        "t1w.nii.gz",
        "T1 native",
    ],
    "t1ce": [
        "5: t1_mprage post gad",
        "BraTS2021_00000_t1ce",
        "BraTS-GLI-00001-000-t1c",
        "T1+C",
        "AX T1 C+",
        "3DT1 KM",
        "AX T1 POST",
        "t1_se_tra_km",
        "T1 MPRAGE Gd",
        "t1gd",
        "MR T1 POST-GAD AX",
        "T1 post-contrast",
        "t1mpr_ce",
    ],
    "t2": ["T2 TSE", "x-t2w", "t2_tse_tra_512", "BraTS_001_t2.nii", "12: Ax T2 FSE"],
    "flair": ["BraTS_001_flair", "Ax T2 FLAIR", "7: 3D FLAIR sag", "x-t2f", "t2_space_dark-fluid FLAIR"],
}
DOUBTFUL = [
    "",
    "MPRAGE",
    "Brain 12",
    "T1 FLAIR",
    "T2*",
    "t2_swi",
    "Ax T1 pre and post",
    "ADC",
    "t1 t2",
    "part1",
    "SAG 3D T2 FLAIR POST",
    "T1 map",
    "t1ce_seg",
    "T10 spine",
]


@pytest.mark.parametrize(("name", "sequence"), [(name, sequence) for sequence, names in NAMES.items() for name in names])
def test_names_that_tell(name: str, sequence: str) -> None:
    assert sequence_of_name(name) == sequence


@pytest.mark.parametrize("name", DOUBTFUL)
def test_names_that_do_not_tell(name: str) -> None:
    with pytest.raises(InputError, match="option `sequence` to one of t1, t1ce, t2, flair"):
        case_from_volume(Path("x.nrrd"), name=name)


def test_the_option_decides(tmp_path: Path, tiny: Phantom) -> None:
    write_volume(tiny.sequences["flair"], tiny.grid, tmp_path / "upload.nrrd")
    case = case_from_volume(tmp_path / "upload.nrrd", name="5: some t1 / ../x", sequence="flair")
    assert case.reference == "flair"
    assert "/" not in case.id
    images = case.read()
    assert images.missing == ("t1", "t1ce", "t2")
    assert images.grid.same_as(tiny.grid)


def test_unknown_option() -> None:
    assert SEQUENCE_OPTIONS[0] == "auto"
    with pytest.raises(InputError, match="option sequence: 'pd' is unknown"):
        case_from_volume(Path("x.nrrd"), name="t1", sequence="pd")
