"""The files that answers carry. They live in the state folder for the time of the answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from gliolabel.errors import InputError, UnavailableError
from gliolabel.state.files import delete, file_stem
from gliolabel.studies.files import EXTENSIONS
from gliolabel.studies.grid import Grid
from gliolabel.studies.writing import write_image

_MASK_TYPES: Final = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


class ResultFiles:
    """Makes result files.

    Args:
        folder: where they live until they have been sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mask(self, mask: np.ndarray, grid: Grid, *, name: str, extension: str, dtype: str) -> Path:
        """Write a mask.

        Args:
            mask: uint8 (z, y, x).
            grid: of the mask.
            name: to begin the file's name with.
            extension: what the client asked for.
            dtype: what the client asked for; every number type holds 0 to 3.

        Raises:
            InputError: an extension or number type that cannot be written.
        """
        wanted = dtype.lower().removeprefix("np.").removeprefix("numpy.")
        if wanted not in _MASK_TYPES:
            raise InputError(f"The option result_dtype = {dtype!r} cannot be used for a mask: expected one of {', '.join(_MASK_TYPES)}.")
        return self.volume(mask.astype(wanted), grid, name=name, extension=extension)

    def volume(self, array: np.ndarray, grid: Grid, *, name: str, extension: str) -> Path:
        """Write an array (z, y, x) as it is.

        Raises:
            InputError: an extension that cannot be written.
            UnavailableError: the disk is full.
        """
        wanted = extension.lower() if extension.startswith(".") else f".{extension.lower()}"
        wanted = wanted.replace(".seg.nrrd", ".nrrd")
        if wanted not in EXTENSIONS:
            raise InputError(
                f"The option result_extension = {extension!r} cannot be used for a volume: expected one of {', '.join(EXTENSIONS)}."
            )
        path = self.path(name, wanted)
        try:
            write_image(grid.image(array), path, level=1)
        except (OSError, RuntimeError) as error:
            delete(path)
            raise UnavailableError(f"The result cannot be written to {self.folder}: {str(error).splitlines()[-1]}") from error
        return path

    def json(self, content: Mapping[str, Any], *, name: str) -> Path:
        """Write a JSON file (Slicer reads markups from one)."""
        path = self.path(name, ".json")
        try:
            path.write_text(json.dumps(content, allow_nan=False, indent=1), encoding="utf-8")
        except OSError as error:
            delete(path)
            raise UnavailableError(f"The result cannot be written to {self.folder}: {error.strerror or error}") from error
        return path

    def path(self, name: str, extension: str) -> Path:
        """A new path. Its name is the client's file name too, so it must be one of a kind there as well."""
        return self.folder / f"{file_stem(name)}_{uuid.uuid4().hex[:12]}{extension}"


def json_safe(value: Any) -> Any:
    """The value with numpy numbers, tuples and paths made plain, and NaN and infinity made None, so that JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_safe(item) for item in value]
    if isinstance(value, np.ndarray):
        return json_safe(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
