"""The parts of an app over 2-D slices: its folder, datastore, weights, segmenter and trainer (see sample-apps/lgg_flair)."""

from gliolabel.labelserver.slices.configuration import SliceConfiguration
from gliolabel.labelserver.slices.datastore import SliceDatastore
from gliolabel.labelserver.slices.segmenting import SliceCaseSegmenter
from gliolabel.labelserver.slices.studies import SliceStudies
from gliolabel.labelserver.slices.training import SliceTrainTask
from gliolabel.labelserver.slices.weights import LatestWeights

__all__ = ["LatestWeights", "SliceCaseSegmenter", "SliceConfiguration", "SliceDatastore", "SliceStudies", "SliceTrainTask"]
