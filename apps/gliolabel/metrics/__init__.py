"""Metrics: pure functions of (prediction, target), channel first."""

from gliolabel.metrics.overlap import dice
from gliolabel.metrics.surface import hausdorff95

__all__ = ["dice", "hausdorff95"]
