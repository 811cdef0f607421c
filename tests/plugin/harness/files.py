"""Slicer's IO manager: `slicer.util.loadVolume`, `loadMarkups` and `saveNode` end here, and here at Slicer's own storage classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MARKUPS_ENDINGS = (".mrk.json", ".json", ".fcsv")


class CoreIOManager:
    """Loads and saves nodes with the module logics and storage nodes that Slicer's readers and writers use."""

    def __init__(self, *, scene: Any, modules: Any) -> None:
        self._scene = scene
        self._modules = modules

    def fileType(self, path: str) -> str:
        name = str(path).lower()
        if name.endswith(MARKUPS_ENDINGS):
            return "MarkupsFile"
        return "SegmentationFile" if name.endswith((".seg.nrrd", ".seg.nhdr")) else "VolumeFile"

    def fileWriterFileType(self, node: Any) -> str:
        for kind, file_type in (
            ("vtkMRMLVolumeNode", "VolumeFile"),
            ("vtkMRMLMarkupsNode", "MarkupsFile"),
            ("vtkMRMLSegmentationNode", "SegmentationFile"),
        ):
            if node.IsA(kind):
                return file_type
        raise NotImplementedError(f"writing a {node.GetClassName()}")

    def loadNodes(self, file_type: str, properties: dict[str, Any], loaded: Any, messages: Any) -> bool:
        """Load one file into the scene; False, with messages filled, when Slicer's reader cannot."""
        path = properties["fileName"]
        name = properties.get("name") or Path(path).name.split(".")[0]
        match file_type:
            case "VolumeFile":
                node = self._modules.volumes.logic().AddArchetypeVolume(path, name)
            case "SegmentationFile":
                node = self._modules.segmentations.logic().LoadSegmentationFromFile(path, True, name)
            case "MarkupsFile":
                node = self._scene.GetNodeByID(self._modules.markups.logic().LoadMarkups(path, name, messages) or "")
            case _:
                raise NotImplementedError(f"reading a {file_type}")
        if node is None:
            return False
        loaded.AddItem(node)
        return True

    def saveNodes(self, file_type: str, properties: dict[str, Any], messages: Any) -> bool:
        """Write one node to a file, compressed as Slicer does by default."""
        node = self._scene.GetNodeByID(properties["nodeID"])
        storage = node.CreateDefaultStorageNode()
        self._scene.AddNode(storage)
        try:
            storage.SetFileName(str(properties["fileName"]))
            storage.SetUseCompression(properties.get("useCompression", 1))
            written = bool(storage.WriteData(node))
            if not written and storage.GetUserMessages():
                messages.AddMessages(storage.GetUserMessages())
            return written
        finally:
            self._scene.RemoveNode(storage)
