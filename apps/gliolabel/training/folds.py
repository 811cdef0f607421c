"""Dividing cases into folds by patient, evenly over cohorts, the same way every time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable


def cohort_of(case_id: str) -> str:
    """The cohort a case id belongs to: its part before the first underscore (``BraTS2021_00495`` -> ``BraTS2021``)."""
    return case_id.split("_", 1)[0]


def make_folds(patients: Iterable[str], *, count: int = 5, cohort: Callable[[str], str] = cohort_of) -> list[list[str]]:
    """Divide patients into folds.

    Patients are ordered by the hash of their id within each cohort and dealt out in turn, so a fold never depends on the
    order of files, and each cohort is spread evenly.

    Args:
        patients: patient ids; one case per patient is assumed.
        count: number of folds.
        cohort: which cohort a patient belongs to.

    Returns:
        ``count`` sorted lists that together hold every patient once.

    Raises:
        ValueError: fewer patients than folds.
    """
    by_cohort: dict[str, list[str]] = defaultdict(list)
    for patient in set(patients):
        by_cohort[cohort(patient)].append(patient)
    total = sum(len(members) for members in by_cohort.values())
    if total < count:
        raise ValueError(f"{total} patients cannot be divided into {count} folds")
    folds: list[list[str]] = [[] for _ in range(count)]
    turn = 0
    for name in sorted(by_cohort):
        for patient in sorted(by_cohort[name], key=lambda p: hashlib.sha256(p.encode()).hexdigest()):
            folds[turn % count].append(patient)
            turn += 1
    return [sorted(fold) for fold in folds]
