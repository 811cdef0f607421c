"""Training cases: prepared once, then held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing import Prepared, prepare
from gliolabel.studies import Case


@dataclass(frozen=True)
class TrainingCase:
    """A prepared case with its label.

    Args:
        prepared: the case as the network reads it.
        label: uint8 (d, h, w), values 0..3, beside ``prepared.image``.
        tumour: int32 (n, 3), index of every voxel with a label.
        inside: int32 (m, 3), index of every eighth voxel of the brain or so.
        image_sha256: SHA-256 of the case's image files, by sequence.
    """

    prepared: Prepared
    label: Tensor
    tumour: Tensor
    inside: Tensor
    image_sha256: dict[str, str]

    @property
    def id(self) -> str:
        """The case's id."""
        return self.prepared.case_id


def load_training_case(case: Case) -> TrainingCase:
    """Read and prepare one case with its label.

    Raises:
        InputError: the case has no label, or one of its files cannot be used.
    """
    label = case.read_label()
    if label is None:
        raise InputError(f"case {case.id}: has no label; training needs one. Remove the case from the training list or add its label.")
    prepared = prepare(case.read())
    following = torch.from_numpy(prepared.follow(label))
    return TrainingCase(
        prepared=prepared,
        label=following,
        tumour=following.nonzero().to(torch.int32),
        inside=prepared.brain.nonzero()[::8].to(torch.int32),
        image_sha256={name: hashlib.sha256(file.path.read_bytes()).hexdigest() for name, file in case.sequences.items()},
    )


def load_training_cases(cases: Iterable[Case]) -> list[TrainingCase]:
    """:func:`load_training_case` of each."""
    return [load_training_case(case) for case in cases]
