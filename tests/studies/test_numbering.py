"""Label values of other people, and ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.errors import InputError
from gliolabel.phantoms.writing import renumbered
from gliolabel.studies.numbering import BRATS_2021, BRATS_2023, GLIOLABEL, MSD, NUMBERINGS, numbering_named, numbering_of_names, undecided


@pytest.mark.parametrize("numbering", NUMBERINGS.values(), ids=lambda n: n.name)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_there_and_back(numbering: object, dtype: type) -> None:
    ours = np.random.default_rng(0).integers(0, 4, (5, 4, 3)).astype(np.uint8)
    back, warnings = numbering.to_ours(renumbered(ours, numbering).astype(dtype), where="w")  # type: ignore[attr-defined,arg-type]
    np.testing.assert_array_equal(back, ours)
    assert back.dtype == np.uint8
    assert not warnings


@pytest.mark.parametrize(
    ("numbering", "raw", "ours"),
    [
        (BRATS_2021, [0, 1, 2, 4], [0, 1, 2, 3]),
        (BRATS_2023, [0, 1, 2, 3, 4], [0, 1, 2, 3, 0]),
        (MSD, [0, 1, 2, 3], [0, 2, 1, 3]),
        (GLIOLABEL, [0, 1, 2, 3], [0, 1, 2, 3]),
    ],
)
def test_values(numbering: object, raw: list[int], ours: list[int]) -> None:
    assert numbering.to_ours(np.array(raw), where="w")[0].tolist() == ours  # type: ignore[attr-defined]


@given(st.sampled_from([BRATS_2021, BRATS_2023, MSD, GLIOLABEL]), st.one_of(st.integers(-300, 70000), st.floats(-10, 10)))
def test_every_other_value_is_refused(numbering: object, value: float) -> None:
    allowed = {0, *numbering.values, *numbering.ignored}  # type: ignore[attr-defined]
    raw = np.array([0, value, 1])
    if value in allowed:
        numbering.to_ours(raw, where="w")  # type: ignore[attr-defined]
    else:
        with pytest.raises(InputError, match=r"^w: .*--conf labels"):
            numbering.to_ours(raw, where="w")  # type: ignore[attr-defined]


def test_undecided_refuses_even_background() -> None:
    with pytest.raises(InputError, match=r"^w: .*because.*--conf labels"):
        undecided("because").to_ours(np.zeros(3), where="w")


def test_names() -> None:
    assert numbering_named(" BraTS2021 ") is BRATS_2021
    with pytest.raises(InputError):
        numbering_named("4")


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ({"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"}, {1: 2, 2: 1, 3: 3}),
        ({"background": 0, "NCR": 1, "oedema": 2, "ET": 4}, {1: 1, 2: 2, 4: 3}),
    ],
)
def test_numbering_of_names(names: dict[str, object], values: dict[int, int]) -> None:
    assert dict(numbering_of_names(names).values) == values


def test_a_cavity_in_dataset_json_is_ignored() -> None:
    numbering = numbering_of_names({"0": "background", "1": "edema", "2": "resection cavity"})
    array, warnings = numbering.to_ours(np.array([1, 2, 2]), where="w")
    assert array.tolist() == [2, 0, 0]
    assert "resection cavity" in warnings[0]


@pytest.mark.parametrize(
    "names", [{"0": "tumor core"}, {"1": "background"}, {"x": "edema"}, {"edema": True}, {"edema": [1, 2]}, {"300": "edema"}]
)
def test_names_that_are_not_understood(names: dict[str, object]) -> None:
    assert not numbering_of_names(names).decided
