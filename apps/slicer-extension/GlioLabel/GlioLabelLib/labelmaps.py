"""Segments between arrays and the segmentation node, without a temporary node in the scene.

Slicer's own ``arrayFromSegmentBinaryLabelmap`` and ``updateSegmentBinaryLabelmapFromArray`` go by way of volume nodes, of which every other
module is told, and whose display nodes may stay behind. Arrays are (z, y, x) on a volume's grid.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support


def segment_array(segmentation: Any, segment_id: str, volume: Any) -> Optional[np.ndarray]:
    """A segment's voxels, bool, or None: it is empty.

    Args:
        segmentation: node.
        segment_id: of the segment; KeyError if there is none.
        volume: node of the volume whose grid is wanted; a segment on another grid is resampled to the nearest voxel.
    """
    if segmentation.GetSegmentation().GetSegment(segment_id) is None:
        raise KeyError(segment_id)
    image = slicer.vtkOrientedImageData()
    if not segmentation.GetBinaryLabelmapRepresentation(segment_id, image):
        return None
    low_x, high_x, low_y, high_y, low_z, high_z = image.GetExtent()
    if low_x > high_x or low_y > high_y or low_z > high_z:
        return None
    on_grid = slicer.vtkOrientedImageData()
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(image, oriented(None, volume), on_grid, False, False):
        return None
    dimensions = volume.GetImageData().GetDimensions()
    flat = numpy_support.vtk_to_numpy(on_grid.GetPointData().GetScalars())
    return flat.reshape(tuple(reversed(dimensions))) != 0


def set_segment(segmentation: Any, segment_id: str, array: np.ndarray, volume: Any) -> None:
    """Put voxels into a segment, in place of what it holds; other segments stay as they are.

    Args:
        segmentation: node.
        segment_id: of a segment that there is.
        array: bool.
        volume: node of the volume on whose grid the array lies.

    Raises:
        RuntimeError: Slicer refuses.
    """
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(oriented(array, volume), segmentation, segment_id, logic.MODE_REPLACE):
        raise RuntimeError(f"the segment {segment_id} cannot be changed")


def oriented(array: Optional[np.ndarray], volume: Any) -> Any:
    """A label map on a volume's grid, with voxels or only with its geometry."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*volume.GetImageData().GetDimensions())
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    if array is not None:
        image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())[:] = np.ascontiguousarray(array, np.uint8).ravel()
    return image
