"""The uncertainty map as a colour overlay: one fixed scale, one fixed palette, a legend."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import slicer

from .volumes import load_volume, remove_nodes
from .words import Measure

#: From low to high, ever brighter, so that it reads the same in grey and to red-green blind people (magma, by S. van der Walt and
#: N. Smith, CC0); none of the tissues' colours.
ANCHORS = (
    (0x1C, 0x10, 0x44),
    (0x4F, 0x12, 0x7B),
    (0x81, 0x25, 0x81),
    (0xB5, 0x36, 0x7A),
    (0xE5, 0x50, 0x64),
    (0xFB, 0x87, 0x61),
    (0xFE, 0xC2, 0x87),
    (0xFC, 0xFD, 0xBF),
)
TABLE_NAME = "GlioLabel uncertainty"
NODE_NAME = "uncertainty"


class Overlay:
    """The map of a case in the slice views."""

    def __init__(self) -> None:
        self.node: Optional[Any] = None

    def load(self, path: str, case_id: str, measure: Measure) -> None:
        """Take the place of the map that is shown.

        Args:
            path: the file.
            case_id: the case.
            measure: says what the scale is.

        Raises:
            VolumeError: it cannot be read.
        """
        node = load_volume(path, f"{case_id} {NODE_NAME}", case_id)
        self.remove()
        self.node = node
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(0.0, measure.highest)
        display.SetAndObserveColorNodeID(color_table().GetID())
        display.SetInterpolate(1)
        self.threshold(measure.threshold)
        self._legend(measure)

    def threshold(self, lowest: float) -> None:
        """Below this value the map is not shown."""
        if self.node is not None:
            display = self.node.GetDisplayNode()
            display.ApplyThresholdOn()
            display.SetThreshold(lowest, 1e6)

    def remove(self) -> None:
        """Take it off."""
        if self.node is not None:
            remove_nodes([self.node])
        self.node = None

    def _legend(self, measure: Measure) -> None:
        """A colour legend in the views, where Slicer has such."""
        logic = getattr(slicer.modules, "colors", None)
        make = getattr(logic.logic(), "AddDefaultColorLegendDisplayNode", None) if logic is not None else None
        legend = make(self.node) if make is not None else None
        if legend is not None:
            legend.SetTitleText(measure.title)
            legend.SetNumberOfLabels(3)
            legend.SetVisibility(True)


def color_table() -> Any:
    """The table of the palette; made once per scene."""
    found = slicer.mrmlScene.GetFirstNodeByName(TABLE_NAME)
    if found is not None:
        return found
    table = slicer.vtkMRMLColorTableNode()
    table.SetName(TABLE_NAME)
    table.SetTypeToUser()
    table.SetHideFromEditors(True)
    table.SetNumberOfColors(256)
    for index, (red, green, blue) in enumerate(palette(256)):
        table.SetColor(index, f"{index / 255:.2f}", red, green, blue, 1.0)
    slicer.mrmlScene.AddNode(table)
    return table


def palette(count: int) -> List[Tuple[float, float, float]]:
    """So many colours from low to high, each red, green, blue in 0 to 1.

    Example:
        >>> colors = palette(3)
        >>> [sum(color) for color in colors] == sorted(sum(color) for color in colors)
        True
    """
    colors = []
    for index in range(count):
        place = index / max(1, count - 1) * (len(ANCHORS) - 1)
        low = min(int(place), len(ANCHORS) - 2)
        share = place - low
        red, green, blue = ((a + share * (b - a)) / 255 for a, b in zip(ANCHORS[low], ANCHORS[low + 1]))
        colors.append((red, green, blue))
    return colors


def gradient_style() -> str:
    """The palette as the style of a widget of the panel, from left to right."""
    stops = ", ".join(f"stop:{index / (len(ANCHORS) - 1):.3f} rgb{anchor}" for index, anchor in enumerate(ANCHORS))
    return f"background: qlineargradient(x1:0, y1:0, x2:1, y2:0, {stops}); border: 1px solid gray;"
