"""Batches: a function of seed and step alone, every sample once a round, and errors that name the case."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest
import torch

from gliolabel.errors import InputError
from gliolabel.recipes import Recipe
from gliolabel.recipes.schema import FlipRotateAugmentation, NoAugmentation, PatchAugmentation, WholeSampling
from gliolabel.training.batches import WholeSource
from gliolabel.training.samples import SampleSet

MakeSamples = Callable[..., SampleSet]


def source(samples: SampleSet, *, seed: int = 0, augmentation: object = None, **sampling: object) -> WholeSource:
    return WholeSource(
        samples,
        sampling=WholeSampling(**{"patch": (16, 16), "batch_size": 4, **sampling}),
        augmentation=augmentation or NoAugmentation(),
        seed=seed,
    )


@pytest.fixture
def samples(make_samples: MakeSamples) -> SampleSet:
    """Ten slices of two patients."""
    return make_samples({"A": [6], "B": [4]})


def test_every_sample_once_in_a_round(samples: SampleSet) -> None:
    whole = source(samples)
    assert whole.steps_per_epoch == 3
    rounds = [[whole.indices(3 * number + step) for step in range(3)] for number in range(2)]
    assert [len(batch) for batch in rounds[0]] == [4, 4, 2]
    assert all(sorted(chain.from_iterable(batches)) == list(range(10)) for batches in rounds)
    assert rounds[0] != rounds[1]


def test_an_incomplete_last_batch_is_left_out(samples: SampleSet) -> None:
    whole = source(samples, drop_last=True)
    assert whole.steps_per_epoch == 2
    chosen = [whole.indices(step) for step in range(2)]
    assert [len(batch) for batch in chosen] == [4, 4]
    assert len(set(chain.from_iterable(chosen))) == 8


def test_an_epoch_may_end_before_or_after_a_round(samples: SampleSet) -> None:
    short = source(samples, steps_per_epoch=2)
    assert short.steps_per_epoch == 2
    # The next epoch goes on where the round stands: no sample is passed over for ever.
    assert sorted(chain.from_iterable(short.indices(step) for step in range(3))) == list(range(10))
    assert source(samples, steps_per_epoch=7).steps_per_epoch == 7


def test_a_batch_depends_on_seed_and_step_alone(samples: SampleSet) -> None:
    changing = FlipRotateAugmentation()
    straight = source(samples, augmentation=changing)
    batches = [straight.batch(step) for step in range(6)]
    resumed = source(samples, augmentation=changing)
    for step in (5, 1, 3):
        again = resumed.batch(step)
        assert torch.equal(again.images, batches[step].images)
        assert torch.equal(again.targets, batches[step].targets)
        assert again.names == batches[step].names
    other = source(samples, augmentation=changing, seed=1)
    assert any(other.indices(step) != straight.indices(step) for step in range(3))


def test_a_batch_holds_what_its_names_say(samples: SampleSet) -> None:
    whole = source(samples)
    batch = whole.batch(0)
    assert batch.images.shape == (4, 1, 16, 16)
    assert batch.targets.shape == (4, 16, 16)
    assert (batch.images.dtype, batch.targets.dtype, batch.weights) == (torch.float32, torch.uint8, None)
    for row, index in enumerate(whole.indices(0)):
        case_id, number = samples.keys[index]
        assert batch.names[row] == case_id
        assert batch.images[row].unique().tolist() == [{"A-0": 0, "B-0": 100}[case_id] + number]
        # Whole tumour: classes 1 to 3 of the label are 1.
        assert int(batch.targets[row].sum()) == (12 if number % 4 else 0)


def test_identity_tells_one_training_set_from_another(samples: SampleSet) -> None:
    assert source(samples).identity == {"samples": [["A-0", n] for n in range(6)] + [["B-0", n] for n in range(4)]}
    assert source(samples.subset([0, 1, 2])).identity != source(samples).identity


def test_a_sample_of_another_size_is_named(samples: SampleSet) -> None:
    with pytest.raises(InputError, match=r"case [AB]-0: a sample has 16 x 16 pixels after preprocessing, sampling\.patch says 32 x 32"):
        source(samples, patch=(32, 32)).batch(0)


def test_what_makes_no_batch_is_refused(samples: SampleSet, slice_recipe: Recipe) -> None:
    with pytest.raises(InputError, match="no sample was given"):
        source(samples.subset([]))
    with pytest.raises(InputError, match="leaves no batch of 10 samples; expected at most 10"):
        source(samples, batch_size=11, drop_last=True)
    with pytest.raises(InputError, match=r"is for sampling\.kind patches"):
        source(samples, augmentation=PatchAugmentation())
