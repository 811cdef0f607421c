"""All samples of a case, prepared at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.losses import border_weight_map
from gliolabel.preprocessing.steps import prepare_slices, prepare_volume
from gliolabel.recipes import Recipe
from gliolabel.recipes.schema import BinaryLoss, BrainStep
from gliolabel.training.cache import Cache
from gliolabel.training.samples.dark import lit_shares
from gliolabel.training.samples.loader import CaseLoader


@dataclass(frozen=True)
class PreparedSamples:
    """The samples of a case, one behind the other.

    Args:
        images: float32 (samples, channels, *space).
        targets: uint8 (samples, *space).
        weights: float32 (samples, *space), or (0,) when the loss has no border weights.
        slices: int64 (samples,), the place of each in the case; 0 for a volume.
        lit: float64 (samples,), share of lit pixels before preprocessing.
        tumour: bool (samples,), whether the label has any tumour, before preprocessing.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    slices: Tensor
    lit: Tensor
    tumour: Tensor


class CaseSamples:
    """The samples of one case, read and prepared at most once, when they are first asked for.

    Args:
        loader: the case.
        recipe: what a sample is.
        cache: where they are kept.
    """

    def __init__(self, loader: CaseLoader, recipe: Recipe, *, cache: Cache) -> None:
        self.loader = loader
        self._recipe = recipe
        self._cache = cache

    def get(self) -> PreparedSamples:
        """The samples.

        Raises:
            InputError: a file cannot be used, or a step does not fit the case; the message names the case.
            UnavailableError: the disk is full.
        """
        return PreparedSamples(*self._cache.get(self._key, lambda: _make(self.loader, self._recipe)))

    def whole(self) -> tuple[Tensor, Tensor]:
        """The case as its files have it: image float32 (channels, z, y, x) and label uint8 (z, y, x).

        Raises:
            InputError: a file cannot be read.
            UnavailableError: the disk is full.
        """
        key = f"whole 1\n{self.loader.id}\n{self.loader.fingerprint()}\n{self._recipe.data.model_dump_json(include={'layout', 'channels'})}"
        # A turned volume is a view with axes backwards, which a tensor cannot be.
        image, label = self._cache.get(key, lambda: [torch.from_numpy(np.ascontiguousarray(array)) for array in self.loader.load()])
        return image, label

    def slices(self) -> list[int]:
        """The slices that are samples: from headers where they tell, else by preparing the case.

        Raises:
            InputError: as :meth:`get`.
        """
        depth = self.loader.depth()
        return self.get().slices.tolist() if depth is None else list(slices_used(self._recipe, depth, case_id=self.loader.id))

    @cached_property
    def _key(self) -> str:
        """Everything that the samples depend on. Once: looking at every file for every sample would take longer than the sample."""
        steps = "".join(step.model_dump_json() for step in self._recipe.preprocessing)
        data = self._recipe.data.model_dump_json(exclude={"split", "smallest_lit_share"})
        border = self._recipe.loss.model_dump_json() if _has_border(self._recipe) else ""
        return f"samples 1\n{self.loader.id}\n{self.loader.fingerprint()}\n{steps}\n{data}\n{border}"


def slices_used(recipe: Recipe, depth: int, *, case_id: str) -> range:
    """The slices of a case that the recipe uses.

    Raises:
        InputError: the case has fewer slices than ``data.slices`` asks for.
    """
    start, stop = recipe.data.slices or (0, depth)
    if stop > depth:
        raise InputError(
            f"case {case_id}: has {depth} axial slices, data.slices is [{start}, {stop}]. Remove the case, or set data.slices to a range "
            "that all cases have"
        )
    return range(start, stop)


def _make(loader: CaseLoader, recipe: Recipe) -> tuple[Tensor, ...]:
    image, label = loader.load()
    used = slices_used(recipe, len(label), case_id=loader.id)
    image, label = image[:, used.start : used.stop], label[used.start : used.stop]
    target = (label > 0).astype(np.uint8) if recipe.data.target == "whole_tumour" else label.astype(np.uint8)
    # The loader has already done the product's preparation.
    steps = [step for step in recipe.preprocessing if not isinstance(step, BrainStep)]
    lit = lit_shares(image)
    try:
        if recipe.data.unit == "slice":
            ready = prepare_slices(steps, image, target)
            images, targets = ready.images, ready.targets
            slices, shares, tumour = torch.tensor(used), torch.from_numpy(lit), torch.from_numpy((label > 0).any(axis=(1, 2)))
        else:
            volume = prepare_volume(steps, image, target)
            images, targets = volume.image[None], None if volume.target is None else volume.target[None]
            slices, shares, tumour = torch.tensor([0]), torch.tensor([lit.mean()]), torch.tensor([bool((label > 0).any())])
    except InputError as error:
        raise InputError(f"case {loader.id}: {error}") from error
    assert targets is not None
    return images, targets, _border(targets, recipe), slices, shares, tumour


def _has_border(recipe: Recipe) -> bool:
    return isinstance(recipe.loss, BinaryLoss) and recipe.loss.border


def _border(targets: Tensor, recipe: Recipe) -> Tensor:
    loss = recipe.loss
    if not isinstance(loss, BinaryLoss) or not loss.border:
        return torch.zeros(0)
    maps = [
        border_weight_map(
            target, w0=loss.w0, sigma=loss.sigma, denominator=loss.denominator, connectivity=loss.connectivity, where=loss.where
        )
        for target in targets
    ]
    return torch.stack(maps).float()
