"""Receiving a file: stored in the state folder while it is looked at, and gone afterwards, whatever happens."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import UploadFile

from gliolabel.errors import InputError, UnavailableError
from gliolabel.labelserver.door.limits import check_unpacked
from gliolabel.state.files import delete
from gliolabel.studies.files import EXTENSIONS, split_extension


@contextmanager
def received(upload: UploadFile, folder: Path, *, most_mib: float) -> Iterator[Path]:
    """The upload as a file, for the time of the block.

    Only the ending of the client's file name is used.

    Args:
        upload: what came.
        folder: where it lies meanwhile.
        most_mib: the most that its voxels may take.

    Raises:
        InputError: the file is of no format that is read, or its header says what cannot be.
        TooLargeError: its voxels take more than they may.
        UnavailableError: the disk is full.
    """
    name = (upload.filename or "volume.nii.gz").replace("\\", "/").rsplit("/", 1)[-1]
    parts = split_extension(f"x{name}")
    if parts is None:
        raise InputError(f"The file {name[-64:]!r} cannot be read here: expected one of {', '.join(EXTENSIONS)}.")
    path = folder / f"received_{uuid.uuid4().hex}{parts[1]}"
    try:
        try:
            with path.open("xb") as stream:
                shutil.copyfileobj(upload.file, stream)
        except OSError as error:
            raise UnavailableError(f"The upload cannot be stored in {folder} ({error.strerror or error}). Nothing was kept.") from error
        check_unpacked(path, name=name[-64:], most_mib=most_mib)
        yield path
    finally:
        delete(path)
