"""Slicer's `sitkUtils`: a SimpleITK image into the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util import numpy_support


def ijk_to_ras(image: sitk.Image) -> np.ndarray:
    """The 4x4 matrix from voxel index (i, j, k) to Slicer's RAS mm; SimpleITK's own world is LPS, hence the two signs."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def PushVolumeToSlicer(
    image: sitk.Image, targetNode: Any = None, name: str | None = None, className: str = "vtkMRMLScalarVolumeNode"
) -> Any:
    """Make a volume node of `className` from an image, voxels and geometry as they are."""
    array = sitk.GetArrayFromImage(image)
    if array.ndim != 3:
        raise ValueError(f"PushVolumeToSlicer: a {array.ndim}-D image, expected 3-D")
    data = vtk.vtkImageData()
    data.SetDimensions(*image.GetSize())
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True)
    data.GetPointData().SetScalars(scalars)
    node = targetNode or slicer.mrmlScene.AddNewNodeByClass(className, slicer.mrmlScene.GetUniqueNameByString(name or className))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(ijk_to_ras(image).ravel().tolist())
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveImageData(data)
    return node
