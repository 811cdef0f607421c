"""Checkpoints: written whole or not at all, read without running code."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import torch

from gliolabel.errors import InputError, UnavailableError


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint (tensors and plain types) in place of the last one, atomically.

    Raises:
        UnavailableError: it cannot be written, for example because the disk is full; the last one stays as it was.
    """
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # PyTorch says a full disk with a RuntimeError
        temporary.unlink(missing_ok=True)
        kept = "The one before it is as it was" if path.exists() else "There is none before it"
        if isinstance(error, RuntimeError):
            reason = f"the disk is full, it seems ({str(error).splitlines()[0]})"
        else:
            reason = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise UnavailableError(
            f"checkpoint {path} cannot be written: {reason}. {kept}. Free some space or mend the folder, then go on with --resume"
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint onto the CPU, or None when there is none.

    Raises:
        InputError: the file is no checkpoint.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"checkpoint {path} cannot be read ({error}). Delete it to start anew, or name another output folder") from error
    return state
