"""Segmenting stacks of axial slices with a 2-D network of one of the reports' recipes, prepared as the recipe prepares its samples."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gliolabel.errors import InputError, UnavailableError
from gliolabel.inference.dropout import PassDropout, begin_pass, sampling_copy
from gliolabel.inference.precision import Precision, best_precision
from gliolabel.inference.runner import between
from gliolabel.inference.volume_pass import pad
from gliolabel.networks import SegmentationNetwork
from gliolabel.networks.folding import fold_batch_norms
from gliolabel.preprocessing.steps import PreparedSlices, prepare_slices
from gliolabel.recipes import ModelVersion
from gliolabel.uncertainty.running import RunningMaps

#: Slices that the network reads at once.
SLICES_AT_ONCE = 16

#: Called between parts of the work; raises whatever should stop it.
Checkpoint = Callable[[], None]


@dataclass(frozen=True)
class SliceSegmentation:
    """Segmented slices, on the grid they came on.

    Args:
        probabilities: float32 (outputs, z, y, x): of the tumour, or of each class, background first.
        mask: uint8 (z, y, x): 1 where the probability is above the recipe's threshold, or the most probable class.
        std: float32 (outputs, z, y, x), population standard deviation over the passes, 0 to 0.5; None without passes.
    """

    probabilities: np.ndarray
    mask: np.ndarray
    std: np.ndarray | None = None


class SliceSegmenter:
    """Segments stacks of slices with one model version on one device.

    Safe to use from several threads: one network runs at a time. The network's weights and statistics never change, and Monte-Carlo
    passes switch on dropout alone (see :mod:`gliolabel.inference.dropout`).

    Args:
        model_version: a model whose recipe has ``data.unit: slice``.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; by default the first GPU, or the CPU without one.
        precision: format of the convolutions, by default the best for the device: bf16 where the hardware is built for it.

    Raises:
        InputError: the model reads volumes, or its weights do not fit.

    Example::

        segmenter = SliceSegmenter(ModelVersion.load("lgg.safetensors"))
        result = segmenter.segment(stack, passes=20)  # stack: float (channels, z, y, x)
        result.mask, result.std
    """

    def __init__(self, model_version: ModelVersion, *, device: str | None = None, precision: torch.dtype | None = None) -> None:
        recipe = model_version.recipe
        if recipe.data.unit != "slice":
            raise InputError(
                f"model {model_version.name}: its recipe {recipe.name} has data.unit {recipe.data.unit}, expected a model for slices"
            )
        self.model_version = model_version
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._precision = best_precision(self._device) if precision is None else Precision(self._device, precision)
        self._network = fold_batch_norms(model_version.build()).to(memory_format=torch.channels_last).to(self._device)
        self._sampler: SegmentationNetwork = sampling_copy(self._network)
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """Where the network runs and in which format, e.g. ``cpu (bfloat16)``."""
        return str(self._precision)

    @property
    def threshold(self) -> float:
        """Above this probability a pixel is tumour (networks with one output)."""
        return self.model_version.recipe.inference.threshold

    @property
    def has_dropout(self) -> bool:
        """Whether the network has dropout, without which all passes are the same."""
        return any(isinstance(module, PassDropout) and module.probability > 0 for module in self._sampler.modules())

    def segment(self, image: np.ndarray, *, passes: int = 0, seed: int = 0, cancel: Checkpoint | None = None) -> SliceSegmentation:
        """Segment a stack of slices, or one slice.

        Args:
            image: (channels, z, y, x) or (channels, y, x), in the order of the recipe's ``data.channels`` and the files' own units; axial
                slices as a radiologist sees them.
            passes: Monte-Carlo passes for ``std``; 0 for none. The mask does not depend on them.
            seed: of the passes.
            cancel: called between batches and passes.

        Returns:
            The result, with the axes of ``image`` (a single slice has no z axis).

        Raises:
            InputError: ``image`` does not have the recipe's channels.
            UnavailableError: the device is out of memory even for one slice.
        """
        stack = image if image.ndim == 4 else image[:, None]
        probabilities = self.probabilities(stack, cancel=cancel)
        std = None
        if passes:
            running = RunningMaps(len(probabilities), stack.shape[1:], threshold=self.threshold)
            for sample in self.samples(stack, passes=passes, seed=seed, cancel=cancel):
                running.add(sample)
            std = running.std()
        mask = self._mask(probabilities)
        if image.ndim == 4:
            return SliceSegmentation(probabilities, mask, std)
        return SliceSegmentation(probabilities[:, 0], mask[0], None if std is None else std[:, 0])

    def probabilities(self, image: np.ndarray, *, cancel: Checkpoint | None = None) -> np.ndarray:
        """Probabilities without dropout, float32 (outputs, z, y, x) on the grid of ``image`` (channels, z, y, x).

        Raises:
            InputError: as :meth:`segment`.
        """
        return self._restored(self._network, self._prepared(image), cancel).numpy()

    def samples(self, image: np.ndarray, *, passes: int, seed: int = 0, cancel: Checkpoint | None = None) -> Iterator[Tensor]:
        """One Monte-Carlo pass after the other, each as float32 (outputs, z, y, x) on the grid of ``image`` (channels, z, y, x).

        A pass drops the same channels in every slice, so that neighbours differ by what they show alone.

        Args:
            image: as in :meth:`segment`.
            passes: at least 1.
            seed: the same seed gives the same samples.
            cancel: called between passes.

        Raises:
            ValueError: ``passes`` is below 1.
        """
        if passes < 1:
            raise ValueError(f"passes is {passes}; expected at least 1")
        prepared = self._prepared(image)
        for index in range(passes):
            if cancel is not None:
                cancel()
            # Not within the pass: another thread's pass would draw other channels.
            yield self._restored(self._sampler, prepared, None, pass_of=(seed, index))

    def _prepared(self, image: np.ndarray) -> PreparedSlices:
        recipe = self.model_version.recipe
        if image.ndim != 4 or len(image) != len(recipe.data.channels):
            raise InputError(
                f"slices of shape {image.shape}: expected (channels, z, y, x) with the channels {', '.join(recipe.data.channels)}"
            )
        return prepare_slices(recipe.preprocessing, image)

    @torch.inference_mode()
    def _restored(
        self, network: nn.Module, prepared: PreparedSlices, cancel: Checkpoint | None, *, pass_of: tuple[int, int] | None = None
    ) -> Tensor:
        with self._lock:
            # Within the lock: the drawn channels belong to the network, and another thread may want other ones.
            if pass_of is not None:
                begin_pass(network, seed=pass_of[0], index=pass_of[1])
            parts = [self._batch(network, part) for part in _parts(prepared.images, between(self._lock, cancel))]
        return prepared.restore(torch.cat(parts))

    def _batch(self, network: nn.Module, images: Tensor) -> Tensor:
        """Probabilities of a batch on the CPU; in halves when the GPU is out of memory."""
        try:
            with self._precision.autocast():
                # Recipes that keep the files' size (report 004) meet other sizes than they were trained on.
                padded, crop = pad(images.to(self._device), self._network.divisor)
                logits = network(padded.contiguous(memory_format=torch.channels_last))[(..., *crop)].float()
            return (logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)).cpu()
        except torch.cuda.OutOfMemoryError:
            if len(images) == 1:
                raise UnavailableError(
                    f"{self._device} is out of memory for a single slice. Close what else uses it, or use the CPU."
                ) from None
        # Outside the handler: the exception's frames hold the tensors that filled the memory.
        torch.cuda.empty_cache()
        half = len(images) // 2
        return torch.cat([self._batch(network, images[:half]), self._batch(network, images[half:])])

    def _mask(self, probabilities: np.ndarray) -> np.ndarray:
        if len(probabilities) == 1:
            return (probabilities[0] > self.threshold).astype(np.uint8)
        return probabilities.argmax(axis=0).astype(np.uint8)


def _parts(images: Tensor, cancel: Checkpoint | None) -> Iterator[Tensor]:
    for start in range(0, len(images), SLICES_AT_ONCE):
        if cancel is not None:
            cancel()
        yield images[start : start + SLICES_AT_ONCE]
