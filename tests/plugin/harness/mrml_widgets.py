"""Stand-ins for Slicer's own widgets in the plugin's `.ui` file."""

from __future__ import annotations

from typing import Any

from .signals import cosmetic
from .widgets import QPushButton, QWidget


class qMRMLWidget(QWidget):
    """A widget that is told the scene."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.scene: Any = None

    def setMRMLScene(self, scene: Any) -> None:
        self.scene = scene


@cosmetic("setButtonsVisible")
class qSlicerMarkupsPlaceWidget(qMRMLWidget):
    """Puts points into a markups node by mouse; here only the node it works on is kept."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.placeModeEnabled = False
        self.buttonsVisible = True
        self._node: Any = None
        self._buttons = {"place": QPushButton(), "delete": QPushButton()}

    def placeButton(self) -> QPushButton:
        return self._buttons["place"]

    def deleteButton(self) -> QPushButton:
        return self._buttons["delete"]

    def currentNode(self) -> Any:
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        self._node = node

    def setPlaceModeEnabled(self, enabled: bool) -> None:
        self.placeModeEnabled = bool(enabled)


@cosmetic("setSegmentationNodeSelectorVisible", "setSourceVolumeNodeSelectorVisible")
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The embedded segment editor: keeps what it was set to. Editing itself is done on the MRML node (see `scene`)."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._editor_node: Any = None
        self._segmentation: Any = None
        self._volume: Any = None
        self._segment_id = ""

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._editor_node = node

    def setSegmentationNode(self, node: Any) -> None:
        self._segmentation = node
        if self._editor_node is not None:
            self._editor_node.SetAndObserveSegmentationNode(node)

    def setSourceVolumeNode(self, node: Any) -> None:
        self._volume = node
        if self._editor_node is not None:
            self._editor_node.SetAndObserveSourceVolumeNode(node)

    def segmentationNode(self) -> Any:
        return self._segmentation

    def sourceVolumeNode(self) -> Any:
        return self._volume

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._segment_id = segment_id
