"""From a case to the tensor a network reads, and from a result back to the case's own grid."""

from gliolabel.preprocessing.clinical import processing_for
from gliolabel.preprocessing.prepare import Prepared, prepare

__all__ = ["Prepared", "prepare", "processing_for"]
