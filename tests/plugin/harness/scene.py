"""What a reader sees and does in the scene: volume, segments, voxels, painting, points.

Arrays are (z, y, x), matrices map (i, j, k) to RAS mm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk


def matrix_to_array(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])


def volume_matrix(volume: Any) -> np.ndarray:
    """The volume's 4x4 matrix from (i, j, k) to RAS mm."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix_to_array(matrix)


def describe_volume(volume: Any) -> dict[str, Any]:
    """Name, voxels (z, y, x) and geometry of a volume node."""
    return {"name": volume.GetName(), "array": np.array(slicer.util.arrayFromVolume(volume)), "ijk_to_ras": volume_matrix(volume)}


def segment_array(segmentation: Any, segment_id: str, volume: Any) -> np.ndarray:
    """One segment as bool (z, y, x) on the volume's grid."""
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume)
    shape = slicer.util.arrayFromVolume(volume).shape
    return np.zeros(shape, dtype=bool) if array is None or array.size == 0 else np.array(array, dtype=bool)


def describe_segments(segmentation: Any, volume: Any) -> list[dict[str, Any]]:
    """Id, name, colour and voxels of every segment, in the order of the list a reader sees."""
    contents = segmentation.GetSegmentation()
    described = []
    for index in range(contents.GetNumberOfSegments()):
        segment_id = contents.GetNthSegmentID(index)
        segment = contents.GetSegment(segment_id)
        array = segment_array(segmentation, segment_id, volume)
        described.append(
            {"id": segment_id, "name": segment.GetName(), "color": tuple(segment.GetColor()), "array": array, "voxels": int(array.sum())}
        )
    return described


def paint(segmentation: Any, volume: Any, *, name: str, brush: np.ndarray) -> None:
    """Paint `brush` (bool, (z, y, x)) into the segment `name`, as the editor's Paint does: what is painted leaves every other segment."""
    for segment in describe_segments(segmentation, volume):
        if segment["name"] == name:
            painted = segment["array"] | brush
        elif (segment["array"] & brush).any():
            painted = segment["array"] & ~brush
        else:
            continue
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted.astype(np.uint8), segmentation, segment["id"], volume)


def points(ignore: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every point list in the scene but those named in `ignore`: its name and its points' labels, descriptions and RAS positions."""
    lists = []
    for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode"):
        if node.GetName() in ignore:
            continue
        entries = [
            {
                "label": node.GetNthControlPointLabel(index),
                "description": node.GetNthControlPointDescription(index),
                "ras": tuple(node.GetNthControlPointPositionWorld(index)),
            }
            for index in range(node.GetNumberOfControlPoints())
        ]
        lists.append({"name": node.GetName(), "points": entries})
    return lists
