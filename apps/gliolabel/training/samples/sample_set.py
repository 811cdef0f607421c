"""Samples of many cases, read and prepared when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes import Recipe
from gliolabel.training.samples.prepared import CaseSamples, PreparedSamples
from gliolabel.training.samples.sample import Sample


@dataclass(frozen=True)
class SampleCounts:
    """How many there are of what.

    Args:
        patients: people.
        cases: examinations.
        samples: slices or volumes.
        with_tumour: samples whose label has tumour.
        dark_without_tumour: slices that were left out for being dark, without tumour.
        dark_with_tumour: the same, with tumour.
    """

    patients: int
    cases: int
    samples: int
    with_tumour: int
    dark_without_tumour: int = 0
    dark_with_tumour: int = 0

    def __str__(self) -> str:
        dark = self.dark_without_tumour + self.dark_with_tumour
        left_out = f"; {dark} dark ones left out, {self.dark_with_tumour} of them with tumour" if dark else ""
        return f"{self.samples} samples of {self.cases} cases ({self.patients} patients), {self.with_tumour} with tumour{left_out}"


class SampleSet(Sequence[Sample]):
    """Samples in a fixed order: by case id, then by slice.

    Args:
        recipe: how they are prepared.
        cases: the cases, by id.
        keys: case id and slice of every sample.
        dark: slices left out for being dark, without and with tumour.
    """

    def __init__(
        self,
        recipe: Recipe,
        cases: Mapping[str, CaseSamples],
        keys: Sequence[tuple[str, int]],
        *,
        dark: tuple[int, int] = (0, 0),
    ) -> None:
        self.recipe = recipe
        #: Case id and slice of every sample (0 for a volume), known without reading one.
        self.keys = tuple(keys)
        self._cases = {case_id: cases[case_id] for case_id in sorted({case_id for case_id, _ in self.keys})}
        self._dark = dark

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        """One sample; do not write into its tensors.

        Raises:
            InputError: its case cannot be read or prepared; the message names the case and the file.
            UnavailableError: the disk is full.
        """
        case_id, number = self.keys[index]
        case, row = self._find(case_id, number)
        return Sample(
            image=case.images[row],
            target=case.targets[row],
            weight=case.weights[row] if len(case.weights) else None,
            case_id=case_id,
            index=number,
        )

    @property
    def case_ids(self) -> tuple[str, ...]:
        """The cases that samples are of, sorted."""
        return tuple(self._cases)

    @property
    def patients(self) -> dict[str, str]:
        """Patient of each case."""
        return {case_id: case.loader.patient for case_id, case in self._cases.items()}

    @cached_property
    def image_sha256(self) -> dict[str, dict[str, str]]:
        """SHA-256 of every image file, by case, then by sequence or file name. The first use reads all files."""
        return {case_id: case.loader.image_sha256() for case_id, case in self._cases.items()}

    def counts(self) -> SampleCounts:
        """How many there are of what. Prepares every case that was not yet."""
        found = (self._find(case_id, number) for case_id, number in self.keys)
        return SampleCounts(
            patients=len(set(self.patients.values())),
            cases=len(self._cases),
            samples=len(self),
            with_tumour=sum(bool(case.tumour[row]) for case, row in found),
            dark_without_tumour=self._dark[0],
            dark_with_tumour=self._dark[1],
        )

    def targets(self) -> Iterator[Tensor]:
        """The target of every sample, uint8 (*space), e.g. for :func:`gliolabel.losses.balanced_class_weights`."""
        for case_id, number in self.keys:
            case, row = self._find(case_id, number)
            yield case.targets[row]

    def of_cases(self, case_ids: Collection[str]) -> SampleSet:
        """All samples of these cases, on the same cache."""
        return self.subset([index for index, (case_id, _) in enumerate(self.keys) if case_id in case_ids])

    def load(self, case_id: str) -> tuple[Tensor, Tensor]:
        """A whole case before the recipe's preparation; do not write into it.

        Returns:
            Image float32 (channels, z, y, x) in the recipe's channels, and label uint8 (z, y, x).

        Raises:
            InputError: a file cannot be read; the message names the case and the file.
            UnavailableError: the disk is full.
        """
        return self._cases[case_id].whole()

    def subset(self, indices: Sequence[int]) -> SampleSet:
        """The samples at these places, in the set's order, on the same cache."""
        return SampleSet(self.recipe, self._cases, [self.keys[index] for index in sorted(indices)])

    def _find(self, case_id: str, number: int) -> tuple[PreparedSamples, int]:
        case = self._cases[case_id].get()
        row = int(torch.searchsorted(case.slices, number))
        if row >= len(case.slices) or int(case.slices[row]) != number:
            raise InputError(f"case {case_id}: has no slice {number} any more. Its files have changed since the training began")
        return case, row
