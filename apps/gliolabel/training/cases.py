"""Training cases: prepared once, then kept in memory, or past a limit on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.preprocessing import Prepared, prepare
from gliolabel.studies import Case
from gliolabel.training.cache import Cache


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


def load_training_case(case: Case, *, cache: Cache | None = None) -> TrainingCase:
    """Read and prepare one case with its label.

    Args:
        case: the case.
        cache: where its tensors are kept; by default in memory.

    Raises:
        InputError: the case has no label, or one of its files cannot be used.
        UnavailableError: the disk is full.
    """
    given = case.read_label()
    if given is None:
        raise InputError(f"case {case.id}: has no label; training needs one. Remove the case from the training list or add its label.")
    prepared = prepare(case.read())
    following = torch.from_numpy(prepared.follow(given))
    checksums = {name: hashlib.sha256(file.path.read_bytes()).hexdigest() for name, file in case.sequences.items()}
    inside = prepared.brain.nonzero()[::8].to(torch.int32)
    tensors: tuple[Tensor, ...] = (prepared.image, prepared.brain, following, following.nonzero().to(torch.int32), inside)
    if cache is not None:
        # Looked at whole, not by file name: these are the tensors of just these files.
        key = f"case 1\n{case.id}\n{sorted(checksums.items())}\n{hashlib.sha256(following.numpy().tobytes()).hexdigest()}"
        key += f"\n{case.processing.mark}" if case.processing.mark else ""
        tensors = cache.get(key, lambda: tensors)
    image, brain, label, tumour, inside = tensors
    return TrainingCase(
        prepared=replace(prepared, image=image, brain=brain), label=label, tumour=tumour, inside=inside, image_sha256=checksums
    )


def load_training_cases(cases: Iterable[Case], *, cache: Cache | None = None) -> list[TrainingCase]:
    """:func:`load_training_case` of each."""
    return [load_training_case(case, cache=cache) for case in cases]
