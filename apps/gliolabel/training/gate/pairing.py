"""The same locked cases seen by both versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gliolabel.errors import InputError
from gliolabel.training.gate.cases import CaseMeasures


@dataclass(frozen=True)
class Pair:
    """One case, measured with both versions."""

    champion: CaseMeasures
    challenger: CaseMeasures

    @property
    def case_id(self) -> str:
        """The case."""
        return self.champion.case_id

    @property
    def patient(self) -> str:
        """The person."""
        return self.champion.patient

    def true_volume_ml(self, region: str) -> float:
        """The region's true volume.

        Raises:
            InputError: the measures do not hold it.
        """
        volume = self.champion.value(region, "true_volume_ml")
        if volume is None:
            raise InputError(
                f"case {self.case_id}: its measures have no volume of {region}; the gate judges volumes with known spacing only"
            )
        return volume

    def both(self, region: str, measure: str) -> tuple[float, float] | None:
        """A measure of champion and challenger, None where one of them has none."""
        first, second = self.champion.value(region, measure), self.challenger.value(region, measure)
        return None if first is None or second is None else (first, second)


def pair_up(champion: Sequence[CaseMeasures], challenger: Sequence[CaseMeasures]) -> tuple[list[Pair], dict[str, str]]:
    """The cases that count, and why the others do not.

    Args:
        champion: measures of the served version.
        challenger: measures of the new one.

    Returns:
        Pairs in the order of ids; the reason of each refused case by id.

    Raises:
        InputError: the two were not measured on the same cases, images and labels, or one list mixes versions.
    """
    first, second = _by_id(champion, "champion"), _by_id(challenger, "challenger")
    if odd := sorted(set(first) ^ set(second)):
        raise InputError(f"the gate compares both versions on the same cases; measured with one of them only: {', '.join(odd)}")
    pairs, refused = [], {}
    for case_id in sorted(first):
        one, other = first[case_id], second[case_id]
        if dict(one.digests) != dict(other.digests):
            raise InputError(f"case {case_id}: champion and challenger were measured on different files or labels; measure both again")
        if reasons := list(dict.fromkeys(reason for reason in (one.refused, other.refused) if reason)):
            refused[case_id] = "; ".join(reasons)
        else:
            pairs.append(Pair(one, other))
    return pairs, refused


def _by_id(measures: Sequence[CaseMeasures], role: str) -> dict[str, CaseMeasures]:
    found = {one.case_id: one for one in measures}
    if len(found) < len(measures):
        raise InputError(f"the {role}'s measures name a case twice")
    if len({one.weights_sha256 for one in measures}) > 1:
        raise InputError(f"the {role}'s measures were made with different weights files")
    return found


def patients(pairs: Sequence[Pair]) -> int:
    """How many persons these are."""
    return len({pair.patient for pair in pairs})


def columns(pairs: Sequence[Pair], region: str, measure: str) -> tuple[np.ndarray, list[Pair]]:
    """A measure of the cases in which both versions have one.

    Returns:
        float64 (n, 2), champion and challenger; and the n pairs.
    """
    found = [(values, pair) for pair in pairs if (values := pair.both(region, measure)) is not None]
    return np.array([values for values, _ in found], dtype=np.float64).reshape(-1, 2), [pair for _, pair in found]
