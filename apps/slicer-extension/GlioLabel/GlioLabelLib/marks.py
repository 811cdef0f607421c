"""The places to look at as points in the views."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import slicer

from .places import Checklist
from .volumes import CASE_ATTRIBUTE, remove_nodes

_TO_DO = (0.90, 0.62, 0.0)
_DONE = (0.6, 0.6, 0.6)
_NODE_NAME = "places to look at"


class Marks:
    """The point list of a case."""

    def __init__(self) -> None:
        self.node: Optional[Any] = None

    def show(self, checklist: Checklist, case_id: str) -> None:
        """Take the place of the points that are shown."""
        self.remove()
        if not checklist.places:
            return
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{case_id} {_NODE_NAME}")
        node.SetAttribute(CASE_ATTRIBUTE, case_id)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*_TO_DO)
        display.SetColor(*_DONE)
        display.SetPropertiesLabelVisibility(False)
        display.SetTextScale(2.5)
        for index, place in enumerate(checklist.places):
            node.AddControlPoint(*place.position)
            node.SetNthControlPointLabel(index, str(place.rank))
            node.SetNthControlPointDescription(index, place.text)
            node.SetNthControlPointLocked(index, True)
        node.SetLocked(True)
        self.node = node
        self.tick(checklist)

    def tick(self, checklist: Checklist) -> None:
        """Checked places are grey."""
        if self.node is not None:
            for index in range(len(checklist.places)):
                self.node.SetNthControlPointSelected(index, not checklist.is_checked(index))

    def positions(self) -> Sequence[Any]:
        """Where the points are now, RAS in mm."""
        if self.node is None:
            return []
        return [tuple(self.node.GetNthControlPointPositionWorld(index)) for index in range(self.node.GetNumberOfControlPoints())]

    def remove(self) -> None:
        """Take them off."""
        if self.node is not None:
            remove_nodes([self.node])
        self.node = None
