"""The words of the project: sequences, labels, regions.

Everything that has to agree on a name or a number takes it from here: the network's channel order, the label values on
the wire and on disk, the regions that are evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: The MRI sequences of a case, in the order of the networks' input channels.
SEQUENCES: Final[tuple[str, ...]] = ("t1", "t1ce", "t2", "flair")

#: The models of the product. The first is the default: on held-out cases of the same folds it was never worse than the second
#: (docs/model-cards), and clearly better where a tumour hardly enhances.
MODELS: Final[tuple[str, ...]] = ("resunet2d", "unet3d")
DEFAULT_MODEL: Final = MODELS[0]

#: Which sequence the radiologist sees and every result is returned on: the first of these that the case has.
REFERENCE_ORDER: Final[tuple[str, ...]] = ("t1ce", "flair", "t2", "t1")

#: Label values on the wire and on disk. Contiguous from 1, because the Slicer plugin maps values by position.
LABELS: Final[Mapping[str, int]] = MappingProxyType({"necrosis": 1, "edema": 2, "enhancing tumor": 3})

#: Colours of the labels in pictures, told apart by red-green blind people (Okabe and Ito, 2008).
LABEL_COLOURS: Final[Mapping[str, str]] = MappingProxyType({"necrosis": "#0072B2", "edema": "#F0E442", "enhancing tumor": "#D55E00"})

#: Evaluation regions and the label values they are made of (whole tumour, tumour core, enhancing tumour).
REGIONS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)})


@dataclass(frozen=True)
class LabelSet:
    """What the values of an app's masks mean.

    Args:
        labels: value by name, contiguous from 1 and in this order, because the Slicer plugin maps values by position.
        regions: the label values of each region that scores and volumes are about.
    """

    labels: Mapping[str, int]
    regions: Mapping[str, tuple[int, ...]]

    def volumes_ml(self, counts: Mapping[int, int], *, voxel_ml: float) -> dict[str, float]:
        """Volume of each region in mL, from the number of voxels by value."""
        return {
            region: round(float(sum(counts.get(value, 0) for value in values)) * voxel_ml, 3) for region, values in self.regions.items()
        }


#: The product's own: three tissues.
TISSUES: Final[LabelSet] = LabelSet(LABELS, REGIONS)

#: Stands wherever a user sees a result.
RESEARCH_NOTICE: Final[str] = "Research use only, not a medical device."
