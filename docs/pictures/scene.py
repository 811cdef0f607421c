"""The result of one case in Slicer's own scene, and its views, drawn off screen by slicer-core."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import slicer
import slicer.util
from matplotlib import colormaps
from matplotlib.colors import to_rgb

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "plugin"))

from harness.app import start_application  # noqa: E402
from harness.slice_view import SliceView  # noqa: E402
from three_d_view import ThreeDView, position  # noqa: E402

from gliolabel.vocabulary import LABEL_COLOURS, LABELS  # noqa: E402

#: Below this the map is not shown.
_LEAST: Final = 0.03
#: Places that lie so near to a slice are shown on it.
_NEAR_MM: Final = 4.0
_HEAD_OPACITY: Final = 0.2
_WHITE: Final = (1.0, 1.0, 1.0)


class Scene:
    """One case with its results.

    Args:
        folder: for temporary files.
        reference: the volume that is shown.
        results: what ``gliolabel segment`` wrote.
        case_id: the case.
        size: of a picture in pixels.
    """

    def __init__(self, folder: Path, *, reference: Path, results: Path, case_id: str, size: tuple[int, int]) -> None:
        start_application(folder)
        self.volume = slicer.util.loadVolume(str(reference))
        _window(self.volume)
        self.map = slicer.util.loadVolume(str(results / f"{case_id}_uncertainty.nii.gz"))
        #: Values at both ends of the map's colours.
        self.map_range = _show_map(self.map)
        self._slices = SliceView(size)
        self._space = ThreeDView(size)
        self.mask = _label_volume(results / f"{case_id}_mask.nii.gz")
        self._segments = _segments(self.mask, list(LABELS.items()))
        self._head = _head(self.volume)
        self.points = slicer.util.loadMarkups(str(results / f"{case_id}_places.mrk.json"))
        _number(self.points)

    def places(self) -> list[tuple[float, float, float]]:
        """Where the places to look at lie, RAS in mm, worst first."""
        return [position(self.points, number) for number in range(self.points.GetNumberOfControlPoints())]

    def middle(self) -> tuple[float, float, float]:
        """The middle of the mask, RAS in mm."""
        voxels = np.argwhere(slicer.util.arrayFromVolume(self.mask) > 0)
        return _to_ras(self.mask, *(float(n) for n in voxels.mean(axis=0)))

    def side(self) -> tuple[float, float, float]:
        """From where the tumour is seen best: its own side, a little from the front and from above."""
        right = self.middle()[0] - self._centre()[0]
        return (0.9 if right > 0 else -0.9), 0.35, 0.3

    def slice_of_most_tumour(self) -> float:
        """Where along S the mask is largest, in mm."""
        voxels = np.argwhere(slicer.util.arrayFromVolume(self.mask) > 0)
        values, counts = np.unique(voxels[:, 0], return_counts=True)
        return _to_ras(self.mask, float(values[counts.argmax()]), 0.0, 0.0)[2]

    def write_slice(
        self, path: Path, *, superior_mm: float, width_mm: float, mask: str = "", overlay: bool = False, points: bool = False
    ) -> None:
        """An axial slice as Slicer draws it.

        Args:
            path: the .png.
            superior_mm: where.
            width_mm: of what is shown.
            mask: empty: none; ``fill``: filled, ``outline``: only borders.
            overlay: with the map.
            points: with the places near the slice.
        """
        display = self._segments.GetDisplayNode()
        display.SetVisibility2D(bool(mask))
        display.SetAllSegmentsVisibility2DFill(mask == "fill")
        display.SetOpacity2DFill(0.55)
        display.SetOpacity2DOutline(1.0)
        display.SetSliceIntersectionThickness(2)
        self._head.GetDisplayNode().SetVisibility2D(False)
        for number, place in enumerate(self.places()):
            self.points.SetNthControlPointVisibility(number, points and abs(place[2] - superior_mm) <= _NEAR_MM)
        self._slices.write(
            path,
            volume=self.volume,
            overlay=self.map if overlay else None,
            overlay_opacity=0.85,
            superior_mm=superior_mm,
            width_mm=width_mm,
        )

    def write_space(self, path: Path, *, comes_from: tuple[float, float, float], height_mm: float) -> None:
        """The surfaces and all places.

        Args:
            path: the .png.
            comes_from: direction to the eye.
            height_mm: of what is shown.
        """
        for segmentation in (self._segments, self._head):
            segmentation.CreateClosedSurfaceRepresentation()
            segmentation.GetDisplayNode().SetVisibility3D(True)
        display = self._segments.GetDisplayNode()
        for name, opacity in zip(LABELS, (1.0, 0.3, 0.7), strict=True):
            display.SetSegmentOpacity3D(self._segments.GetSegmentation().GetSegmentIdBySegmentName(name), opacity)
        self._head.GetDisplayNode().SetOpacity3D(_HEAD_OPACITY)
        for number in range(self.points.GetNumberOfControlPoints()):
            self.points.SetNthControlPointVisibility(number, True)
        self._space.write(path, looks_at=self._centre(), comes_from=comes_from, height_mm=height_mm)

    def _centre(self) -> tuple[float, float, float]:
        head = np.argwhere(slicer.util.arrayFromVolume(self.volume) > 0)
        return _to_ras(self.volume, *(float(n) for n in (head.min(axis=0) + head.max(axis=0)) / 2))

    def close(self) -> None:
        """Take the views apart."""
        self._space.close()
        self._slices.close()


def _to_ras(volume: Any, z: float, y: float, x: float) -> tuple[float, float, float]:
    matrix = slicer.util.arrayFromVTKMatrix(_ijk_to_ras(volume))
    r, a, s = (matrix @ np.array([x, y, z, 1.0]))[:3]
    return float(r), float(a), float(s)


def _ijk_to_ras(volume: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def _window(volume: Any) -> None:
    """Grey values of the head alone."""
    values = slicer.util.arrayFromVolume(volume)
    low, high = np.percentile(values[values > 0], (1.0, 99.7))
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(float(low) * 0.5, float(high))
    display.SetInterpolate(1)


def _show_map(node: Any) -> tuple[float, float]:
    """From dark to bright, so that it reads the same in grey and to red-green blind people. Returns the values at both ends."""
    values = slicer.util.arrayFromVolume(node)
    shown = values[values > _LEAST]
    top = float(np.ceil(20 * np.percentile(shown, 99.0)) / 20) if shown.size else 0.5
    table = slicer.vtkMRMLColorTableNode()
    table.SetTypeToUser()
    table.SetName("magma")
    table.SetNumberOfColors(256)
    for index, colour in enumerate(colormaps["magma"](np.linspace(0.25, 1.0, 256))):
        table.SetColor(index, str(index), *(float(part) for part in colour))
    slicer.mrmlScene.AddNode(table)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(table.GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, top)
    display.ApplyThresholdOn()
    display.SetThreshold(_LEAST, 1e6)
    display.SetInterpolate(1)
    return _LEAST, top


def _label_volume(path: Path) -> Any:
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(path), path.name, 1)


def _segments(labels: Any, names: list[tuple[str, int]]) -> Any:
    """A segmentation of a label volume, with our names and colours."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mask")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(labels)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, node, "")
    contents = node.GetSegmentation()
    by_value = {contents.GetNthSegment(n).GetLabelValue(): contents.GetNthSegmentID(n) for n in range(contents.GetNumberOfSegments())}
    for name, value in names:
        if value in by_value:
            segment = contents.GetSegment(by_value[value])
            segment.SetName(name)
            segment.SetColor(*to_rgb(LABEL_COLOURS.get(name, "#FFFFFF")))
    return node


def _head(volume: Any) -> Any:
    """The surface of what is not black, to see where in the head the tumour lies."""
    labels = slicer.modules.volumes.logic().CreateAndAddLabelVolume(volume, "head")
    slicer.util.updateVolumeFromArray(labels, (slicer.util.arrayFromVolume(volume) > 0).astype(np.uint8))
    node = _segments(labels, [("head", 1)])
    node.GetDisplayNode().SetVisibility2D(False)
    return node


def _number(points: Any) -> None:
    """Labels are ranks alone; the words stand beside the picture."""
    display = points.GetDisplayNode()
    display.SetSelectedColor(*_WHITE)
    display.SetColor(*_WHITE)
    display.SetTextScale(6.0)
    display.SetGlyphScale(2.6)
    display.SetPointLabelsVisibility(True)
    display.SetPropertiesLabelVisibility(False)
    for number in range(points.GetNumberOfControlPoints()):
        points.SetNthControlPointLabel(number, str(number + 1))
