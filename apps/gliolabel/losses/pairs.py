"""Prediction and truth brought to the same shape and precision."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """The same values in float32, or in float64 where they are: half precision loses the small terms of a sum over an image."""
    return values if values.dtype in {torch.float32, torch.float64} else values.float()


def aligned(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction and truth, both (batch, channels, *space) in the prediction's precision (at least float32).

    Args:
        prediction: (batch, channels, *space), probabilities.
        target: the truth in the prediction's shape (one-hot, or 0 and 1 for one channel); or (batch, *space) or (batch, 1, *space)
            integers: the class of several channels, 0 or 1 for one channel.

    Raises:
        ValueError: the shapes do not fit, or a class is not one of the channels.
    """
    prediction = at_least_float32(prediction)
    if prediction.ndim < 3:
        raise ValueError(f"prediction has shape {tuple(prediction.shape)}; expected (batch, channels, *space)")
    if target.shape == prediction.shape:
        return prediction, target.to(prediction.dtype)
    batch, channels, *space = prediction.shape
    if tuple(target.shape) not in {(batch, *space), (batch, 1, *space)}:
        raise ValueError(
            f"target has shape {tuple(target.shape)}; expected {tuple(prediction.shape)} as the prediction, or {(batch, *space)} classes"
        )
    target = target.reshape(batch, *space)
    if channels == 1:
        return prediction, target.unsqueeze(1).to(prediction.dtype)
    if target.is_floating_point() or (target.numel() and not 0 <= int(target.min()) <= int(target.max()) < channels):
        raise ValueError(f"target holds {target.dtype} values that are not all classes; expected integers from 0 to {channels - 1}")
    return prediction, one_hot(target, channels, like=prediction)


def one_hot(target: Tensor, channels: int, *, like: Tensor) -> Tensor:
    """(batch, channels, *space) of 0 and 1 from (batch, *space) classes, in the precision of ``like``."""
    # torch's one_hot makes int64 with the classes last: eight times the memory, and a copy to turn it round.
    empty = torch.zeros((len(target), channels, *target.shape[1:]), dtype=like.dtype, device=like.device)
    return empty.scatter_(1, target.to(like.device).long().unsqueeze(1), 1.0)


def refuse_unknown(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless the option's value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(map(repr, allowed))}")
