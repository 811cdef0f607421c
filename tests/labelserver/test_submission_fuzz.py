"""Labels and uploads as a client could damage them or make them up: stored right, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzzing import amounts
from tests.memory import at_most_more
from tests.studies.damages import EXTENSIONS, GRID, VOXELS, damaged, seeds
from tests.studies.test_header_fuzz import ROOM_MIB, refused

from gliolabel.errors import InputError
from gliolabel.labelserver.submissions import read_submission
from gliolabel.labelserver.uploads import volume_fingerprint
from gliolabel.studies.single import case_from_volume
from gliolabel.studies.writing import write_volume

#: JSON as a client may send it, with the names that mean something here among it.
NAMES = st.one_of(
    st.sampled_from(("edema", "Necrosis ", "background", "foreground_scribbles", "uncertain", "Segment_2", "")), st.text(max_size=8)
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), NAMES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
LABEL_INFO = st.one_of(st.none(), ANYTHING, st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"idx": ANYTHING}), max_size=5))


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    found = seeds(tmp_path_factory.mktemp("seeds"))
    segments = b"\n".join(f"Segment{n}_LabelValue:={n + 1}\nSegment{n}_Name:={name}".encode() for n, name in enumerate(("edema", "odd")))
    found[".nrrd"] += [data.replace(b"\n\n", b"\n" + segments + b"\n\n", 1) for data in found[".nrrd"]]
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


def check(path: Path, label_info: Any, *, reviewer: bool) -> None:
    with at_most_more(ROOM_MIB):
        try:
            found = read_submission(path, label_info=label_info, grid=GRID, case_id="x", named_by_value=reviewer)
        except InputError as error:
            refused(error, begins="the label of case x: ", folder=path.parent)
        else:
            assert found.array.shape == GRID.shape
            assert found.array.dtype == np.uint8
            assert found.array.max() <= 3
            json.dumps([found.notes(), dict(found.volumes_ml)]).encode()
        try:
            volume_fingerprint(path, name="y")
            case_from_volume(path, name="y_t1", sequence="auto").read()
        except InputError as error:
            refused(error, begins=("upload y, file ", "case y_t1, file "), folder=path.parent)


@pytest.mark.parametrize("extension", EXTENSIONS)
@amounts(some=40, many=2000)
def test_damaged_labels_and_uploads(valid: dict[str, list[bytes]], desk: Path, extension: str, amount: settings) -> None:
    @amount
    @given(damaged(valid[extension], extension), LABEL_INFO, st.booleans())
    def fuzz(data: bytes, label_info: Any, reviewer: bool) -> None:
        path = desk / f"label{extension}"
        path.write_bytes(data)
        check(path, label_info, reviewer=reviewer)

    fuzz()


@pytest.mark.parametrize("kind", [np.uint64, np.int64, np.int32, np.float64])
@pytest.mark.parametrize("value", [-1, 3, 255, 2**31 - 1, 2**62, 2**63, 2**64 - 1])
def test_values_that_no_label_has(desk: Path, kind: type[np.generic], value: int) -> None:
    limits = (-np.inf, np.inf) if kind is np.float64 else (np.iinfo(kind).min, np.iinfo(kind).max)
    if not limits[0] <= value <= limits[1]:
        return
    path = desk / "values.nrrd"
    write_volume(VOXELS.astype(np.float64), GRID, path, compress=False)
    head = path.read_bytes().partition(b"\n\n")[0]
    word = {np.uint64: b"uint64", np.int64: b"int64", np.int32: b"int32", np.float64: b"double"}[kind]
    array = np.where(VOXELS == 3, np.array(value, kind), np.array(value - 1, kind)).astype(kind)
    path.write_bytes(head.replace(b"type: double", b"type: " + word) + b"\n\n" + array.tobytes())
    check(path, [{"name": "edema"}], reviewer=False)


def test_names_are_taken_from_a_header_that_is_not_plain(desk: Path) -> None:
    path = desk / "names.nrrd"
    write_volume((VOXELS == 1).astype(np.uint8), GRID, path)
    data = path.read_bytes()
    for value in (b"1", b" 1 ", "\N{SUPERSCRIPT ONE}".encode(), b"9" * 5000, b"\xff", b"-1"):
        entries = b"\nSegment0_LabelValue:=" + value + b"\nSegment0_Name:=edema\xff\n\n"
        path.write_bytes(data.replace(b"\n\n", entries, 1))
        check(path, None, reviewer=False)
        check(path, None, reviewer=True)
