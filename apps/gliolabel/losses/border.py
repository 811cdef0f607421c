"""The border weight map: pixels between two separate regions count more."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

Array = TypeVar("Array", np.ndarray, Tensor)

#: What the squared sum of distances is divided by, in multiples of sigma squared.
DENOMINATORS = {"printed": 4.0, "ronneberger": 2.0}


def border_weight_map(
    mask: Array,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    denominator: Literal["printed", "ronneberger"] = "printed",
    connectivity: Literal[4, 8] = 8,
    where: Literal["everywhere", "background"] = "everywhere",
) -> Array:
    """``w0 exp(-(d1 + d2)^2 / denominator)``, where d1 and d2 are the distances to the nearest and the second nearest region.

    A region is a connected part of the mask. The distance to it is Euclidean, in pixels, from a pixel's centre to the nearest centre
    of a pixel of the region: 0 inside the region. With more than two regions the two smallest distances of each pixel count. A mask
    without two regions (empty, one region, all tumour) has no pixel between regions: the map is 0 everywhere.

    This is the border term alone; the class weights are :func:`gliolabel.losses.balanced_class_weights`.

    Args:
        mask: (height, width) or (depth, height, width); a pixel above 0.5 belongs to a region.
        w0: the weight where both distances are 0, 0 or more.
        sigma: in pixels, above 0.
        denominator: ``printed`` is ``(2 sigma)^2`` as report 000 prints equation 1 (100 for sigma 5); ``ronneberger`` is ``2 sigma^2``
            as the paper it quotes does (50).
        connectivity: 8: pixels that touch by a corner (in 3-D also by an edge: 26 neighbours) are connected; 4: only those that share
            a side (in 3-D a face: 6 neighbours).
        where: ``everywhere``, or ``background``: 0 inside the regions.

    Returns:
        float64 in the mask's shape, as an array for an array, as a tensor on the same device for a tensor; from 0 to w0.

    Raises:
        ValueError: the mask has another number of axes, or an option is none of those above.

    Source: report 000 (Patsatzi and Whiteley Tscherniak 2023), equation 1; Ronneberger et al. 2015, equation 2.

    Example:
        >>> border_weight_map(np.array([[1, 0, 1]])).round(4)
        array([[9.6079, 9.6079, 9.6079]])
    """
    if isinstance(mask, Tensor):
        values = _border(mask.detach().cpu().float().numpy(), w0, sigma, denominator, connectivity, where)
        return torch.from_numpy(values).to(mask.device)
    return _border(np.asarray(mask), w0, sigma, denominator, connectivity, where)


def _border(mask: np.ndarray, w0: float, sigma: float, denominator: str, connectivity: int, where: str) -> np.ndarray:
    _check(mask, w0, sigma, denominator, connectivity, where)
    inside = mask > 0.5
    touching = ndimage.generate_binary_structure(inside.ndim, inside.ndim if connectivity == 8 else 1)
    labels, regions = ndimage.label(inside, structure=touching)
    if regions < 2:
        return np.zeros(inside.shape)
    nearest, second = np.full(inside.shape, np.inf), np.full(inside.shape, np.inf)
    for region in range(1, regions + 1):
        distance = ndimage.distance_transform_edt(labels != region)
        np.minimum(second, np.maximum(nearest, distance), out=second)
        np.minimum(nearest, distance, out=nearest)
    weights = w0 * np.exp(-((nearest + second) ** 2) / (DENOMINATORS[denominator] * sigma**2))
    if where == "background":
        weights[inside] = 0.0
    return weights


def _check(mask: np.ndarray, w0: float, sigma: float, denominator: str, connectivity: int, where: str) -> None:
    if mask.ndim not in {2, 3}:
        raise ValueError(f"mask has shape {mask.shape}; expected (height, width) or (depth, height, width)")
    if w0 < 0 or not sigma > 0:
        raise ValueError(f"w0 is {w0} and sigma {sigma}; expected w0 of 0 or more and sigma above 0")
    if denominator not in DENOMINATORS or connectivity not in {4, 8} or where not in {"everywhere", "background"}:
        raise ValueError(
            f"denominator is {denominator!r}, connectivity {connectivity!r}, where {where!r}; expected 'printed' or 'ronneberger', "
            "4 or 8, 'everywhere' or 'background'"
        )
