"""The reports' augmentations of whole samples: pure functions of a batch and a generator.

Those of the product's patches are in :mod:`gliolabel.training.patches` (geometry) and :mod:`gliolabel.training.augmentation`.
"""

from gliolabel.training.augmentations.changed import Changed
from gliolabel.training.augmentations.choosing import augment_batch

__all__ = ["Changed", "augment_batch"]
