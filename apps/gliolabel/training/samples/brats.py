"""Samples from study folders of volumes: BraTS and whatever else :func:`gliolabel.studies.open_studies` finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliolabel.errors import InputError
from gliolabel.preprocessing import prepare
from gliolabel.preprocessing.orientation import turn_to_lps
from gliolabel.studies import Case, open_studies
from gliolabel.studies.ids import patient_of
from gliolabel.training.samples.loader import sha256_of, stamp
from gliolabel.vocabulary import SEQUENCES


@dataclass(frozen=True)
class VolumeLoader:
    """A case of volumes.

    Args:
        case: the case, with a label.
        channels: the sequences that the network reads, in order.
        brain: prepared as the product's cases are (1 mm, cropped to the brain, z-score inside it), the recipe's step ``brain``.
    """

    case: Case
    channels: Sequence[str]
    brain: bool

    @property
    def id(self) -> str:
        """See :class:`CaseLoader`."""
        return self.case.id

    @property
    def patient(self) -> str:
        """See :class:`CaseLoader`."""
        return patient_of(self.case.id)

    def depth(self) -> int | None:
        """See :class:`CaseLoader`; the crop to the brain is not known beforehand."""
        if self.brain:
            return None
        grid = self.case.grid()
        return int(grid.shape[turn_to_lps(grid.direction).order[0]])

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`CaseLoader`."""
        missing = [name for name in self.channels if name not in self.case.sequences]
        # The product's networks have learned to do without a sequence, the reports' have not.
        if missing and not self.brain:
            raise InputError(
                f"case {self.id}: has no {', '.join(missing)}, which the recipe reads (data.channels). Add the file, or remove the case"
            )
        label = self.case.read_label()
        if label is None:
            raise InputError(f"case {self.id}: has no label; training needs one. Remove the case from the folder or add its label")
        images = self.case.read()
        if self.brain:
            prepared = prepare(images)
            return prepared.image[[SEQUENCES.index(name) for name in self.channels]].numpy(), prepared.follow(label)
        turn = turn_to_lps(images.grid.direction)
        return np.stack([turn.apply(images.arrays[name]) for name in self.channels]).astype(np.float32), turn.apply(label)

    def fingerprint(self) -> str:
        """See :class:`CaseLoader`; the label's numbering counts too."""
        label = self.case.label
        files = [file.path for file in self.case.sequences.values()]
        parts = [f"{name} {file.component}" for name, file in self.case.sequences.items()]
        return " ".join([stamp(files if label is None else [*files, label.path]), "" if label is None else label.numbering.name, *parts])

    def image_sha256(self) -> dict[str, str]:
        """See :class:`CaseLoader`."""
        return {name: sha256_of(file.path) for name, file in self.case.sequences.items()}


def find_volumes(studies: Path, *, channels: Sequence[str], brain: bool, labels: str | None) -> list[VolumeLoader]:
    """The labelled cases of a study folder.

    Args:
        studies: the folder.
        channels: the sequences that the network reads.
        brain: see :class:`VolumeLoader`.
        labels: how the labels are numbered, as for :func:`open_studies`; by default found out.

    Raises:
        InputError: no case has a label.
    """
    opened = open_studies(studies, labels=labels)
    cases = [case for case in opened if case.label is not None]
    if not cases:
        words = "".join(f" {warning}." for warning in opened.warnings)
        raise InputError(f"study folder {studies}: no case with a label was found ({len(opened)} without); training needs some.{words}")
    return [VolumeLoader(case, tuple(channels), brain) for case in cases]
