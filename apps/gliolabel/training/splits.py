"""Dividing samples into training, validation and test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from gliolabel.errors import InputError
from gliolabel.recipes.schema import SplitSection
from gliolabel.training.samples import SampleSet


def split_samples(samples: SampleSet, section: SplitSection) -> dict[str, SampleSet]:
    """Divide samples by patient, or by slice.

    Each part takes its share of what the parts before it left, rounded up to whole patients (or slices); what is left is for training.
    The order is random by the seed and does not depend on the order of files.

    Args:
        samples: all samples.
        section: by what, which shares, the seed.

    Returns:
        ``train``, ``validation`` and ``test``; a part that no share asks for is missing.

    Raises:
        InputError: nothing would be left for training.

    Source: the counts of reports 000 (72:8:20), 002 (250/74/45 of 369) and 004 (2,828/708/393 of 3,929) are those of rounding up.
    """
    patients = samples.patients
    groups: dict[object, list[int]] = {}
    for index, (case_id, number) in enumerate(samples.keys):
        groups.setdefault(patients[case_id] if section.by == "patient" else (case_id, number), []).append(index)
    units = sorted(groups, key=str)
    order = np.random.default_rng(section.seed).permutation(len(units))
    divided = divide([units[place] for place in order], section)
    if not divided["train"]:
        words = "patients" if section.by == "patient" else "slices"
        raise InputError(
            f"data.split: of {len(units)} {words} none is left for training; expected at least {len(section.take) + 1}. "
            "Give more cases, or take less with data.split.take"
        )
    return {role: samples.subset([index for unit in part for index in groups[unit]]) for role, part in divided.items()}


def divide(units: list[object], section: SplitSection) -> dict[str, list[object]]:
    """Deal out units in their order: see :func:`split_samples`.

    Example:
        >>> section = SplitSection(take=({"role": "validation", "share": 0.2}, {"role": "test", "share": 0.15}))
        >>> {role: len(part) for role, part in divide(list(range(369)), section).items()}
        {'train': 250, 'validation': 74, 'test': 45}
    """
    rest = list(units)
    parts: dict[str, list[object]] = {"train": []}
    for take in section.take:
        # As a fraction of what is written: 0.1 * 30 would be 3.0000000000000004 and round up to 4.
        count = math.ceil(Fraction(str(take.share)) * len(rest))
        parts.setdefault(take.role, []).extend(rest[:count])
        rest = rest[count:]
    parts["train"] = rest if section.training_at_most is None else rest[: section.training_at_most]
    return parts


def split_warning(parts: Mapping[str, SampleSet]) -> str | None:
    """Why scores on these parts will be too high: slices of one patient on both sides. None when no patient is.

    Args:
        parts: of :func:`split_samples`.
    """
    people = {role: {part.patients[case_id] for case_id in part.case_ids} for role, part in parts.items()}
    seen = people.get("train", set())
    shared = {role: len(seen & those) for role, those in people.items() if role != "train" and seen & those}
    if not shared:
        return None
    counted = " and ".join(f"{count} of {len(people[role])} patients of the {role} set" for role, count in shared.items())
    return (
        f"the split leaks: {counted} have slices in the training set too. Neighbouring slices are almost the same picture, so the network "
        "is tested on what it has learned, and scores come out too high. Split by patient to know how it does on new ones: "
        "--set data.split.by=patient"
    )
