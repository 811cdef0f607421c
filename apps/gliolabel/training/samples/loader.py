"""What the samples of a case are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from gliolabel.errors import InputError


class CaseLoader(Protocol):
    """A labelled case of some layout."""

    @property
    def id(self) -> str:
        """Unique among the cases."""

    @property
    def patient(self) -> str:
        """The person: samples of one person never lie on both sides of a split by patient."""

    def depth(self) -> int | None:
        """Number of axial slices, from headers alone; None when only reading the voxels tells.

        Raises:
            InputError: a header cannot be read.
        """

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Read the case: image float32 (channels, z, y, x) in the recipe's channel order and label uint8 (z, y, x), axes superior,
        posterior, left.

        Raises:
            InputError: a file is damaged or missing; the message names the case and the file.
        """

    def fingerprint(self) -> str:
        """Changes whenever a file of the case does."""

    def image_sha256(self) -> dict[str, str]:
        """SHA-256 of the image files, by sequence or file name."""


def stamp(paths: Iterable[Path]) -> str:
    """Names, sizes and times of files as one digest: another file gives another one, without reading it."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"file {path}: cannot be read ({error.strerror or error}). Was it moved?") from error
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"file {path}: cannot be read ({error.strerror or error}). Was it moved?") from error
