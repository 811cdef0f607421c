"""The mask as a segmentation node: always the same three segments, in the same colours, and a way back when it is overwritten."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np
import slicer

from .labelmaps import segment_array, set_segment
from .volumes import CASE_ATTRIBUTE
from .words import TISSUES

MODEL_ATTRIBUTE = "GlioLabel.Model"
#: States that can be gone back to.
KEPT = 5


class Kept(NamedTuple):
    """A state of the mask, packed."""

    bits: Tuple[bytes, ...]
    shape: Tuple[int, ...]
    origin: str


class Read(NamedTuple):
    """The mask as it is on the screen.

    Args:
        array: uint8 (z, y, x), values of the tissues, on the reference grid.
        overlapping: voxels that were in more than one segment; the later tissue has them, as in Slicer's own export.
        strangers: segments that are no tissue and have voxels, with their number.
    """

    array: np.ndarray
    overlapping: int
    strangers: List[Tuple[str, int]]


class Mask:
    """The segmentation node of a case.

    Args:
        volume: node of the reference sequence; the mask lies on its grid.
        case_id: the case.
    """

    def __init__(self, volume: Any, case_id: str) -> None:
        self.volume = volume
        self._kept: List[Kept] = []
        #: What made the mask, e.g. ``unet3d starter-1``; empty: nobody but the reader.
        self.origin = ""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{case_id} tumour")
        node.SetAttribute(CASE_ATTRIBUTE, case_id)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        for tissue in TISSUES:
            node.GetSegmentation().AddEmptySegment(tissue.name, tissue.name, tissue.color)
        self.node = node
        self._style()

    def _style(self) -> None:
        display = self.node.GetDisplayNode()
        display.SetOpacity2DFill(0.35)
        display.SetOpacity2DOutline(1.0)

    @property
    def shape(self) -> Tuple[int, ...]:
        """(z, y, x) of the reference grid."""
        return tuple(reversed(self.volume.GetImageData().GetDimensions()))

    def show(self, visible: bool) -> None:
        """Show it, or not."""
        self.node.GetDisplayNode().SetVisibility(visible)

    def stamp(self) -> int:
        """Another number after every edit. Cheap: it can be asked every second."""
        contents = self.node.GetSegmentation()
        newest = contents.GetMTime()
        for index in range(contents.GetNumberOfSegments()):
            segment = contents.GetNthSegment(index)
            image = segment.GetRepresentation("Binary labelmap")
            newest = max(newest, segment.GetMTime(), 0 if image is None else image.GetMTime())
        return int(newest)

    # --- reading and writing

    def read(self) -> Read:
        """The mask as it is now, and what in it is no tissue."""
        array = np.zeros(self.shape, np.uint8)
        covered = np.zeros(self.shape, np.uint8)
        for tissue in TISSUES:
            voxels = self._segment(tissue.name)
            if voxels is not None:
                array[voxels] = tissue.value
                covered += voxels
        return Read(array, int((covered > 1).sum()), self._strangers())

    def write(self, array: np.ndarray, origin: str) -> None:
        """Put a mask into the segments; segments that somebody added stay.

        Args:
            array: whole numbers (z, y, x), values of the tissues.
            origin: what made it.

        Raises:
            ValueError: another shape.
        """
        if array.shape != self.shape:
            raise ValueError(f"the mask has shape {array.shape}, the case {self.shape}")
        contents = self.node.GetSegmentation()
        for tissue in TISSUES:
            if contents.GetSegment(tissue.name) is None:
                contents.AddEmptySegment(tissue.name, tissue.name, tissue.color)
            set_segment(self.node, tissue.name, array == tissue.value, self.volume)
            segment = contents.GetSegment(tissue.name)
            segment.SetName(tissue.name)
            segment.SetColor(*tissue.color)
        self.origin = origin
        self.node.SetAttribute(MODEL_ATTRIBUTE, origin)

    def _segment(self, segment_id: str) -> Optional[np.ndarray]:
        """bool (z, y, x) of a segment, found by its id or, if somebody made it anew, by its name; None: there is none, or it is empty."""
        contents = self.node.GetSegmentation()
        if contents.GetSegment(segment_id) is None:
            segment_id = contents.GetSegmentIdBySegmentName(segment_id)
        if not segment_id:
            return None
        return segment_array(self.node, segment_id, self.volume)

    def _strangers(self) -> List[Tuple[str, int]]:
        contents, ours = self.node.GetSegmentation(), {tissue.name for tissue in TISSUES}
        found = []
        for index in range(contents.GetNumberOfSegments()):
            segment_id = contents.GetNthSegmentID(index)
            name = contents.GetSegment(segment_id).GetName()
            if segment_id in ours or name in ours:
                continue
            array = segment_array(self.node, segment_id, self.volume)
            count = 0 if array is None else int(np.count_nonzero(array))
            if count:
                found.append((name, count))
        return found

    # --- the way back

    def keep(self) -> bool:
        """Keep the mask as it is, to be able to go back to it. Returns False, and keeps nothing, when there is nothing in it."""
        array = self.read().array
        if not array.any():
            return False
        bits = tuple(np.packbits(array == tissue.value).tobytes() for tissue in TISSUES)
        self._kept = [*self._kept, Kept(bits, array.shape, self.origin)][-KEPT:]
        return True

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._kept)

    def undo(self) -> np.ndarray:
        """Go back to the last state that was kept. Returns the mask.

        Raises:
            IndexError: there is none.
        """
        kept = self._kept.pop()
        array = np.zeros(kept.shape, np.uint8)
        for tissue, packed in zip(TISSUES, kept.bits):
            voxels = np.unpackbits(np.frombuffer(packed, np.uint8), count=array.size).reshape(kept.shape)
            array[voxels == 1] = tissue.value
        self.write(array, kept.origin)
        return array
