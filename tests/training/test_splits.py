"""Splits: the reports' counts, nobody on both sides, the same every time, and a warning where it leaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gliolabel.errors import InputError
from gliolabel.recipes import load_recipe
from gliolabel.recipes.schema import SplitSection, Take
from gliolabel.training.samples import SampleSet
from gliolabel.training.splits import divide, split_samples, split_warning

MakeSamples = Callable[..., SampleSet]

TWENTY_TEN = SplitSection(take=(Take(role="test", share=0.2), Take(role="validation", share=0.1)))


@pytest.mark.parametrize(
    ("name", "units", "counts"),
    [
        # Report 000: 72 : 8 : 20 of 3,879 slices, test first: ceil(775.8), then ceil(310.3) of the rest.
        ("patsatzi2023_unet2d_lgg", 3879, (2792, 311, 776)),
        ("topcu2023_unet3d_brats21", 120, (100, 20, 0)),
        ("keller_unet2d_brats20", 369, (250, 74, 45)),
        ("jonsson2023_resunet2d_brats19", 9920, (8000, 960, 960)),
        ("lgg_encoders", 3929, (2828, 708, 393)),
    ],
)
def test_the_reports_counts(name: str, units: int, counts: tuple[int, int, int]) -> None:
    parts = divide(list(range(units)), load_recipe(name).data.split)
    assert tuple(len(parts.get(role, [])) for role in ("train", "validation", "test")) == counts
    assert sorted(unit for part in parts.values() for unit in part) == list(range(units))


def test_shares_are_counted_as_they_are_written() -> None:
    # 0.1 * 30 is 3.0000000000000004 in binary.
    parts = divide(list(range(30)), SplitSection(take=(Take(role="test", share=0.1),)))
    assert len(parts["test"]) == 3


def test_at_most_so_many_for_training() -> None:
    section = TWENTY_TEN.model_copy(update={"training_at_most": 5})
    everything, few = divide(list(range(100)), TWENTY_TEN), divide(list(range(100)), section)
    assert few["train"] == everything["train"][:5]
    assert few["test"] == everything["test"]


def test_by_patient_nobody_is_on_both_sides(make_samples: MakeSamples) -> None:
    # Two examinations each: a patient is more than a case.
    samples = make_samples({f"P{number}": [3, 2] for number in range(10)})
    parts = split_samples(samples, TWENTY_TEN)
    people = {role: {part.patients[case_id] for case_id in part.case_ids} for role, part in parts.items()}
    assert {role: len(those) for role, those in people.items()} == {"train": 7, "test": 2, "validation": 1}
    assert set.union(*people.values()) == {f"P{number}" for number in range(10)}
    assert {role: len(part) for role, part in parts.items()} == {"train": 35, "test": 10, "validation": 5}
    assert split_warning(parts) is None


def test_by_slice_it_says_that_it_leaks(make_samples: MakeSamples) -> None:
    samples = make_samples({f"P{number}": [10] for number in range(5)})
    parts = split_samples(samples, TWENTY_TEN.model_copy(update={"by": "slice"}))
    assert {role: len(part) for role, part in parts.items()} == {"train": 36, "test": 10, "validation": 4}
    assert sorted(key for part in parts.values() for key in part.keys) == list(samples.keys)
    warning = split_warning(parts)
    assert warning is not None
    shared = len(set(parts["test"].case_ids) & set(parts["train"].case_ids))
    assert f"{shared} of {len(parts['test'].case_ids)} patients of the test set" in warning
    assert "scores come out too high" in warning


def test_it_depends_on_the_seed_and_not_on_the_order_of_cases(make_samples: MakeSamples) -> None:
    names = [f"P{number}" for number in range(20)]
    one = split_samples(make_samples({name: [2] for name in names}), TWENTY_TEN)
    other = split_samples(make_samples({name: [2] for name in reversed(names)}), TWENTY_TEN)
    assert {role: part.keys for role, part in one.items()} == {role: part.keys for role, part in other.items()}
    third = split_samples(make_samples({name: [2] for name in names}), TWENTY_TEN.model_copy(update={"seed": 1}))
    assert third["test"].keys != one["test"].keys


def test_too_few_patients_are_refused(make_samples: MakeSamples) -> None:
    with pytest.raises(InputError, match="of 2 patients none is left for training; expected at least 3"):
        split_samples(make_samples({"A": [4], "B": [4]}), TWENTY_TEN)
