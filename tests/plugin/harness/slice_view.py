"""One of Slicer's slice views, drawn off screen by Slicer's own displayable managers and written as a picture.

Needs an OpenGL that works without a display (EGL); `remote.can_photograph` tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk

LAYOUT = "Red"


class SliceView:
    """A slice view of the current scene.

    Args:
        size: width and height in pixels.
        orientation: ``Axial``, ``Coronal`` or ``Sagittal``.
        layout: name of the view; two views need two names.
    """

    def __init__(self, size: tuple[int, int] = (640, 640), *, orientation: str = "Axial", layout: str = LAYOUT) -> None:
        scene, application_logic = slicer.mrmlScene, slicer.app.applicationLogic()
        self._window = vtk.vtkEGLRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)  # with software GL, smoothing costs three times the time
        self._window.SetSize(*size)
        self._renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._interactor.EnableRenderOff()

        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._node = self._logic.AddSliceNode(layout)
        self._node.SetOrientation(orientation)
        self._node.SetDimensions(*size, 1)

        # The image in a layer below, where nothing that a displayable manager adds can be blended with black instead of it.
        width, height = size
        self._image = vtk.vtkImageActor()
        self._below = below = vtk.vtkRenderer()
        below.AddViewProp(self._image)
        camera = below.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetParallelScale(height / 2)
        camera.SetFocalPoint((width - 1) / 2, (height - 1) / 2, 0)
        camera.SetPosition((width - 1) / 2, (height - 1) / 2, 1000)
        self._window.SetNumberOfLayers(2)
        self._renderer.SetLayer(1)
        self._window.AddRenderer(below)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers = [slicer.vtkMRMLSegmentationsDisplayableManager2D(), slicer.vtkMRMLMarkupsDisplayableManager()]
        self._group.SetRenderer(self._renderer)
        for manager in self._managers:
            manager.SetMRMLApplicationLogic(application_logic)
            self._group.AddDisplayableManager(manager)
        self._group.SetMRMLDisplayableNode(self._node)

    def write(
        self, path: Path, *, volume: Any, overlay: Any, overlay_opacity: float, superior_mm: float, width_mm: float | None = None
    ) -> None:
        """Write a .png of one slice.

        Args:
            path: to write.
            volume: the volume node in the background.
            overlay: a volume node in the foreground, or None.
            overlay_opacity: of the foreground, 0 to 1.
            superior_mm: position of the slice along S (of a coronal one along A, of a sagittal one along R).
            width_mm: of what is shown, around the middle of the volume; None: the whole volume.
        """
        composite = self._logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(volume.GetID())
        composite.SetForegroundVolumeID(overlay.GetID() if overlay is not None else None)
        composite.SetForegroundOpacity(overlay_opacity)
        self._logic.FitSliceToBackground(*self._node.GetDimensions()[:2])
        if width_mm is not None:
            wide, high, deep = self._node.GetFieldOfView()
            self._node.SetFieldOfView(width_mm, width_mm * high / wide, deep)
        self._logic.SetSliceOffset(superior_mm)
        self._logic.UpdatePipeline()
        self._image.GetMapper().SetInputConnection(self._logic.GetImageDataConnection())  # there is none before there is a volume
        self._below.ResetCameraClippingRange()
        write_window(self._window, path)

    def close(self) -> None:
        """Take everything apart in the order that VTK likes."""
        self._group.SetMRMLDisplayableNode(None)
        self._managers.clear()
        self._window.Finalize()


def write_window(window: Any, path: Path) -> None:
    """Draw a window and write it as a .png."""
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetInputConnection(grab.GetOutputPort())
    writer.SetFileName(str(path))
    writer.Write()


def show_as_heat(node: Any, *, lower: float, upper: float) -> None:
    """Display a volume in Slicer's PET-Heat colours from `lower` (below: transparent) to `upper`."""
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, upper)
    colors = slicer.mrmlScene.GetFirstNodeByName("PET-Heat")
    if colors is not None:
        display.SetAndObserveColorNodeID(colors.GetID())
    display.ApplyThresholdOn()
    display.SetLowerThreshold(lower)
