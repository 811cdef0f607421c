"""A folder of DICOM files as a store of cases."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from gliolabel.dicom.files import SeriesFile
from gliolabel.dicom.geometry import Slice, stack
from gliolabel.dicom.options import DicomOptions
from gliolabel.dicom.series import READ, Series, series_of
from gliolabel.dicom.store import DicomStudies
from gliolabel.dicom.volumes import SeriesVolume, read_series, slices_of
from gliolabel.errors import InputError
from gliolabel.studies.files import split_extension
from gliolabel.studies.processing import Processing
from gliolabel.studies.store import Listing, Problem

#: Every DICOM file has these bytes behind its preamble.
_MAGIC: Final = b"DICM"
_MAGIC_AT: Final = 128
#: So many files without a name of a volume are opened to find out whether a folder holds DICOM.
_PROBES: Final = 200


@dataclass(frozen=True, slots=True)
class _Image:
    """A DICOM file; ``series`` is the same object for all of a series and echo that say the same."""

    path: str
    size: int
    changed_ns: int
    uid: str = ""
    series: Series | None = None
    slices: tuple[Slice, ...] = ()
    problem: str = ""


class DicomFolder(DicomStudies):
    """The studies in a folder, at any depth, one image per file in any arrangement.

    Listing reads the headers of files that are new or have changed, once.

    Args:
        path: the folder. It is only read.
        options: what the site chose.
        processing: see :class:`~gliolabel.studies.store.Studies`.
    """

    def __init__(self, path: Path, options: DicomOptions, processing: Processing | None = None) -> None:
        self._images: dict[str, _Image] = {}
        self._by_series: Mapping[tuple[str, str], list[_Image]] = {}
        super().__init__(path, options, processing)

    def _look(self) -> Listing:
        if not self.path.is_dir():
            return Listing({}, "nothing", [], [f"The study folder {self.path} does not exist. Check the path for a typing error"])
        images = {}
        shared: dict[object, Series] = {}
        for entry in _files(self.path):
            try:
                status = entry.stat()
            except OSError:
                continue
            there = self._images.get(entry.path)
            if there is None or (there.size, there.changed_ns) != (status.st_size, status.st_mtime_ns):
                there = _read_header(entry.path, status, shared)
            if there.series is not None or there.problem:
                images[entry.path] = there
        self._images = images
        by_series: dict[str, list[_Image]] = defaultdict(list)
        problems = []
        for image in _once(images.values()):
            if image.series is None:
                message = f"a file begins like DICOM and cannot be read ({image.problem}); it is passed over. Copy it again"
                problems.append(Problem("", Path(image.path), message))
            else:
                by_series[image.series.uid].append(image)
        stacks = {key: members for whole in by_series.values() for key, members in _by_echo(whole).items()}
        self._by_series = stacks
        studies: dict[str, list[Series]] = defaultdict(list)
        for (_, echo), members in stacks.items():
            one = _series(members, echo=echo)
            studies[one.study].append(one)
        warnings = [] if studies else [f"The study folder {self.path} holds no DICOM image that can be read"]
        return self._list_studies(studies, layout="DICOM files", problems=problems, warnings=warnings)

    def _file(self, series: Series, *, stem: str, where: str) -> SeriesFile:
        members = self._by_series[series.uid, series.echo]
        content = "\n".join(sorted(f"{one.uid} {one.size} {one.changed_ns}" for one in members))
        paths = [one.path for one in members]
        return SeriesFile(stem, content=content, cache=self._cache, make=lambda: _read(paths, where=where))

    def _headers(self, series: Series, keywords: Collection[str], *, where: str) -> list[Dataset]:
        paths = [one.path for one in self._by_series[series.uid, series.echo]]
        return list(_images(paths, where=where, stop_before_pixels=True, specific_tags=list(keywords)))


def holds_dicom(folder: Path) -> bool:
    """Whether a folder is one of DICOM files: it has some, and no volume in another format."""
    found, probes = False, 0
    for entry in _files(folder, volumes=True):
        if split_extension(entry.name) is not None:
            return False
        if not found and probes < _PROBES:
            probes += 1
            found = _begins_like_dicom(entry.path)
    return found


def _files(root: Path, *, volumes: bool = False) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder that may be DICOM, in an order that depends on the names alone; ``volumes``: other volumes as well."""
    pending = [str(root)]
    seen: set[tuple[int, int]] = set()
    while pending:
        try:
            folder = pending.pop()
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "DICOMDIR":
                continue
            if entry.is_dir():
                folders.append(entry.path)
            elif volumes or split_extension(entry.name) is None:
                yield entry
        pending.extend(reversed(folders))


def _begins_like_dicom(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            stream.seek(_MAGIC_AT)
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _read_header(path: str, status: os.stat_result, shared: dict[object, Series]) -> _Image:
    image = _Image(path, status.st_size, status.st_mtime_ns)
    if not _begins_like_dicom(path):
        return image
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(READ))
        series = series_of(header)
    except Exception as error:  # pydicom raises whatever a damaged file makes it meet
        return replace(image, problem=str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__)
    # One object for all images of a series that say the same: a large folder has a hundred times as many images as series.
    told = {keyword: text for keyword, text in series.tags.items() if keyword not in ("AcquisitionTime", "AcquisitionDate")}
    series = shared.setdefault((series.uid, series.frame, tuple(sorted(told.items()))), series)
    image = replace(image, uid=str(header.get("SOPInstanceUID", path)), series=series)
    try:
        return replace(image, slices=tuple(slices_of(header, where="")))
    except InputError as error:
        return replace(image, problem=str(error).removeprefix(": "))


def _once(images: Iterable[_Image]) -> list[_Image]:
    """The images without second files of the same one."""
    found: dict[str, _Image] = {}
    for image in images:
        found.setdefault(image.uid or image.path, image)
    return list(found.values())


def _by_echo(images: list[_Image]) -> dict[tuple[str, str], list[_Image]]:
    """The images of a series by echo, where it has several at the same places; with one echo, under an empty text."""
    echoes: dict[str, list[_Image]] = defaultdict(list)
    for image in images:
        assert image.series is not None
        echoes[image.series.tags.get("EchoTime", "")].append(image)
    assert images[0].series is not None
    uid = images[0].series.uid
    places = {(one.position, one.orientation) for image in images for one in image.slices}
    if len(echoes) == 1 or len(places) == sum(len(image.slices) for image in images):
        return {(uid, ""): images}
    return {(uid, echo): members for echo, members in echoes.items()}


def _series(images: list[_Image], *, echo: str) -> Series:
    """The series of these images, with how many slices it has and what is wrong with them."""
    first = min(images, key=lambda image: image.path)
    assert first.series is not None
    problem = next((image.problem for image in images if image.problem), "")
    slices = [one for image in images for one in image.slices]
    if slices and not problem and first.series.is_mr:
        try:
            stack(slices, where="")
        except InputError as error:
            problem = str(error).removeprefix(": ")
    return replace(first.series, slices=len(slices), echo=echo, problem=problem)


def _read(paths: list[str], *, where: str) -> SeriesVolume:
    return read_series(list(_images(paths, where=where)), where=where)


def _images(paths: Iterable[str], *, where: str, **options: Any) -> Iterator[Dataset]:
    for path in paths:
        try:
            yield pydicom.dcmread(path, **options)
        except Exception as error:  # as above
            raise InputError(f"{where}: an image cannot be read ({error}). Copy the series again from its source") from error
