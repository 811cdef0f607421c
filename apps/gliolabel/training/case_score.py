"""The score of a network on whole cases while it is trained on patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from gliolabel.errors import InputError
from gliolabel.inference.masks import most_probable
from gliolabel.inference.runner import Job, Runner
from gliolabel.metrics import dice, region_masks
from gliolabel.networks import SegmentationNetwork
from gliolabel.recipes import Recipe
from gliolabel.training.cases import TrainingCase


class CaseScore:
    """Mean Dice over regions and cases: a number for the curve, quicker than a test.

    The network sees each case once: a 2-D network in its first plane, a 3-D network without the mirrored image. Masks are compared as the
    network sees the case, at 1 mm and cropped to the brain.

    Args:
        recipe: the network's.
        cases: what it is scored on.
        device: where the network is.
        pause: called between parts of the work; what it raises ends it.

    Raises:
        InputError: there are no cases.
    """

    def __init__(self, recipe: Recipe, cases: Sequence[TrainingCase], *, device: str, pause: Callable[[], None]) -> None:
        if not cases:
            raise InputError("validation: no case was given; expected at least one")
        self._cases = list(cases)
        self._inference = recipe.inference
        self._runner = Runner(recipe, device=torch.device(device), precision=None, memory_gib=None)
        self._pause = pause

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> float:
        """The score, 0 to 1. The network is left in evaluation mode."""
        assert isinstance(network, SegmentationNetwork)
        network.eval()
        return float(np.mean([self._one(network, case) for case in self._cases]))

    def _one(self, network: SegmentationNetwork, case: TrainingCase) -> float:
        self._pause()
        classes = self._runner.run(Job(network, case.prepared.image, planes=self._inference.planes[:1], cancel=self._pause))
        mask = most_probable(
            classes[1:].numpy(), tumour_threshold=self._inference.tumour_threshold, island_peak=self._inference.island_peak
        )
        return float(np.mean(dice(region_masks(mask), region_masks(case.label.numpy()))))
