"""A run's maps and places as they are stored: names, steps, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from gliolabel.errors import InputError
from gliolabel.inference import UncertaintyMaps
from gliolabel.labelserver.wire import WHOLE_CASE
from gliolabel.uncertainty import Place

#: The regions' maps are whole steps of 1 / this on the disk: passes differ by far more, and nine maps of floats would take twice the time.
_STEPS: Final = 2000


def map_name(measure: str, *, region: str = WHOLE_CASE, regions: Collection[str]) -> str:
    """The name under which a map is stored with its run.

    Args:
        measure: ``std``, ``entropy`` or ``mutual_information``.
        region: whose, or ``case``.
        regions: those that there are. The only one's map is the case's.

    Raises:
        InputError: no such region.

    Example:
        >>> map_name("std", regions=("WT", "TC", "ET")), map_name("std", region="ET", regions=("WT", "TC", "ET"))
        ('std', 'std_ET')
    """
    if region not in (WHOLE_CASE, *regions):
        raise InputError(f"The option region = {region[:32]!r} cannot be used: expected {WHOLE_CASE}, {', '.join(regions)}.")
    return measure if region == WHOLE_CASE or len(regions) == 1 else f"{measure}_{region}"


def map_values(stored: np.ndarray) -> np.ndarray:
    """The values of a stored map, float32: of a region's, which is kept in steps, or of a case's."""
    return stored.astype(np.float32) / np.float32(_STEPS) if stored.dtype == np.uint16 else stored.astype(np.float32)


def region_maps(maps: UncertaintyMaps) -> dict[str, np.ndarray]:
    """Each region's maps by :func:`map_name`, in steps, uint16."""
    if len(maps.scores) == 1:
        return {}
    return {
        map_name(measure, region=region, regions=maps.scores): np.round(values * _STEPS).astype(np.uint16)
        for measure, arrays in maps.by_region.items()
        for region, values in zip(maps.scores, arrays, strict=True)
    }


def read_place(stored: Mapping[str, Any]) -> Place:
    """A place to look at, as it was stored with its map."""
    x, y, z = stored["position"]
    i, j, k = stored["index"]
    return Place(**{**stored, "position": (x, y, z), "index": (i, j, k)})
