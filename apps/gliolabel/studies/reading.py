"""Reading a case: every file once, checked, on the reference grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gliolabel.errors import InputError
from gliolabel.registration.aligning import Alignment, Source, align
from gliolabel.registration.transforms import Transforms
from gliolabel.studies.files import LabelFile, VolumeFile
from gliolabel.studies.grid import Grid
from gliolabel.studies.headers import Header, read_header
from gliolabel.studies.images import CaseImages, LabelImage
from gliolabel.studies.processing import Processing
from gliolabel.studies.resampling import onto
from gliolabel.studies.voxels import Volume, read_volume
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import SEQUENCES


@dataclass(frozen=True)
class CaseReader:
    """Reads the files of one case.

    Args:
        case_id: id of the case, for messages.
        sequences: the file of each sequence that there is.
        reference: the sequence whose grid everything is brought onto.
        processing: what is done to the images.
    """

    case_id: str
    sequences: Mapping[str, VolumeFile]
    reference: str
    processing: Processing = field(default_factory=Processing)

    def where(self, path: Path) -> str:
        """The case and the file, as every message begins."""
        return f"case {self.case_id}, file {path.name}"

    def grid(self) -> Grid:
        """The reference grid, from the header alone."""
        return self._header(self.sequences[self.reference]).grid

    def images(self, *, warnings: tuple[str, ...] = ()) -> CaseImages:
        """Every sequence as float32 on the reference grid; ``warnings`` come before those of reading."""
        volumes = self._read_files()
        notes = list(warnings)
        for volume in volumes.values():
            notes.extend(volume.header.warnings)
        grid = volumes[self.sequences[self.reference].path].header.grid
        sources = {name: self._source(self.sequences[name], volumes) for name in SEQUENCES if name in self.sequences}
        alignments = self._align(sources)
        arrays = {}
        for name, source in sources.items():
            where, found = self.where(self.sequences[name].path), alignments.get(name)
            arrays[name], resampled = onto(
                source.array, of=source.grid, grid=grid, where=where, transform=None if found is None else found.transform
            )
            notes.extend(resampled)
            if found is not None and found.warning():
                notes.append(f"case {self.case_id}: {found.warning()}")
        missing = [s for s in SEQUENCES if s not in arrays]
        if missing:
            notes.append(missing_note(self.case_id, missing))
        processed = {"registration": {name: found.as_json() for name, found in alignments.items()}}
        return CaseImages(self.case_id, self.reference, grid, arrays, tuple(notes), processed)

    def label(self, file: LabelFile) -> LabelImage:
        """The label as uint8 0..3 on the reference grid."""
        where = self.where(file.path)
        volume = read_volume(file.path, where=where)
        raw = _component(volume, VolumeFile(file.path), where=where)
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            raise InputError(f"{where}: the label holds NaN or infinite values, expected whole numbers")
        ours, numbered = file.numbering.to_ours(raw, where=where)
        grid = self.grid()
        array, resampled = onto(ours, of=volume.header.grid, grid=grid, where=where, label=True)
        return LabelImage(array, grid, volume.header.warnings + numbered + resampled)

    def file_of(self, sequence: str, cache: Path) -> Path:
        """A 3-D file of a sequence that any ITK program opens: the case's own, or a copy in ``cache``."""
        file = self.sequences[sequence]
        if file.component is None and self._header(file).plain:
            return file.path
        copy = cache / f"{self.case_id}_{sequence}.nii.gz"
        if copy.is_file() and copy.stat().st_mtime >= file.path.stat().st_mtime:
            return copy
        where = self.where(file.path)
        volume = read_volume(file.path, where=where)
        cache.mkdir(parents=True, exist_ok=True)
        write_volume(_component(volume, file, where=where), volume.header.grid, copy)
        return copy

    def _header(self, file: VolumeFile) -> Header:
        where = self.where(file.path)
        header = read_header(file.path, where=where)
        _check_axes(header, file, where=where)
        return header

    def _source(self, file: VolumeFile, volumes: Mapping[Path, Volume]) -> Source:
        where, volume = self.where(file.path), volumes[file.path]
        return Source(_checked(_component(volume, file, where=where), where=where), volume.header.grid, file.mark())

    def _align(self, sources: Mapping[str, Source]) -> dict[str, Alignment]:
        cache = self.processing.cache
        transforms = Transforms(None if cache is None else cache / "transforms")
        return align(sources, reference=self.reference, mode=self.processing.register, transforms=transforms)

    def _read_files(self) -> dict[Path, Volume]:
        """Each file once, side by side: decompression, and fetching where a volume lies elsewhere, run outside Python's lock."""
        with ThreadPoolExecutor(max_workers=len(self.sequences), thread_name_prefix="read-case") as pool:
            paths = list(dict.fromkeys(pool.map(lambda file: file.path, self.sequences.values())))
            return dict(zip(paths, pool.map(lambda path: read_volume(path, where=self.where(path)), paths), strict=True))


def missing_note(case_id: str, missing: Sequence[str]) -> str:
    """What a reader is told about sequences that a case lacks."""
    return f"case {case_id}: there is no {', '.join(missing)} file; results without it are less accurate"


def _check_axes(header: Header, file: VolumeFile, *, where: str) -> None:
    if file.component is None:
        if header.extra:
            raise InputError(
                f"{where}: is a {3 + len(header.extra)}-D file of {' x '.join(map(str, header.extra))} volumes, expected one 3-D volume. "
                "Split it into one file per sequence (or add MSD's dataset.json if this is MSD Task01)"
            )
    elif len(header.extra) != 1 or header.extra[0] <= file.component:
        found = "a 3-D file" if not header.extra else f"a {3 + len(header.extra)}-D file of {' x '.join(map(str, header.extra))} volumes"
        raise InputError(f"{where}: is {found}, dataset.json promises a 4-D file of at least {file.component + 1} volumes")


def _component(volume: Volume, file: VolumeFile, *, where: str) -> np.ndarray:
    _check_axes(volume.header, file, where=where)
    return volume.array if file.component is None else volume.array[file.component]


def _checked(array: np.ndarray, *, where: str) -> np.ndarray:
    """The array as float32, refused when nothing can be seen in it."""
    with np.errstate(over="ignore"):
        values = np.array(array, dtype=np.float32, order="C")  # a copy of its own: whoever reads a case may write into it
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(f"{where}: {bad} of {values.size} voxels are NaN or infinite, expected numbers. Export the volume again")
    if low == high:
        raise InputError(f"{where}: every voxel has the value {low:g}, so there is nothing to see. Export the volume again")
    return values
