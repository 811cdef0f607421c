"""Which class was predicted where which was true: the counts behind the metrics of exclusive classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def hard_classes(probabilities: Tensor, *, threshold: float) -> Tensor:
    """int64 (batch, *space) classes from (batch, channels, *space) probabilities.

    Several channels: the most probable one, the first of equals. One: 1 above the threshold, else 0.
    """
    return (probabilities[:, 0] > threshold).long() if probabilities.shape[1] == 1 else probabilities.argmax(dim=1)


def class_counts(predicted: Tensor, target: Tensor, *, classes: int) -> Tensor:
    """The confusion matrix of each sample.

    Args:
        predicted: (batch, *space) integers from 0 to classes - 1.
        target: the same shape.
        classes: how many there are.

    Returns:
        int64 (batch, classes, classes): voxels by (true class, predicted class), on the device of ``predicted``.

    Raises:
        ValueError: the shapes differ, or the target holds a value that is no class.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"predicted classes have shape {tuple(predicted.shape)}, target {tuple(target.shape)}; expected the same")
    batch = len(target)
    refuse_other_classes(target, classes=classes)
    target = target.to(predicted.device).long().reshape(batch, -1)
    offsets = torch.arange(batch, device=target.device)[:, None] * classes**2
    cells = offsets + target * classes + predicted.reshape(batch, -1)
    return torch.bincount(cells.flatten(), minlength=batch * classes**2).reshape(batch, classes, classes)


def refuse_other_classes(target: Tensor, *, classes: int) -> None:
    """Raise ValueError when the target holds a value that is not one of 0 to classes - 1."""
    if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < classes:
        raise ValueError(f"target holds {int(target.min())} to {int(target.max())}; expected classes from 0 to {classes - 1}")


def counts_of(prediction: ArrayLike | Tensor, target: ArrayLike | Tensor, *, threshold: float) -> Tensor:
    """:func:`class_counts` of one image.

    Args:
        prediction: (channels, *space), probabilities or masks; channels are exclusive classes, background first, or one is tumour.
        target: one-hot in the same shape, or (*space) classes; 0 and 1 for one channel.
        threshold: for one channel, see :func:`hard_classes`.

    Returns:
        int64 (classes, classes) by (true class, predicted class); two classes for one channel.

    Raises:
        ValueError: the shapes do not fit, or the target is neither one-hot nor classes.
    """
    probabilities, truth = _tensor(prediction), _tensor(target)
    if probabilities.ndim < 2:
        raise ValueError(f"prediction has shape {tuple(probabilities.shape)}; expected (channels, *space)")
    channels = len(probabilities)
    if truth.shape == probabilities.shape:
        if channels == 1:
            truth = truth[0] > 0.5
        else:
            if not bool(((truth > 0.5).sum(dim=0) == 1).all()):
                raise ValueError("target is not one-hot: some voxel has no class, or several; expected exactly one along the channels")
            truth = truth.to(torch.float64).argmax(dim=0)
    elif truth.shape != probabilities.shape[1:]:
        raise ValueError(
            f"target has shape {tuple(truth.shape)}; expected {tuple(probabilities.shape)} as the prediction, or "
            f"{tuple(probabilities.shape[1:])} classes"
        )
    return class_counts(hard_classes(probabilities[None], threshold=threshold), truth[None], classes=max(channels, 2))[0]


def ratio(above: Tensor, below: Tensor, *, empty: float | Tensor = 1.0) -> Tensor:
    """``above / below`` in float64; ``empty`` where it is 0 / 0."""
    above, below = above.double(), below.double()
    return torch.where(below > 0, above / below.clamp(min=torch.finfo(torch.float64).tiny), torch.as_tensor(empty).to(above))


def _tensor(values: ArrayLike | Tensor) -> Tensor:
    return values.detach() if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
