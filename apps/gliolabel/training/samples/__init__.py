"""What a network learns from: samples of labelled cases, prepared as a recipe says, each case once."""

from gliolabel.training.samples.opening import open_samples
from gliolabel.training.samples.sample import Sample
from gliolabel.training.samples.sample_set import SampleCounts, SampleSet

__all__ = ["Sample", "SampleCounts", "SampleSet", "open_samples"]
