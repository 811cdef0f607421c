"""The maps that are judged: the product's from Monte-Carlo passes, and the baselines that need none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from gliolabel.inference import UncertaintyMaps


@dataclass(frozen=True)
class MapKind:
    """One kind of map.

    Args:
        title: for tables and axes.
        meaning: one sentence.
        passes: whether it takes Monte-Carlo passes.
    """

    title: str
    meaning: str
    passes: bool = True


#: Every map, by name, between 0 and 1. The QU-BraTS score depends on the scale: 1 - max probability stands as it is and doubled, so that
#: its scale is not what it loses by. AURC sees only the order of the voxels.
MAPS: Final[Mapping[str, MapKind]] = {
    "std": MapKind("standard deviation", "Standard deviation over the passes, doubled: the map that is served."),
    "entropy": MapKind("entropy", "Binary entropy of the mean over the passes."),
    "mutual_information": MapKind("mutual information", "Entropy of the mean less the mean entropy of the passes."),
    "expected_error": MapKind(
        "expected error", "Distance of the mean over the passes from the mask (1 or 0): the probability that the mask is wrong."
    ),
    "max_probability": MapKind(
        "1 - max probability", "1 less the larger of p and 1 - p, p the served probability of the region: 0 to 0.5.", passes=False
    ),
    "max_probability_doubled": MapKind("1 - max probability, doubled", "The same, doubled to run from 0 to 1.", passes=False),
    "none": MapKind("no uncertainty", "0 everywhere.", passes=False),
}

#: The map that the product serves, and what it must beat.
SERVED: Final = "std"
BASELINES: Final = ("none", "max_probability")


def maps_of(maps: UncertaintyMaps, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """The maps of some passes.

    Args:
        maps: of these passes.
        chosen: boolean (z, y, x), the voxels that are judged.

    Returns:
        By name float32 (3, chosen voxels), 0 to 1.
    """
    found = {name: values[:, chosen] for name, values in maps.by_region.items()}
    found[SERVED] = 2 * found[SERVED]
    found["expected_error"] = maps.expected_error[:, chosen]
    return {name: np.clip(found[name], 0, 1) for name, kind in MAPS.items() if kind.passes}


def baselines_of(probabilities: np.ndarray, chosen: np.ndarray, brain: np.ndarray) -> dict[str, np.ndarray]:
    """The maps that need no pass.

    Args:
        probabilities: float32 (3, z, y, x), the served probabilities of the regions.
        chosen: see :func:`maps_of`.
        brain: boolean (z, y, x); nothing is doubted outside it.

    Returns:
        As :func:`maps_of`.
    """
    p = probabilities[:, chosen]
    rest = np.clip(1 - np.maximum(p, 1 - p), 0, 0.5) * brain[chosen]
    return {"max_probability": rest, "max_probability_doubled": 2 * rest, "none": np.zeros_like(rest)}
