"""The reports' preprocessing, step by step: from voxels on disk to what a network reads, and from its answer back."""

from gliolabel.preprocessing.steps.applying import Applied, apply_steps
from gliolabel.preprocessing.steps.samples import PreparedSlices, PreparedVolume, prepare_slices, prepare_volume

__all__ = ["Applied", "PreparedSlices", "PreparedVolume", "apply_steps", "prepare_slices", "prepare_volume"]
