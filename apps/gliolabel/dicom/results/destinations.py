"""Where results go: a PACS, or a folder. Sending the same objects again changes nothing."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gliolabel.dicom.web import DicomWeb
from gliolabel.errors import UnavailableError
from gliolabel.state.files import delete, file_stem

if TYPE_CHECKING:
    from gliolabel.dicom.results.building import ResultObject


class Destination(Protocol):
    """Takes results."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def missing(self, case_id: str, objects: Sequence[ResultObject]) -> list[ResultObject]:
        """Those that are not there yet."""

    def store(self, case_id: str, objects: Sequence[ResultObject]) -> None:
        """Store objects; one that is there already stays as it is.

        Raises:
            UnavailableError: not now.
        """


class PacsDestination:
    """A PACS that takes objects over STOW-RS. An object that it has is the same one, by its UID.

    Args:
        pacs: it.
    """

    def __init__(self, pacs: DicomWeb) -> None:
        self._pacs = pacs

    @property
    def place(self) -> str:
        """Its address."""
        return self._pacs.url

    def missing(self, case_id: str, objects: Sequence[ResultObject]) -> list[ResultObject]:
        """See :class:`Destination`; one question for each object.

        Raises:
            PacsError: the PACS does not answer.
        """
        return [one for one in objects if not self._pacs.holds(str(one.dataset.StudyInstanceUID), one.uid)]

    def store(self, case_id: str, objects: Sequence[ResultObject]) -> None:
        """See :class:`Destination`.

        Raises:
            PacsError: the PACS does not answer, or refuses an object.
        """
        for one in objects:
            self._pacs.store(one.dataset)


class FolderDestination:
    """A folder: a file for each object, in a folder for each case.

    Args:
        folder: made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        """Its path."""
        return str(self._folder)

    def missing(self, case_id: str, objects: Sequence[ResultObject]) -> list[ResultObject]:
        """See :class:`Destination`."""
        return [one for one in objects if not self.file(case_id, one).is_file()]

    def store(self, case_id: str, objects: Sequence[ResultObject]) -> None:
        """See :class:`Destination`.

        Raises:
            UnavailableError: the disk is full or cannot be written.
        """
        for one in objects:
            path = self.file(case_id, one)
            temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                one.dataset.save_as(temporary, write_like_original=False)
                os.replace(temporary, path)
            except OSError as error:
                raise UnavailableError(f"{path.name} cannot be stored in {path.parent} ({error.strerror or error}).") from error
            finally:
                delete(temporary)

    def file(self, case_id: str, one: ResultObject) -> Path:
        """The file of an object. Its name tells the case and the kind; its last part is another one for another content."""
        return self._folder / file_stem(case_id) / f"{one.kind}-{one.uid[-12:]}.dcm"
