"""What lies in a folder of slices: stacks of TIFF or PNG slices, single slices, FLAIR volumes, and their masks, told by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gliolabel.studies.files import split_extension
from gliolabel.studies.lgg import SLICE_EXTENSIONS, LggSlice
from gliolabel.studies.single import sequence_of_name

_NUMBERED: Final = re.compile(r"(?P<name>.*\D)(?P<number>\d+)\Z")
_MASK: Final = re.compile(r"(?P<name>.+?)[ _-](?:mask|seg|label)\Z", re.IGNORECASE)
_FLAIR: Final = re.compile(r"[ _-]?(?:flair|t2f)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class FoundCase:
    """A case by its files: either slices or one volume.

    Args:
        folder: relative to the study folder, ``/`` between parts.
        name: what its files are called.
        slices: in the order of their numbers.
        volume: the FLAIR volume.
        label: the label volume beside it.
    """

    folder: str
    name: str
    slices: tuple[LggSlice, ...] = ()
    volume: Path | None = None
    label: Path | None = None


@dataclass
class FoundSlices:
    """Everything that was found.

    Args:
        cases: the cases.
        passed_over: volumes of other sequences.
        failures: folders that cannot be looked at, and why.
    """

    cases: list[FoundCase] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def find_slices(root: Path, *, stacked: bool = True) -> FoundSlices:
    """Look through ``root`` at any depth, hidden files and folders left out.

    Slices whose names differ only in the number at their end (``P1_1.tif``, ``P1_2.tif``) are one stack; a slice without such fellows is
    a case of its own. Without ``stacked``, every slice is.
    """
    found = FoundSlices()
    for folder, names in _folders(root, found.failures):
        here = root / folder if folder else root
        _slices(found, here, folder, names, stacked=stacked)
        _volumes(found, here, folder, names)
    return found


def _folders(root: Path, failures: list[str]) -> Iterator[tuple[str, list[str]]]:
    def failed(error: OSError) -> None:
        failures.append(f"{error.filename}: cannot be looked at ({error.strerror or error})")

    for path, folders, names in os.walk(root, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(path).relative_to(root).as_posix().removeprefix("."), sorted(name for name in names if not name.startswith("."))


def _slices(found: FoundSlices, here: Path, folder: str, names: list[str], *, stacked: bool) -> None:
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for name in names:
        path = here / name
        if path.suffix.lower() in SLICE_EXTENSIONS:
            mask = _MASK.match(path.stem)
            if mask is None:
                images.setdefault(path.stem, path)
            else:
                masks.setdefault(mask["name"], path)
    stacks: dict[str, list[LggSlice]] = {}
    for stem, path in images.items():
        numbered = _NUMBERED.match(stem) if stacked else None
        file = LggSlice(path, masks.get(stem), int(numbered["number"]) if numbered else 0)
        stacks.setdefault(numbered["name"] if numbered else stem, []).append(file)
    for name, files in stacks.items():
        files.sort(key=lambda file: (file.number, file.path.name))
        called = name.rstrip(" _-") if len(files) > 1 else files[0].path.stem
        found.cases.append(FoundCase(folder, called or here.name, slices=tuple(files)))


def _volumes(found: FoundSlices, here: Path, folder: str, names: list[str]) -> None:
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for name in names:
        parts = split_extension(name)
        if parts is None:
            continue
        label = _MASK.match(parts[0])
        if label is not None:
            labels.setdefault(_FLAIR.sub("", label["name"]), here / name)
        elif _other_sequence(parts[0]):
            found.passed_over.append(here / name)
        else:
            images.setdefault(_FLAIR.sub("", parts[0]) or parts[0], here / name)
    found.cases += [FoundCase(folder, name, volume=path, label=labels.get(name)) for name, path in images.items()]


def _other_sequence(stem: str) -> bool:
    """Whether a name says that it is T1, T1 with contrast, or T2. One that says nothing is taken for FLAIR: the app is for nothing else."""
    told = sequence_of_name(stem)
    return told is not None and told != "flair"
