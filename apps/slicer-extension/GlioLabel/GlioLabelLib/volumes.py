"""Volumes between files, nodes and arrays. Arrays are (z, y, x)."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import slicer
import vtk

#: On nodes of ours: the case they belong to. What has it is removed with the next case, and nothing else is.
CASE_ATTRIBUTE = "GlioLabel.Case"
#: On volumes of ours: which sequence it is.
SEQUENCE_ATTRIBUTE = "GlioLabel.Sequence"


class VolumeError(Exception):
    """A file that does not fit; the text is for the reader."""


def load_volume(path: str, name: str, case_id: str, sequence: str = "") -> Any:
    """A file as a volume node of the scene.

    Raises:
        VolumeError: Slicer cannot read it.
    """
    try:
        node = slicer.util.loadVolume(path, {"name": name, "show": False})
    except RuntimeError as error:
        raise VolumeError(f"Slicer cannot read {name} of {case_id}: {error}") from error
    storage = node.GetStorageNode()
    if storage is not None:
        # It names a file that is deleted now, or one of the study folder: a scene that is saved must not rely on it, nor write to it.
        slicer.mrmlScene.RemoveNode(storage)
    node.SetName(name)
    node.SetAttribute(CASE_ATTRIBUTE, case_id)
    if sequence:
        node.SetAttribute(SEQUENCE_ATTRIBUTE, sequence)
    return node


def read_array(path: str, on: Any) -> np.ndarray:
    """The voxels of a file that lies on a volume's grid, without a node in the scene.

    Args:
        path: the file.
        on: the volume node.

    Raises:
        VolumeError: it cannot be read, or lies on another grid.
    """
    node = slicer.vtkMRMLScalarVolumeNode()
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(path)
    if not storage.ReadData(node) or node.GetImageData() is None:
        raise VolumeError("The file that the server sent cannot be read.")
    if not same_grid(node, on):
        raise VolumeError(f"What the server sent lies on another grid than {on.GetName()}. Take the case again with Next case.")
    return np.array(slicer.util.arrayFromVolume(node))


def write_labels(array: np.ndarray, on: Any, path: str) -> None:
    """Write a label map, uint8 (z, y, x), on a volume's grid.

    Raises:
        VolumeError: it cannot be written.
    """
    node = slicer.vtkMRMLLabelMapVolumeNode()
    matrix = vtk.vtkMatrix4x4()
    on.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(array.shape))
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    node.SetAndObserveImageData(image)
    slicer.util.arrayFromVolume(node)[:] = array
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(path)
    storage.SetUseCompression(1)
    if not storage.WriteData(node):
        raise VolumeError(f"The label cannot be written to {path}. Is the disk full?")


def same_grid(a: Any, b: Any, tolerance: float = 1e-3) -> bool:
    """Whether two volume nodes have the same voxels in the same places (mm)."""
    if a.GetImageData().GetDimensions() != b.GetImageData().GetDimensions():
        return False
    return bool(np.abs(ijk_to_ras(a) - ijk_to_ras(b)).max() <= tolerance)


def ijk_to_ras(node: Any) -> np.ndarray:
    """The volume's 4x4 matrix from (i, j, k) to RAS mm."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def voxel_ml(node: Any) -> float:
    """Volume of a voxel in mL."""
    return float(abs(np.linalg.det(ijk_to_ras(node)[:3, :3]))) / 1000.0


def nodes_of_case(case_id: Optional[str] = None) -> list:
    """Nodes of ours: of a case, or of any."""
    found = []
    for node in slicer.util.getNodesByClass("vtkMRMLNode"):
        value = node.GetAttribute(CASE_ATTRIBUTE)
        if value and (case_id is None or value == case_id):
            found.append(node)
    return found


def remove_nodes(nodes: list) -> None:
    """Take nodes out of the scene, with their display and storage nodes."""
    scene = slicer.mrmlScene
    for node in nodes:
        if scene.GetNodeByID(node.GetID() or "") is None:
            continue
        parts = []
        if hasattr(node, "GetNumberOfDisplayNodes"):
            parts += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
        if hasattr(node, "GetNumberOfStorageNodes"):
            parts += [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
        scene.RemoveNode(node)
        for part in parts:
            if part is not None and scene.GetNodeByID(part.GetID() or "") is not None:
                scene.RemoveNode(part)
