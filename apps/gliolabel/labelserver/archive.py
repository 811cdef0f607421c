"""Completed cases as one ZIP archive."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path

from gliolabel.errors import UnavailableError
from gliolabel.labelserver.cases import CaseRef
from gliolabel.state.files import delete, file_stem


def write_archive(cases: Iterable[tuple[CaseRef, Path]], target: Path, *, temporary: Path) -> Path:
    """Write cases with their labels: ``image/CASE/`` has all sequences, ``label/CASE.nii.gz`` the label.

    Args:
        cases: each with the file of its label.
        target: the archive; whole, or as it was before.
        temporary: a folder on the same disk, cleared at every start.

    Returns:
        ``target``.

    Raises:
        UnavailableError: it cannot be written.
    """
    unfinished = temporary / f"dataset_{uuid.uuid4().hex}.zip"
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            for ref, label in cases:
                for file in sorted({file.path for file in ref.case.files().values()}):
                    archive.write(file, f"image/{file_stem(ref.key)}/{file.name}")
                archive.write(label, f"label/{file_stem(ref.key)}.nii.gz")
        unfinished.replace(target)
    except OSError as error:
        raise UnavailableError(f"The archive cannot be written to {target.parent}: {error.strerror or error}") from error
    finally:
        delete(unfinished)
    return target
