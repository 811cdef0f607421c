"""What one training is made of: its batches, the samples that are held out, and what they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliolabel.errors import InputError
from gliolabel.losses import balanced_class_weights
from gliolabel.recipes import Recipe
from gliolabel.recipes.schema import BinaryLoss, PatchAugmentation, PatchSampling, WholeSampling
from gliolabel.studies import Case
from gliolabel.training.batches import BatchSource, PatchSource, WholeSource
from gliolabel.training.cache import Cache
from gliolabel.training.cases import TrainingCase, load_training_case
from gliolabel.training.samples import SampleSet, open_samples
from gliolabel.training.splits import split_samples, split_warning

#: A part of the split: case ids, or case ids with slices.
Part = list[str | list[str | int]]


@dataclass(frozen=True)
class TrainingData:
    """The data of a training.

    Args:
        source: its batches.
        trained_on: SHA-256 of the images, by case and file.
        split: which samples lie in ``train``, ``validation`` and ``test``.
        parts: the same as samples, for recipes that train on whole ones.
        class_weights: of background and tumour, for a loss that has balanced ones.
        warning: why scores will mislead, if they will.
        words: what it is, for people.
    """

    source: BatchSource
    trained_on: dict[str, dict[str, str]]
    split: dict[str, Part]
    parts: dict[str, SampleSet]
    class_weights: tuple[float, float] | None
    warning: str | None
    words: str

    @property
    def validation(self) -> SampleSet | None:
        """The validation samples."""
        return self.parts.get("validation")


def whole_sample_data(recipe: Recipe, studies: Path, *, cache: Cache, labels: str | None = None) -> TrainingData:
    """Samples of a folder, divided as the recipe says. Every case is read and prepared now, once.

    Args:
        recipe: one with ``sampling.kind`` whole.
        studies: the folder.
        cache: keeps what was prepared.
        labels: numbering of labels, for BraTS folders whose layout does not tell.

    Raises:
        InputError: the folder cannot be used, a case cannot be read, or nothing is left for training; names what it is.
        UnavailableError: the disk is full.
    """
    assert isinstance(recipe.sampling, WholeSampling)
    parts = split_samples(open_samples(recipe, studies, cache=cache, labels=labels), recipe.data.split)
    train = parts["train"]
    return TrainingData(
        source=WholeSource(train, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed),
        trained_on=train.image_sha256,
        split={role: [[case_id, number] for case_id, number in part.keys] for role, part in parts.items()},
        parts=parts,
        class_weights=class_weights_of(recipe, train),
        warning=split_warning(parts),
        words="; ".join(f"{role}: {part.counts()}" for role, part in parts.items()),
    )


def class_weights_of(recipe: Recipe, samples: SampleSet) -> tuple[float, float] | None:
    """Weights of background and tumour over the training masks, for a loss that has balanced ones; None for any other."""
    balanced = isinstance(recipe.loss, BinaryLoss) and recipe.loss.class_weights == "balanced"
    return balanced_class_weights(samples.targets()) if balanced else None


def patch_data(
    recipe: Recipe,
    cases: Sequence[Case],
    *,
    held_out: Sequence[str],
    cache: Cache,
    report: Callable[[], None] | None = None,
    weights: Mapping[str, float] | None = None,
) -> TrainingData:
    """Patches of labelled cases: the product models' data.

    Args:
        recipe: one with ``sampling.kind`` patches.
        cases: the training cases.
        held_out: ids of cases that are kept away.
        cache: keeps what was prepared.
        report: called after each case; what it raises ends the reading.
        weights: see :class:`~gliolabel.training.batches.PatchSource`.

    Raises:
        InputError: no case, a case without a label, or one that cannot be read.
        UnavailableError: the disk is full.
    """
    if not isinstance(recipe.sampling, PatchSampling) or not isinstance(recipe.augmentation, PatchAugmentation):
        raise InputError(f"recipe {recipe.name}: sampling.kind patches and augmentation.kind patches belong together; set both or neither")
    if not cases:
        raise InputError("training: no case with a label was given; expected at least one")
    prepared: list[TrainingCase] = []
    for case in cases:
        prepared.append(load_training_case(case, cache=cache))
        if report is not None:
            report()
    return TrainingData(
        source=PatchSource(prepared, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed, weights=weights),
        trained_on={case.id: case.image_sha256 for case in prepared},
        split={"train": [case.id for case in prepared], "test": list(held_out)},
        parts={},
        class_weights=None,
        warning=None,
        words=f"{len(prepared)} cases",
    )
