"""Making the objects of a case and sending them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.dicom.folder import DicomFolder
from gliolabel.dicom.results.destinations import Destination, FolderDestination, PacsDestination
from gliolabel.dicom.results.gathering import Gathering, What
from gliolabel.dicom.results.sources import sources_of
from gliolabel.dicom.web_store import DicomWebStudies
from gliolabel.errors import InputError
from gliolabel.studies.store import Studies

if TYPE_CHECKING:
    from gliolabel.dicom.results.building import ResultObject


@dataclass(frozen=True, eq=False)
class Sent:
    """What was sent of a case.

    Args:
        name: which of its masks.
        version: of the accepted label; 0 for the model's mask.
        objects: all objects.
        new: those that were not there before.
    """

    name: str
    version: int
    objects: Sequence[ResultObject]
    new: Sequence[ResultObject]


class Delivery:
    """Sends the results of cases to where they belong.

    Args:
        studies: the cases.
        gathering: finds the results.
        destination: where they go.
    """

    def __init__(self, studies: Studies, gathering: Gathering, destination: Destination) -> None:
        self._studies = studies
        self._gathering = gathering
        self.destination = destination

    def send(self, case_id: str, what: What = "final", *, version: int | None = None, pretend: bool = False) -> Sent:
        """Send the objects of a case's result. Those that are there already are not sent again.

        Args:
            case_id: the case.
            what: which of its masks.
            version: of the accepted label; None: the newest.
            pretend: make the objects and look which are there, and send nothing.

        Raises:
            UnknownError: there is no such case or result.
            InputError: the result cannot be written as DICOM.
            UnavailableError: the PACS does not answer or refuses them, or the disk is full.
        """
        from gliolabel.dicom.results.building import build  # highdicom takes a second to import

        result = self._gathering.result(case_id, what, version=version)
        made = build(result, sources_of(self._studies, case_id))
        new = self.destination.missing(case_id, made)
        if not pretend:
            self.destination.store(case_id, new)
        return Sent(result.name, result.number if what == "final" else 0, made, new)


def destination_of(studies: Studies, *, folder: Path) -> Destination:
    """Where the results of these studies go: the PACS they come from, or a folder, as the studies themselves are only read.

    Args:
        studies: the studies.
        folder: for the results of studies that are files.

    Raises:
        InputError: they are no DICOM.
    """
    if isinstance(studies, DicomWebStudies):
        return PacsDestination(studies.pacs)
    if isinstance(studies, DicomFolder):
        return FolderDestination(folder)
    raise InputError("These studies are no DICOM, so there is no study that results could be part of. Their masks are in the state folder")
