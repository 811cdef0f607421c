"""Slicer's 3-D view, drawn off screen by its own displayable managers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk
from harness.slice_view import write_window


class ThreeDView:
    """A 3-D view of the current scene.

    Args:
        size: width and height in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._window = vtk.vtkEGLRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)  # surfaces that one looks through need it
        self._window.SetAlphaBitPlanes(1)
        self._window.SetSize(*size)
        self._renderer = vtk.vtkRenderer()
        self._renderer.SetBackground(0, 0, 0)
        # Surfaces that one looks through, in the right order.
        self._renderer.SetUseDepthPeeling(1)
        self._renderer.SetMaximumNumberOfPeels(8)
        self._renderer.SetOcclusionRatio(0.0)
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._interactor.EnableRenderOff()
        self._node = slicer.vtkMRMLViewNode()
        self._node.SetLayoutName("1")
        slicer.mrmlScene.AddNode(self._node)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers = [slicer.vtkMRMLSegmentationsDisplayableManager3D(), slicer.vtkMRMLMarkupsDisplayableManager()]
        self._group.SetRenderer(self._renderer)
        for manager in self._managers:
            manager.SetMRMLApplicationLogic(slicer.app.applicationLogic())
            self._group.AddDisplayableManager(manager)
        self._group.SetMRMLDisplayableNode(self._node)

    def write(self, path: Path, *, looks_at: tuple[float, float, float], comes_from: tuple[float, float, float], height_mm: float) -> None:
        """Write a .png.

        Args:
            path: to write.
            looks_at: RAS in mm, the middle of the picture.
            comes_from: direction to the eye.
            height_mm: of what is shown.
        """
        camera = self._renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetParallelScale(height_mm / 2)
        camera.SetFocalPoint(*looks_at)
        camera.SetPosition(*(place + 500 * way for place, way in zip(looks_at, comes_from, strict=True)))
        camera.SetViewUp(0, 0, 1)
        self._renderer.ResetCameraClippingRange()
        write_window(self._window, path)

    def close(self) -> None:
        """Take everything apart in the order that VTK likes."""
        self._group.SetMRMLDisplayableNode(None)
        self._managers.clear()
        self._window.Finalize()


def position(points: Any, number: int) -> tuple[float, float, float]:
    """Where a point of a list lies, RAS in mm."""
    found = [0.0, 0.0, 0.0]
    points.GetNthControlPointPositionWorld(number, found)
    return found[0], found[1], found[2]
