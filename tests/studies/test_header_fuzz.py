"""Damaged headers, thousands of them: a file is read right or refused in words that name it. Nothing else happens.

No other exception, no endless reading, no memory that the file does not justify, and no other file is opened.
"""

from __future__ import annotations

import gzip
import io
import re
import time
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from tests.fuzzing import amounts
from tests.memory import at_most_more
from tests.opened import watching
from tests.studies.damages import EXTENSIONS, GRID, POINTERS, VOXELS, damaged, seeds

from gliolabel.errors import GlioLabelError, InputError
from gliolabel.studies.headers import read_header
from gliolabel.studies.voxels import Volume, read_volume

WHERE = "case x, file x.nii"
#: More than this for a file of a few thousand bytes is an allocation that its header made up.
ROOM_MIB = 256


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where damaged files lie, beside one that they could point at."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "other.raw").write_bytes(VOXELS.tobytes() * 8)
    return folder


def refused(error: GlioLabelError, *, begins: str | tuple[str, ...], folder: Path) -> None:
    """The message names the file, no place on the server, and no shortage that is our own fault."""
    message = str(error)
    assert isinstance(error, InputError), repr(error)
    assert message.startswith(begins), message
    assert str(folder) not in message, message
    assert not re.search("alloc|memory", message, re.IGNORECASE), message
    assert "\n" not in message, message
    assert len(message) < 1000, message
    message.encode()  # it can be sent


def read_or_refuse(path: Path) -> Volume | None:
    with at_most_more(ROOM_MIB):
        try:
            header = read_header(path, where=WHERE)
        except InputError as error:
            refused(error, begins=WHERE, folder=path.parent)
            header = None
        try:
            volume = read_volume(path, where=WHERE)
        except InputError as error:
            refused(error, begins=WHERE, folder=path.parent)
            return None
    assert header == volume.header
    grid = volume.header.grid
    assert volume.array.shape == tuple(reversed(grid.size + volume.header.extra))
    assert np.isfinite(grid.affine).all()
    turn = np.reshape(grid.direction, (3, 3))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    return volume


def as_nibabel_reads(data: bytes) -> np.ndarray:
    raw, rest = b"" if data[:2] == b"\x1f\x8b" else data, data
    while rest[:2] == b"\x1f\x8b":  # the gzip members; what follows them is no voxel
        member = zlib.decompressobj(wbits=31)
        raw, rest = raw + member.decompress(rest), member.unused_data
    header = nibabel.Nifti1Header(raw[:348], check=False)  # of one whose geometry it refuses the voxels are read all the same
    return header.data_from_fileobj(io.BytesIO(raw)).T


def check_reading(data: bytes, extension: str, desk: Path) -> None:
    path = desk / f"damaged{extension}"
    path.write_bytes(data)
    with watching(desk) as opened:
        volume = read_or_refuse(path)
        assert opened.look() <= {path.name}
    if volume is not None and extension.startswith(".nii"):
        expected = as_nibabel_reads(data)
        np.testing.assert_allclose(volume.array, expected.reshape(volume.array.shape), rtol=1e-5)


@pytest.mark.parametrize("extension", EXTENSIONS)
@amounts(some=80, many=4000)
def test_a_damaged_file_is_read_right_or_refused(valid: dict[str, list[bytes]], desk: Path, extension: str, amount: settings) -> None:
    @amount
    @given(damaged(valid[extension], extension))
    def check(data: bytes) -> None:
        check_reading(data, extension, desk)

    check()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_valid_files_are_read(valid: dict[str, list[bytes]], desk: Path, extension: str) -> None:
    for data in valid[extension]:
        path = desk / f"valid{extension}"
        path.write_bytes(data)
        volume = read_or_refuse(path)
        assert volume is not None
        np.testing.assert_array_equal(volume.array.ravel(), VOXELS.ravel())
        assert volume.header.extra or volume.header.grid.same_as(GRID, tolerance_mm=0.1)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_no_file_leads_to_another(valid: dict[str, list[bytes]], desk: Path, extension: str) -> None:
    for data in valid[extension]:
        for point in POINTERS[extension]:
            path = desk / f"pointing{extension}"
            changed = point(data)
            assert changed != data
            path.write_bytes(changed)
            with watching(desk) as opened:
                assert read_or_refuse(path) is None, changed[:600]
                assert opened.look() <= {path.name}, changed[:600]
    for other in EXTENSIONS:  # one format under the name of another
        if not (extension.startswith(".nii") and other.startswith(".nii")):
            path = desk / f"misnamed{extension}"
            path.write_bytes(valid[other][0])
            if other != extension:
                assert read_or_refuse(path) is None


def test_a_file_of_very_many_gzip_members_is_read_in_no_time(valid: dict[str, list[bytes]], desk: Path) -> None:
    raw = valid[".nii"][0]
    path = desk / "members.nii.gz"
    path.write_bytes(gzip.compress(raw[:500]) + gzip.compress(b"") * 200_000 + gzip.compress(raw[500:]))
    begun = time.process_time()
    volume = read_or_refuse(path)
    assert volume is not None
    np.testing.assert_array_equal(volume.array, VOXELS)
    assert time.process_time() - begun < 20, "the rest of the file is copied once for each member"
