"""When to stop before the end, and which weights to keep."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


class EarlyStopping:
    """Keras's EarlyStopping on the validation loss: stop when the epochs without a better one *reach* the patience.

    Args:
        patience: that number of epochs; None: never stop.

    Source: keras.callbacks.EarlyStopping, min_delta 0; report 003 (patience 5).
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._best = math.inf
        self._waited = 0

    def epoch_ended(self, loss: float | None) -> bool:
        """Tell it the validation loss of the epoch that ended; whether to stop now. A loss that is not finite is no better one."""
        if self._patience is None or loss is None:
            return False
        if loss < self._best:
            self._best, self._waited = loss, 0
            return False
        self._waited += 1
        return self._waited >= self._patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return {"best": self._best, "waited": self._waited}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._best, self._waited = state["best"], state["waited"]


class Best:
    """The weights of the best epoch: the first of those with the same value.

    Args:
        largest: the largest value is the best, not the smallest.
    """

    def __init__(self, *, largest: bool) -> None:
        self._sign = 1.0 if largest else -1.0
        self._value = -math.inf
        self.weights: dict[str, Tensor] | None = None
        self.epoch = 0

    def epoch_ended(self, value: float, weights: dict[str, Tensor], *, epoch: int) -> bool:
        """Tell it an epoch's value; whether it is the best so far. Keeps a copy of the weights if it is."""
        if not self._sign * value > self._value and self.weights is not None:
            return False
        self._value = -math.inf if math.isnan(value) else self._sign * value
        self.epoch = epoch
        self.weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        return True

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return {"value": self._value, "epoch": self.epoch, "weights": self.weights}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._value, self.epoch, self.weights = state["value"], state["epoch"], state["weights"]
