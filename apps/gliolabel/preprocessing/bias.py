"""N4: taking the coil's slow brightness changes out of a volume."""

from __future__ import annotations

from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.studies.grid import Grid

#: The field is slow, so it is sought on voxels of about this edge (mm).
_EDGE_MM: Final = 4.0
#: Steps at each of the levels, each with control points twice as close.
_STEPS: Final = (50, 50, 30)


def without_bias(volume: np.ndarray, grid: Grid, brain: np.ndarray) -> np.ndarray:
    """A volume divided by its bias field.

    Source: N4ITK, Tustison et al. 2010, doi:10.1109/TMI.2010.2046908, as in SimpleITK.

    Args:
        volume: float32 (z, y, x).
        grid: its grid.
        brain: boolean (z, y, x), where the field is sought.

    Returns:
        float32 (z, y, x); the mean inside the brain is as before.
    """
    lowest = float(volume[brain].min())
    image, mask = grid.image(volume - lowest + 1.0), grid.image(brain.astype(np.uint8))
    factors = [max(1, min(n // 4, round(_EDGE_MM / s))) for n, s in zip(grid.size, grid.spacing, strict=True)]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(_STEPS)
    corrector.SetNumberOfWorkUnits(1)
    corrector.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    field = np.exp(sitk.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)))
    corrected = (volume - lowest + 1.0) / field
    scale = float((volume[brain] - lowest + 1.0).mean() / corrected[brain].mean())
    result: np.ndarray = (corrected * scale + lowest - 1.0).astype(np.float32)
    return result
