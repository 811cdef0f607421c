"""Pictures of what the scene holds: the reference volume, the segments, the uncertainty map and the places to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

COLORS = {"necrosis": "#d0b8ff", "edema": "#8ce0e4", "enhancing tumor": "#ff5a36"}


def axial(array: np.ndarray, ijk_to_ras: np.ndarray) -> np.ndarray:
    """Reorder (z, y, x) voxels for a picture seen from the feet: (slice, row, column), anterior up, the patient's left on the right."""
    directions = ijk_to_ras[:3, :3]
    axes = [int(np.argmax(np.abs(directions[row]))) for row in range(3)]  # which of i, j, k runs along R, A, S
    if sorted(axes) != [0, 1, 2]:
        raise ValueError("the volume is turned by about 45 degrees: no axis is closest to R, A and S each")
    right, anterior, superior = axes
    ordered = array.transpose(2 - superior, 2 - anterior, 2 - right)
    signs = [directions[row, axis] > 0 for row, axis in enumerate(axes)]
    return ordered[:: 1 if signs[2] else -1, :: -1 if signs[1] else 1, :: -1 if signs[0] else 1]


def draw(path: Path, *, volume: dict[str, Any], segments: list[dict[str, Any]], uncertainty: dict[str, Any] | None, title: str) -> Path:
    """Write a picture of the slice with most tumour: plain, with the segments, with the map.

    Args:
        path: the .png to write.
        volume: `desk.volume()`.
        segments: `desk.segments()`.
        uncertainty: the map as a volume of the scene (`desk.volume_named(...)`), on the same grid.
        title: over the picture.
    """
    matplotlib.use("Agg")
    matrix = volume["ijk_to_ras"]
    grey = axial(volume["array"].astype(float), matrix)
    masks = {s["name"]: axial(s["array"], matrix) for s in segments}
    tumour = np.any(list(masks.values()), axis=0)
    index = int(tumour.sum(axis=(1, 2)).argmax())
    heat = None if uncertainty is None else axial(uncertainty["array"].astype(float), matrix)

    figure = Figure(figsize=(15, 5.6), layout="constrained")
    panels = figure.subplots(1, 3)
    limits = (0.0, float(np.percentile(grey[grey > 0], 99.5)) if (grey > 0).any() else 1.0)
    for panel, name in zip(panels, ("volume in the scene", "segments in the scene", "uncertainty map in the scene"), strict=True):
        panel.imshow(grey[index], cmap="gray", vmin=limits[0], vmax=limits[1])
        panel.set_title(name)
        panel.set_axis_off()
    for name, mask in masks.items():
        _fill(panels[1], mask[index], COLORS.get(name, "yellow"))
    if heat is not None:
        shown = np.ma.masked_less(heat[index], 0.02)
        figure.colorbar(
            panels[2].imshow(shown, cmap="inferno", vmin=0, vmax=max(float(heat.max()), 1e-3), alpha=0.8), ax=panels[2], shrink=0.7
        )
        if tumour[index].any():
            panels[2].contour(tumour[index], levels=[0.5], colors="#8ce0e4", linewidths=0.8)
    counts = ", ".join(f"{s['name']} {s['voxels']}" for s in segments)
    figure.suptitle(f"{title}: slice {index}; voxels: {counts}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    return path


def _fill(axes: Axes, mask: np.ndarray, color: str) -> None:
    axes.imshow(np.ma.masked_equal(mask.astype(float), 0), cmap=ListedColormap([color]), alpha=0.55, interpolation="nearest")
    if mask.any():
        axes.contour(mask, levels=[0.5], colors=[color], linewidths=1.0)
