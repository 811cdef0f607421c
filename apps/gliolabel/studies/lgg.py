"""Folders of slices in the layout of the LGG set (Buda et al. 2019).

By patient: ``TCGA_CS_4941_19960909_1.tif`` with ``TCGA_CS_4941_19960909_1_mask.tif`` beside it, and so on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gliolabel.errors import InputError, UnknownError
from gliolabel.studies.ids import unique_ids
from gliolabel.studies.slice_reading import COLOUR_SEQUENCES, read_slice, read_slice_mask, slice_size

#: Formats of slices.
SLICE_EXTENSIONS: Final = (".tif", ".tiff", ".png")

_NUMBERED: Final = re.compile(r"(?P<name>.*?)[ _-]*(?P<number>\d+)\Z")
_MASK: Final = re.compile(r"(?P<name>.+?)[ _-]mask\Z", re.IGNORECASE)
#: ``TCGA_CS_4941_19960909``: collection, site, person, day of the examination.
_TCGA: Final = re.compile(r"(TCGA[_-]\w\w[_-]\w{4})[_-]\d{8}")

#: Threads that read slices: decompression runs outside Python's lock.
_READERS: Final = 4


@dataclass(frozen=True)
class LggSlice:
    """One slice.

    Args:
        path: the image.
        mask: the mask beside it, or None.
        number: the number at the end of its name, 0 when there is none.
    """

    path: Path
    mask: Path | None
    number: int


@dataclass(frozen=True)
class LggCase:
    """One examination as slices, ordered by number: ``_2`` before ``_10``.

    Args:
        id: what the slices' names share, e.g. ``TCGA_CS_4941_19960909``.
        patient: the person, e.g. ``TCGA_CS_4941``; the id where the name does not tell.
        slices: at least one.
    """

    id: str
    patient: str
    slices: tuple[LggSlice, ...]

    def files(self) -> dict[str, Path]:
        """Every image file, by name."""
        return {one.path.name: one.path for one in self.slices}

    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns, from the names and the first file's header alone.

        Raises:
            InputError: that file cannot be read.
        """
        first = self.slices[0].path
        columns, rows = slice_size(first, where=self._where(first))
        return len(self.slices), rows, columns

    def read(self) -> dict[str, np.ndarray]:
        """The sequences, float32 (z, y, x) in the files' own units: t1, flair and t1ce of colour slices, flair of grey ones.

        Raises:
            InputError: a slice cannot be read, or differs in size or channels from the first; the message names case and file.
        """
        with ThreadPoolExecutor(_READERS) as pool:
            arrays = list(pool.map(lambda one: read_slice(one.path, where=self._where(one.path)), self.slices))
        for one, array in zip(self.slices, arrays, strict=True):
            self._check(one.path, array.shape, arrays[0].shape)
        stack = np.stack(arrays, axis=1).astype(np.float32)
        return dict(zip(COLOUR_SEQUENCES if len(stack) == 3 else ("flair",), stack, strict=True))

    def read_masks(self) -> np.ndarray:
        """The masks, uint8 (z, y, x): 1 tumour.

        Raises:
            InputError: a mask is missing, cannot be read, or does not have the size of its slices.
        """
        without = [one.path.name for one in self.slices if one.mask is None]
        if without:
            wanted = f"{Path(without[0]).stem}_mask{Path(without[0]).suffix}"
            raise InputError(
                f"case {self.id}, file {without[0]}: has no mask beside it ({len(without)} of {len(self.slices)} slices have none); "
                f"expected {wanted}. Add the mask (all black where there is no tumour), or remove the slice"
            )
        shape = self.shape()
        paths = [one.mask for one in self.slices if one.mask is not None]
        with ThreadPoolExecutor(_READERS) as pool:
            masks = list(pool.map(lambda path: read_slice_mask(path, where=self._where(path)), paths))
        for path, mask in zip(paths, masks, strict=True):
            self._check(path, mask.shape, shape[1:])
        return np.stack(masks)

    def _check(self, path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise InputError(
                f"{self._where(path)}: has {_words(shape)}, the case's first slice {_words(expected)}. All slices and masks of a case need "
                "the same size, and all slices the same channels"
            )

    def _where(self, path: Path) -> str:
        return f"case {self.id}, file {path.name}"


class LggStudies:
    """The cases of a folder, sorted by id.

    Args:
        path: the folder.
        cases: the cases.
        warnings: sentences for the reader.
    """

    def __init__(self, path: Path, cases: Iterable[LggCase], warnings: Iterable[str] = ()) -> None:
        self.path, self.warnings = path, tuple(warnings)
        self._cases = {case.id: case for case in sorted(cases, key=lambda case: case.id)}

    def get(self, case_id: str) -> LggCase:
        """The case of this id.

        Raises:
            UnknownError: there is none.
        """
        if case_id not in self._cases:
            raise UnknownError(f"case {case_id!r} is not in {self.path}; there are {len(self)} cases there")
        return self._cases[case_id]

    def __iter__(self) -> Iterator[LggCase]:
        return iter(self._cases.values())

    def __len__(self) -> int:
        return len(self._cases)


def open_lgg(path: Path) -> LggStudies:
    """Find the slices below a folder, at any depth; hidden files are passed over. No image is read.

    Args:
        path: the folder of patient folders, or of one patient.

    Raises:
        InputError: it is no folder, cannot be looked at, or holds no slice.
    """
    if not path.is_dir():
        raise InputError(f"study folder {path}: there is no such folder; expected one with PATIENT/PATIENT_1.tif, PATIENT_1_mask.tif, ...")
    stacks: dict[tuple[str, str], list[LggSlice]] = {}
    for folder, names in _folders(path):
        for name, one in _slices(path / folder, names):
            stacks.setdefault((folder, name), []).append(one)
    if not stacks:
        raise InputError(
            f"study folder {path}: holds no slices; expected {', '.join(SLICE_EXTENSIONS)} files such as PATIENT/PATIENT_1.tif with "
            "PATIENT_1_mask.tif beside it. Check the path for a typing error"
        )
    ids, warnings = unique_ids(list(stacks))
    cases = []
    for case_id, (_, name), slices in zip(ids, stacks, stacks.values(), strict=True):
        known = _TCGA.match(name)
        ordered = tuple(sorted(slices, key=lambda one: (one.number, one.path.name)))
        cases.append(LggCase(case_id, known[1] if known else case_id, ordered))
    return LggStudies(path, cases, warnings)


def _folders(root: Path) -> Iterator[tuple[str, list[str]]]:
    def failed(error: OSError) -> None:
        raise InputError(f"study folder {error.filename}: cannot be looked at ({error.strerror or error})")

    for path, folders, names in os.walk(root, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = Path(path).relative_to(root).as_posix()
        yield "" if relative == "." else relative, sorted(name for name in names if not name.startswith("."))


def _slices(folder: Path, names: list[str]) -> Iterator[tuple[str, LggSlice]]:
    files = [folder / name for name in names if Path(name).suffix.lower() in SLICE_EXTENSIONS]
    masks = {match["name"]: path for path in files if (match := _MASK.match(path.stem))}
    for path in files:
        if _MASK.match(path.stem):
            continue
        numbered = _NUMBERED.match(path.stem)
        name = numbered["name"] if numbered else path.stem
        yield name or folder.name, LggSlice(path, masks.get(path.stem), int(numbered["number"]) if numbered else 0)


def _words(shape: tuple[int, ...]) -> str:
    *channels, rows, columns = shape
    return f"{columns} x {rows} pixels" + (f" of {channels[0]} channel{'s' if channels[0] > 1 else ''}" if channels else "")
