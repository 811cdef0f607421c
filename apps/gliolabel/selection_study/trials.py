"""One training of the study on real cases, the test on the locked ones, and what the model says of those without a label."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from gliolabel.errors import InputError
from gliolabel.inference.scoring import agreement_scores
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.metrics import dice
from gliolabel.recipes import ModelVersion, Recipe, save_model_version
from gliolabel.recipes.schema import WholeSampling
from gliolabel.training.batches import WholeSource
from gliolabel.training.cache import Cache
from gliolabel.training.data import class_weights_of
from gliolabel.training.engine import Training
from gliolabel.training.samples import SampleSet, open_samples
from gliolabel.uncertainty.running import RunningMaps

#: Seed of the Monte-Carlo passes, the server's.
_PASSES_SEED: Final = 0
#: Slices do not tell their spacing: a voxel counts as one of 1 mm. Strata are thirds, so only ranks matter.
_VOXEL_ML: Final = 0.001
#: Slices without tumour a training sees, for each with tumour.
_EMPTY_SHARE: Final = 0.5
_REGION: Final = "tumour"


@dataclass(frozen=True)
class CaseFacts:
    """What the label of a case says, and what it costs to draw it.

    Args:
        patient: whose it is.
        slices: axial slices.
        tumour_slices: those with tumour, which are to be drawn on.
        volume_ml: of the label, in mL if a voxel has 1 mm.
    """

    patient: str
    slices: int
    tumour_slices: int
    volume_ml: float


@dataclass(frozen=True)
class PoolScore:
    """What a model says of a case without a label.

    Args:
        scores: by region, as the server's scoring stores them.
        dice: of its mask and the label, which no strategy sees: it tells afterwards whether doubt meant error.
    """

    scores: dict[str, dict[str, float]]
    dice: float


@dataclass(frozen=True)
class Outcome:
    """What a training brought.

    Args:
        dice: Dice of each tested case, over all its slices.
        pool: of each scored case.
        samples: slices trained on.
        loss: mean training loss of the last tenth of the steps.
    """

    dice: dict[str, float]
    pool: dict[str, PoolScore]
    samples: int
    loss: float


class Trials(Protocol):
    """Trains and tests."""

    @property
    def facts(self) -> dict[str, CaseFacts]:
        """All cases."""

    def run(self, labelled: Sequence[str], *, test: Sequence[str], score: Sequence[str], seed: int, passes: int, folder: Path) -> Outcome:
        """Train on the labelled cases, test on others, and score a third part.

        Args:
            labelled: what is trained on, whose labels alone are seen.
            test: the locked cases.
            score: cases without a label.
            seed: of the training.
            passes: Monte-Carlo passes of the scores.
            folder: where a checkpoint lies while it runs.
        """


class SliceTrials:
    """:class:`Trials` with a 2-D recipe.

    Args:
        recipe: trains on whole slices, with dropout and one output.
        studies: a folder in the recipe's layout.
        cache: folder for prepared cases that do not fit into memory.
        device: where to compute.
        report: called now and then with the share of the training that is done.

    Raises:
        InputError: the recipe is of another kind, or the folder cannot be used.
    """

    def __init__(
        self, recipe: Recipe, studies: Path, *, cache: Path, device: str = "cpu", report: Callable[[float], None] | None = None
    ) -> None:
        _check(recipe)
        self._recipe, self._device, self._report = recipe, device, report
        self._samples: SampleSet = open_samples(recipe, studies, cache=Cache(cache))

    @cached_property
    def facts(self) -> dict[str, CaseFacts]:
        """See :class:`Trials`. The first use reads every case."""
        patients, found = self._samples.patients, {}
        for case_id in self._samples.case_ids:
            _, label = self._samples.load(case_id)
            tumour = (label > 0).numpy()
            found[case_id] = CaseFacts(
                patient=patients[case_id],
                slices=len(label),
                tumour_slices=int(tumour.any(axis=(1, 2)).sum()),
                volume_ml=float(tumour.sum()) * _VOXEL_ML,
            )
        return found

    @property
    def image_sha256(self) -> dict[str, dict[str, str]]:
        """SHA-256 of every image file, by case and file."""
        return self._samples.image_sha256

    def run(self, labelled: Sequence[str], *, test: Sequence[str], score: Sequence[str], seed: int, passes: int, folder: Path) -> Outcome:
        """See :class:`Trials`.

        Raises:
            InputError: a case cannot be read, or none of the labelled ones has any tumour.
            GlioLabelError: the training diverged.
        """
        recipe = self._recipe.model_copy(update={"seed": seed})
        model, samples, loss = self._train(recipe, labelled, folder)
        segmenter = SliceSegmenter(model, device=self._device)
        tested = {case_id: self._dice(segmenter, case_id) for case_id in test}
        pool = {case_id: self._score(segmenter, case_id, passes) for case_id in score}
        return Outcome(dice=tested, pool=pool, samples=samples, loss=loss)

    def _train(self, recipe: Recipe, labelled: Sequence[str], folder: Path) -> tuple[ModelVersion, int, float]:
        assert isinstance(recipe.sampling, WholeSampling)
        chosen = with_and_without(self._samples.of_cases(labelled), seed=recipe.seed)
        source = WholeSource(chosen, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed)
        training = Training(recipe, source, folder=folder, device=self._device, class_weights=class_weights_of(recipe, chosen))
        weights = training.run(None if self._report is None else lambda progress: self._tell(progress.step / progress.steps))
        last = training.losses[-max(1, len(training.losses) // 10) :]
        about = {"trained_on": {case_id: {} for case_id in labelled}, "steps": training.step}
        version = save_model_version(
            folder / f"{recipe.name}.safetensors", weights, name=recipe.name, version="study", recipe=recipe, metadata=about
        )
        return version, len(chosen), sum(last) / len(last)

    def _tell(self, share: float) -> None:
        assert self._report is not None
        self._report(share)

    def _dice(self, segmenter: SliceSegmenter, case_id: str) -> float:
        image, label = self._samples.load(case_id)
        found = segmenter.probabilities(image.numpy())
        return float(dice(found, (label > 0)[None], threshold=segmenter.threshold)[0])

    def _score(self, segmenter: SliceSegmenter, case_id: str, passes: int) -> PoolScore:
        image = self._samples.load(case_id)[0].numpy()
        running = RunningMaps(1, image.shape[1:], threshold=segmenter.threshold)
        for sample in segmenter.samples(image, passes=passes, seed=_PASSES_SEED):
            running.add(sample)
        (scores,) = agreement_scores(running, voxel_ml=_VOXEL_ML)
        return PoolScore(scores={_REGION: scores}, dice=self._dice(segmenter, case_id))


def with_and_without(samples: SampleSet, *, seed: int) -> SampleSet:
    """All slices with tumour, and half as many without, drawn at random.

    Two thirds of the slices have none; a short training that saw them all would learn to find nothing.

    Args:
        samples: of the training cases.
        seed: of the draw.

    Raises:
        InputError: no slice has any tumour.
    """
    tumour: list[int] = []
    empty: list[int] = []
    for index, target in enumerate(samples.targets()):
        (tumour if bool(target.any()) else empty).append(index)
    if not tumour:
        raise InputError(f"cases {', '.join(samples.case_ids)}: none has any tumour in its label; a training needs some")
    count = min(len(empty), round(_EMPTY_SHARE * len(tumour)))
    return samples.subset([*tumour, *random.Random(f"{seed} empty").sample(empty, count)])


def _check(recipe: Recipe) -> None:
    wrong = []
    if recipe.data.unit != "slice" or not isinstance(recipe.sampling, WholeSampling):
        wrong.append(f"data.unit {recipe.data.unit} and sampling.kind {recipe.sampling.kind}, expected slice and whole")
    if recipe.network.out_channels != 1:
        wrong.append(f"network.out_channels {recipe.network.out_channels}, expected 1")
    if not any(recipe.network.dropout):
        wrong.append("network.dropout 0, expected some: without it no pass differs from another")
    if recipe.keep.startswith("best") or recipe.stopping is not None or recipe.schedule.kind == "plateau":
        wrong.append("keep, stopping or schedule that follow a validation, expected none: every case is trained on or locked")
    if wrong:
        raise InputError(f"recipe {recipe.name}: has {'; '.join(wrong)}. Take selection_unet2d_lgg, or change it")
