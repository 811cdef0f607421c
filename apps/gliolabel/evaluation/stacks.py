"""Stacks of slices as cases, in the layout of the LGG set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.files import Digests
from gliolabel.preprocessing.orientation import Turn
from gliolabel.studies.lgg import LggCase, open_lgg

#: The one region of these masks: what is abnormal on FLAIR.
REGION: Final = "tumour"

#: Slices lie as they are seen already.
_UPRIGHT: Final = Turn(order=(0, 1, 2), flips=())


@dataclass(frozen=True)
class StackCase:
    """All slices of one examination.

    Args:
        case: the slices.
        files: checksums.
    """

    case: LggCase
    files: Digests

    @property
    def id(self) -> str:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`."""
        return self.case.id

    @property
    def patient(self) -> str:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`."""
        return self.case.patient

    @property
    def labelled(self) -> bool:
        """Whether any slice has a mask; when only some have one, opening says so."""
        return any(one.mask is not None for one in self.case.slices)

    def digests(self) -> dict[str, str]:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`."""
        found = {name: self.files.of(path) for name, path in self.case.files().items()}
        return found | {f"label {one.path.name}": self.files.of(one.mask) for one in self.case.slices if one.mask is not None}

    def open(self) -> OpenedCase:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`. The spacing of the slices is not known: nothing is measured in mm."""
        pictures = self.case.read()
        return OpenedCase(
            id=self.id,
            images=pictures,
            truth={REGION: self.case.read_masks() > 0},
            classes=None,
            spacing=None,
            pictures=pictures,
            turn=_UPRIGHT,
        )


def open_stacks(folder: Path) -> list[StackCase]:
    """The stacks below a folder, by id.

    Raises:
        InputError: the folder holds no slices.
    """
    files = Digests()
    return [StackCase(case, files) for case in open_lgg(folder)]
