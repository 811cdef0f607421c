"""Uploaded volumes as cases of one sequence."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gliolabel.errors import ConflictError, InputError
from gliolabel.labelserver.wire import new_image_id
from gliolabel.state import Database
from gliolabel.state.cases import UploadStore
from gliolabel.state.tables import UploadRow
from gliolabel.studies import Case
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.single import case_from_volume
from gliolabel.studies.voxels import read_volume


class Uploads:
    """The uploaded volumes, by the name they had in Slicer."""

    def __init__(self, database: Database) -> None:
        self._store = UploadStore(database)
        self._rows: dict[str, UploadRow] = self._store.all()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._rows))

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._rows

    def file(self, image_id: str) -> Path:
        """The file of an upload."""
        return self._store.file(self._rows[image_id])

    def case(self, image_id: str, *, sequence: str = "auto") -> Case | None:
        """The case of an upload, or None.

        Raises:
            InputError: ``sequence`` is ``auto`` and the name does not tell.
        """
        row = self._rows.get(image_id)
        return None if row is None else case_from_volume(self._store.file(row), name=image_id, sequence=sequence)

    def add(self, image_id: str, path: Path, *, author: str, there: Path | None) -> None:
        """Store an upload, unless the same volume is there.

        Args:
            image_id: its name in Slicer.
            path: the file as it was received.
            author: who sent it.
            there: the file of the case that has this id already, if any.

        Raises:
            InputError: it is no 3-D volume with anything in it.
            ConflictError: another volume has that name.
        """
        parts = split_extension(path.name)
        if parts is None:
            raise InputError(
                f"The upload {image_id!r} ends in {''.join(path.suffixes) or 'nothing'!r}, expected one of {', '.join(EXTENSIONS)}."
            )
        fingerprint = volume_fingerprint(path, name=image_id)
        # What a reader could never segment is refused here and not at the first click.
        case_from_volume(path, name=image_id, sequence="t1").read()
        if there is not None:
            if volume_fingerprint(there, name=image_id) != fingerprint:
                raise ConflictError(
                    f"There is already a case named {image_id!r} with other voxels or another grid. "
                    "Rename the volume in Slicer and send it again."
                )
            return
        new_image_id(image_id)
        row = self._store.add(
            image_id, write=lambda target: shutil.copyfile(path, target), extension=parts[1], voxels_sha256=fingerprint, author=author
        )
        self._rows = {**self._rows, image_id: row}

    def remove(self, image_id: str) -> None:
        """Forget an upload."""
        self._store.remove(image_id)
        self._rows = {key: row for key, row in self._rows.items() if key != image_id}


def volume_fingerprint(path: Path, *, name: str) -> str:
    """SHA-256 over voxel values and grid: the same for one volume in two file formats.

    Raises:
        InputError: the file cannot be read.
    """
    volume = read_volume(path, where=f"upload {name}, file {path.name}")
    grid = volume.header.grid
    digest = hashlib.sha256()
    for part in volume.array:  # the whole of a large volume would not fit as float64
        digest.update(np.ascontiguousarray(part, dtype=np.float64).data)
    # Rounded: NIfTI keeps its geometry in float32.
    geometry = np.round([*grid.spacing, *grid.origin, *grid.direction], 2) + 0.0
    digest.update(f"{grid.size} {geometry.tolist()}".encode())
    return digest.hexdigest()
