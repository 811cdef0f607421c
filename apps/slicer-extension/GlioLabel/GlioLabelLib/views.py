"""What the views show: which sequence in which slice view, linked, and where they look."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import slicer

#: Our layout's number; Slicer's own and other extensions' are below 5000.
LAYOUT_ID = 8471
#: Slice views of the layout: the standard red one, so that the plugin's and Slicer's tools have it, and others beside it.
SIDE_BY_SIDE = ("Red", "GlioLabel2", "GlioLabel3", "GlioLabel4")
_COLORS = ("#F34A33", "#6EB04B", "#EDD54C", "#56B4E9")

THREE_PLANES = "Three planes"
SEQUENCES_BESIDE = "Sequences side by side"


class Views:
    """The slice views."""

    def __init__(self) -> None:
        self._volumes: List[Any] = []
        self._front = 0
        self._before: Optional[int] = None

    def show(self, volumes: Sequence[Any], mode: str) -> None:
        """Show a case's volumes, the reference first.

        Args:
            volumes: nodes.
            mode: of :data:`THREE_PLANES` and :data:`SEQUENCES_BESIDE`.
        """
        self._volumes, self._front = list(volumes), 0
        self.arrange(mode)

    def forget(self) -> None:
        """The volumes are gone."""
        self._volumes, self._front = [], 0

    def arrange(self, mode: str) -> None:
        """Arrange the views: one sequence in three planes, or all sequences side by side in the axial plane."""
        layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if layout is not None:
            self._switch(layout, mode)
        if mode == SEQUENCES_BESIDE:
            beside = dict(zip(SIDE_BY_SIDE, self._volumes))
            for composite in composites():
                volume = beside.get(composite.GetLayoutName())
                composite.SetBackgroundVolumeID(None if volume is None else volume.GetID())
            for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
                if node.GetLayoutName() in SIDE_BY_SIDE:
                    node.SetOrientation("Axial")
        else:
            self.bring(self._front)
        link(True)
        self.fit()

    def _switch(self, layout: Any, mode: str) -> None:
        if mode == SEQUENCES_BESIDE:
            description = layout_description()
            if layout.IsLayoutDescription(LAYOUT_ID):
                layout.SetLayoutDescription(LAYOUT_ID, description)
            else:
                layout.AddLayoutDescription(LAYOUT_ID, description)
            if layout.GetViewArrangement() != LAYOUT_ID:
                self._before = layout.GetViewArrangement()
            layout.SetViewArrangement(LAYOUT_ID)
        elif layout.GetViewArrangement() == LAYOUT_ID:
            layout.SetViewArrangement(self._before or slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def bring(self, index: int) -> Optional[Any]:
        """Show one sequence in the three planes. Returns its volume, or None: there are not so many."""
        if not 0 <= index < len(self._volumes):
            return None
        self._front = index
        for composite in composites():
            composite.SetBackgroundVolumeID(self._volumes[index].GetID())
        return self._volumes[index]

    def overlay(self, node: Optional[Any], opacity: float) -> None:
        """Show a volume over the sequences in all slice views, or none."""
        for composite in composites():
            composite.SetForegroundVolumeID(None if node is None else node.GetID())
            composite.SetForegroundOpacity(opacity if node is not None else 0.0)

    def fit(self) -> None:
        """Make the slices fill their views, where there are views."""
        reset = getattr(slicer.util, "resetSliceViews", None)
        if reset is not None and getattr(slicer.app, "layoutManager", None) is not None:
            reset()

    def jump(self, position: Sequence[float]) -> None:
        """Let all slice views show a point, and 3-D views look at it from where they look now.

        Args:
            position: RAS in mm.
        """
        x, y, z = position
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, x, y, z, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
        for camera in slicer.util.getNodesByClass("vtkMRMLCameraNode"):
            focus, eye = camera.GetFocalPoint(), camera.GetPosition()
            camera.SetFocalPoint(x, y, z)
            camera.SetPosition(*(new + e - f for new, e, f in zip((x, y, z), eye, focus)))
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is not None:
            crosshair.SetCrosshairRAS(x, y, z)


def composites() -> list:
    """The composite nodes of all slice views: they say what a view shows."""
    return list(slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"))


def link(linked: bool) -> None:
    """Let slice views follow each other, also while the mouse moves."""
    for composite in composites():
        composite.SetLinkedControl(linked)
        composite.SetHotLinkedControl(linked)


def layout_description() -> str:
    """The layout of four slice views side by side, in Slicer's XML."""
    items = []
    for name, color in zip(SIDE_BY_SIDE, _COLORS):
        view = f'<view class="vtkMRMLSliceNode" singletontag="{name}">'
        view += '<property name="orientation" action="default">Axial</property>'
        view += f'<property name="viewlabel" action="default">{name[-1]}</property>'
        view += f'<property name="viewcolor" action="default">{color}</property></view>'
        items.append(f"<item>{view}</item>")
    rows = "".join(f'<item><layout type="horizontal">{"".join(pair)}</layout></item>' for pair in (items[:2], items[2:]))
    return f'<layout type="vertical">{rows}</layout>'
