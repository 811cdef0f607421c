"""The datastore of an app over slices: every volume that a reader brings is FLAIR."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.studies import Case


class SliceDatastore(CaseDatastore):
    """As :class:`CaseDatastore`, but nobody has to say which sequence a volume is, and every completed case is trained on."""

    gives_roles: ClassVar[bool] = False

    def case(self, image_id: str, *, sequence: str = "auto") -> CaseRef:
        """The case of an image id.

        Raises:
            UnknownError: there is no such case.
        """
        return super().case(image_id, sequence="flair")

    def opened(self, path: Path, *, name: str, sequence: str = "auto") -> Case:
        """The case of a volume that a reader opened and did not upload."""
        return super().opened(path, name=name, sequence="flair")
