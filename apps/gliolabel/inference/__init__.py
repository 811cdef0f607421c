"""Segmenting a case: devices, precision, memory policy, Monte-Carlo dropout."""

from gliolabel.inference.results import Segmentation, UncertaintyMaps
from gliolabel.inference.segmenter import DEFAULT_PASSES, Segmenter

__all__ = ["DEFAULT_PASSES", "Segmentation", "Segmenter", "UncertaintyMaps"]
