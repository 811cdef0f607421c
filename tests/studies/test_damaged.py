"""Broken files: the message names case and file, and the other cases go on."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.phantoms import Phantom, write_phantom_case
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume


def _half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _without_checksum(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-6])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 0xFF  # in the voxels, however small the file is
    path.write_bytes(data)


def _raw_half(path: Path) -> None:
    raw = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(raw[: len(raw) // 2]))


def _text(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>" * 50)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _gone(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    (".nii.gz", _half, "truncated"),
    (".nii.gz", _without_checksum, "truncated"),
    (".nii.gz", _flipped, "damaged"),
    (".nii.gz", _raw_half, "truncated"),
    (".nii.gz", _text, "cannot be read as an image"),
    (".nii.gz", _empty, "empty"),
    (".nii.gz", _gone, "cannot be read"),
    (".nii.gz", _folder, "not a file"),
    (".nii", _half, "truncated"),
    (".nii", _text, "cannot be read as an image"),
    (".nrrd", _half, "truncated|cannot be read as an image"),
    (".nrrd", _flipped, "damaged"),
    (".nrrd", _text, "cannot be read as an image"),
    (".mha", _half, "truncated|cannot be read as an image"),
    (".mha", _flipped, "damaged"),
    (".mha", _text, "cannot be read as an image"),
]


@pytest.mark.parametrize(("extension", "damage", "words"), DAMAGES, ids=[f"{e}-{d.__name__[1:]}" for e, d, _ in DAMAGES])
@pytest.mark.parametrize("what", ["t1ce", "t2", "seg"])
def test_damaged_files(tmp_path: Path, tiny: Phantom, extension: str, damage: Callable[[Path], None], words: str, what: str) -> None:
    for name in ("bad", "good"):
        write_phantom_case(tiny, tmp_path / name, name=name, extension=extension)
    studies = open_studies(tmp_path)
    damage(tmp_path / "bad" / f"bad_{what}{extension}")
    case = studies.get("bad")
    with pytest.raises(InputError, match=rf"(?s)^case bad, file bad_{what}{extension}: .*({words})"):
        _ = case.read_label() if what == "seg" else case.read()
    assert not studies.get("good").read().warnings
    np.testing.assert_array_equal(studies.get("good").read_label(), tiny.labels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: np.where(a > 300, np.nan, a).astype(np.float32), "NaN or infinite"),
        (lambda a: np.where(a > 300, np.inf, a).astype(np.float32), "NaN or infinite"),
        (lambda a: np.full_like(a, 7), "every voxel has the value 7"),
        (lambda a: np.zeros_like(a), "every voxel has the value 0"),
    ],
)
def test_volumes_in_which_nothing_can_be_seen(
    tmp_path: Path, tiny: Phantom, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    write_volume(change(tiny.sequences["t1"]), tiny.grid, tmp_path / "x" / "x_t1.nii.gz")
    with pytest.raises(InputError, match=rf"^case x, file x_t1\.nii\.gz: .*{words}"):
        open_studies(tmp_path).get("x").read()


def _save(array: np.ndarray, path: Path, affine: np.ndarray | None = None) -> None:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)


def test_4d_2d_and_colour_are_refused(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    file = tmp_path / "x" / "x_t1.nii.gz"
    voxels = np.arange(4 * 5 * 6 * 2, dtype=np.int16)
    colour = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for array, words in (
        (voxels.reshape(4, 5, 6, 2), "4-D file of 2 volumes"),
        (voxels.reshape(20, 12), "2-D"),
        (colour, "3 values per voxel"),
    ):
        _save(array, file)
        with pytest.raises(InputError, match=rf"^case x, file x_t1\.nii\.gz: .*{words}"):
            open_studies(tmp_path).get("x").read()


def test_a_fourth_axis_of_length_one_is_no_fourth_axis(tmp_path: Path) -> None:
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6, 1)
    _save(voxels, tmp_path / "x_t1.nii.gz")
    case = open_studies(tmp_path).get("x")
    np.testing.assert_array_equal(case.read().arrays["t1"], voxels[..., 0].T)
    assert sitk.ReadImage(str(case.reference_file(tmp_path / "cache"))).GetSize() == (4, 5, 6)


def test_a_gzip_file_of_several_members_is_read(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x")
    file = tmp_path / "x_t1.nii.gz"
    raw = gzip.decompress(file.read_bytes())
    file.write_bytes(b"".join(gzip.compress(raw[start : start + 5000]) for start in range(0, len(raw), 5000)))
    np.testing.assert_array_equal(open_studies(tmp_path).get("x").read().arrays["t1"], tiny.sequences["t1"])


def test_gzip_under_the_wrong_name(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x", extension=".nii")
    file = tmp_path / "x_t1.nii"
    file.write_bytes(gzip.compress(file.read_bytes()))
    with pytest.raises(InputError, match=r"Rename it to end in \.nii\.gz"):
        open_studies(tmp_path).get("x").read()


def test_a_bomb_is_not_unpacked(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x")
    file = tmp_path / "x_t1.nii.gz"
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(gzip.decompress(file.read_bytes()))
    packed += b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    file.write_bytes(packed)
    with pytest.raises(InputError, match="goes on for more than"):
        open_studies(tmp_path).get("x").read()


def test_a_header_of_too_many_voxels(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x", extension=".nii")
    file = tmp_path / "x_t1.nii"
    data = bytearray(file.read_bytes())
    data[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    file.write_bytes(data)
    with pytest.raises(InputError, match="30000 x 30000 x 30000 voxels"):
        open_studies(tmp_path).get("x").read()


def test_missing_sequences_are_named(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x", sequences=("t1", "t2"))
    case = open_studies(tmp_path).get("x")
    images = case.read()
    assert case.reference == "t2"
    assert images.missing == ("t1ce", "flair")
    assert images.warnings == ("case x: there is no t1ce, flair file; results without it are less accurate",)
