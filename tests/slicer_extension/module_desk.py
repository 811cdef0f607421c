"""A radiologist's desk with the GlioLabel module instead of the stock plugin: a process with the scene, the views' nodes and the panel.

Started by `harness.remote.Desk` with `program="module_desk"`; answers its method calls as `harness.desk` does.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import slicer
from harness import boxes, scene
from harness.app import Module
from harness.desk import Refused, serve
from harness.install import install
from harness.module import ModuleParent, WidgetParent
from harness.observing import hide_folder
from harness.qt_core import QSettings, QShortcut, Qt
from harness.widgets import QWidget

MODULE = Path(__file__).resolve().parents[2] / "apps" / "slicer-extension" / "GlioLabel" / "GlioLabel.py"
#: The slice views of a four-up layout, and those that our own layout adds.
VIEWS = ("Red", "Green", "Yellow", "GlioLabel2", "GlioLabel3", "GlioLabel4")


class ModuleDesk:
    """The methods a test may call through the pipe."""

    def __init__(self, *, folder: str, settings: dict[str, Any], hidden_folder: str | None) -> None:
        self._folder = Path(folder)
        QSettings.store.update(settings)
        app = install(self._folder)
        self._logics = [self._view(name, app) for name in VIEWS]
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
        if hidden_folder:
            hide_folder(Path(hidden_folder))
        self._uncaught: list[str] = []
        sys.excepthook = lambda kind, value, trace: self._uncaught.append("".join(traceback.format_exception(kind, value, trace)))
        self._widget = open_module()
        self.longest_s = 0.0

    def _view(self, name: str, app: Any) -> Any:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(app.applicationLogic())
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.AddSliceNode(name)
        return logic

    # --- what a person does

    def enter(self) -> None:
        """Open the module."""
        self._widget.enter()

    def leave(self) -> None:
        """Open another module."""
        self._widget.exit()

    def press(self, button: str) -> None:
        """Press a button. Raises Refused when it is hidden or disabled."""
        widget = self._usable(button)
        widget.click()

    def press_key(self, key: str) -> None:
        """Press a key of the module."""
        found = [shortcut for shortcut in QShortcut.living if shortcut.key == key and shortcut.enabled]
        if len(found) != 1:
            raise Refused(f"{len(found)} shortcuts for {key}")
        found[0].emit("activated")

    def choose(self, combo: str, text: str) -> None:
        """Choose an entry of a combo box."""
        widget = self._usable(combo)
        if widget.findText(text) < 0:
            raise Refused(f"{combo} offers {widget.items()}, not {text!r}")
        widget.setCurrentText(text)

    def type(self, edit: str, text: str) -> None:
        """Type into a field."""
        widget = self._usable(edit)
        widget.setText(text)
        widget.emit("editingFinished")

    def move(self, slider: str, value: int) -> None:
        """Move a slider."""
        self._usable(slider).setValue(value)

    def tick(self, box: str, on: bool) -> None:
        """Tick a check box."""
        self._usable(box).setChecked(on)

    def click_row(self, table: str, row: int) -> None:
        """Click a row of a table."""
        self._usable(table).emit("cellClicked", row, 1)

    def tick_row(self, table: str, row: int, on: bool) -> None:
        """Tick the first cell of a row."""
        self._usable(table).item(row, 0).setCheckState(Qt.Checked if on else Qt.Unchecked)

    def paint(self, segment: str, brush: np.ndarray) -> None:
        """Paint into a segment, as the Segment Editor does."""
        mask = self._session.mask
        scene.paint(mask.node, mask.volume, name=segment, brush=brush)

    def paint_over(self, segment: str, brush: np.ndarray) -> None:
        """Paint into a segment with overlap allowed."""
        mask = self._session.mask
        array = scene.segment_array(mask.node, segment, mask.volume) | brush
        slicer.util.updateSegmentBinaryLabelmapFromArray(array.astype(np.uint8), mask.node, segment, mask.volume)

    def add_segment(self, name: str, brush: np.ndarray) -> None:
        """Add a segment of one's own and paint into it."""
        mask = self._session.mask
        segment_id = mask.node.GetSegmentation().AddEmptySegment("", name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(brush.astype(np.uint8), mask.node, segment_id, mask.volume)

    def remove_segment(self, name: str) -> None:
        """Remove a segment."""
        contents = self._session.mask.node.GetSegmentation()
        contents.RemoveSegment(contents.GetSegmentIdBySegmentName(name))

    def pretend_plugin_login(self, username: str, password: str) -> None:
        """Somebody is logged in in MONAI Label's own module, at the same server."""
        url = str(QSettings.store["MONAILabel/serverUrl"])
        logic = SimpleNamespace(server_url=url, username=username, password=password, auth_token=None)
        slicer.modules.MONAILabelWidget = SimpleNamespace(logic=logic)

    def close_scene(self) -> None:
        """File > Close Scene."""
        slicer.mrmlScene.Clear(0)
        self._raise_uncaught()

    def answer_boxes(self, ok: bool) -> None:
        """From now on answer questions with Yes, or with No."""
        boxes.ctkMessageBox.answer = boxes.QMessageBox.Yes if ok else boxes.QMessageBox.No

    # --- waiting

    def wait(self, seconds: float = 60.0) -> dict[str, tuple[str, str]]:
        """Let the timer fire until nothing is under way. Returns the stages' states and sentences.

        Raises:
            TimeoutError: something is under way still.
        """
        end = time.monotonic() + seconds
        while True:
            self._fire()
            if not self._session.busy:
                self._fire()
                return self.stages()
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s: {self.stages()}")

    def wait_for(self, stage: str, word: str, seconds: float = 60.0) -> str:
        """Let the timer fire until a stage's sentence has a word in it. Returns the sentence."""
        end = time.monotonic() + seconds
        while word not in (text := self._session.faces[stage].text):
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s no {word!r} in {text!r}")
            self._fire()
            time.sleep(0.01)
        return text

    def wait_until_trained(self, seconds: float) -> str:
        """Let the timer fire until no training is under way. Returns what is said of the last one."""
        end = time.monotonic() + seconds
        while self._session.training.running or self._session.busy:
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s: {self._session.faces['training']}")
            self._fire()
            time.sleep(0.02)
        self._fire()
        return str(self.stages()["training"][1])

    def rest(self, seconds: float) -> None:
        """Let the timer fire for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._fire()
            time.sleep(0.05)

    def _fire(self) -> None:
        began = time.monotonic()
        self._widget.timer.timeout.emit()
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self._raise_uncaught()

    # --- what a person sees

    def stages(self) -> dict[str, tuple[str, str]]:
        """State and sentence of each stage, as the labels show them."""
        faces = self._session.faces
        for stage, face in faces.items():
            shown = getattr(self._widget.ui, f"{stage}StatusLabel").text
            if shown != face.text:
                raise AssertionError(f"{stage} says {face.text!r}, its label {shown!r}")
        return {stage: (face.state, face.text) for stage, face in faces.items()}

    def longest_tick_s(self) -> float:
        """For how long the timer held Slicer up at most."""
        return self.longest_s

    def state(self, widget: str, attribute: str) -> Any:
        """A property of a widget."""
        return getattr(getattr(self._widget.ui, widget), attribute)

    def offers(self, combo: str) -> list[str]:
        """The entries of a combo box."""
        return list(getattr(self._widget.ui, combo).items())

    def rows(self, table: str) -> list[list[str]]:
        """The cells of a table; a ticked one is "x"."""
        widget = getattr(self._widget.ui, table)
        found = []
        for row in range(widget.rowCount):
            cells = [widget.item(row, column) for column in range(widget.columnCount)]
            found.append(["" if cell is None else "x" if cell.checkState() else cell.text() for cell in cells])
        return found

    def case(self) -> dict[str, Any] | None:
        """The case that is open."""
        case = self._session.case
        return None if case is None else {"id": case.id, "reason": case.reason, "sequences": [s.name for s in case.sequences]}

    def volumes(self) -> list[dict[str, Any]]:
        """The case's volumes: name, array, ijk_to_ras."""
        return [scene.describe_volume(node) for node in self._session.volumes]

    def segments(self) -> list[dict[str, Any]]:
        """The segments: id, name, color, voxels, array."""
        mask = self._session.mask
        return scene.describe_segments(mask.node, mask.volume)

    def map(self) -> dict[str, Any] | None:
        """The map as it is shown: array, ijk_to_ras, window, threshold, colours."""
        node = self._session.overlay.node
        if node is None:
            return None
        display = node.GetDisplayNode()
        return {
            **scene.describe_volume(node),
            "window": (display.GetWindowLevelMin(), display.GetWindowLevelMax()),
            "threshold": display.GetLowerThreshold() if display.GetApplyThreshold() else None,
            "colors": display.GetColorNode().GetName(),
        }

    def points(self) -> list[dict[str, Any]]:
        """The points on the screen."""
        return scene.points(())

    def views(self) -> dict[str, dict[str, Any]]:
        """What each slice view shows: background and foreground (names), opacity, linked, and where it is (RAS mm of its centre)."""
        shown = {}
        for logic in self._logics:
            node, composite = logic.GetSliceNode(), logic.GetSliceCompositeNode()
            names = [slicer.mrmlScene.GetNodeByID(i or "") for i in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())]
            matrix = node.GetSliceToRAS()
            shown[node.GetLayoutName()] = {
                "background": None if names[0] is None else names[0].GetName(),
                "foreground": None if names[1] is None else names[1].GetName(),
                "opacity": composite.GetForegroundOpacity(),
                "linked": bool(composite.GetLinkedControl()),
                "orientation": node.GetOrientation(),
                "center": tuple(matrix.GetElement(row, 3) for row in range(3)),
            }
        return shown

    def layout(self) -> tuple[int, str]:
        """The view arrangement and its description."""
        node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        return node.GetViewArrangement(), node.GetCurrentLayoutDescription() or ""

    def messages(self) -> list[tuple[str, str]]:
        """The message boxes so far."""
        return [(box.kind, box.text) for box in boxes.QMessageBox.shown]

    def keys(self) -> list[str]:
        """The keys that work now."""
        return [shortcut.key for shortcut in QShortcut.living if shortcut.enabled]

    def files(self) -> list[str]:
        """Files that the module left in its folder."""
        return sorted(path.name for path in Path(self._widget.logic.folder).rglob("*"))

    def nodes(self) -> list[str]:
        """Classes of the nodes in the scene that are no view's, no colour's and no singleton."""
        kinds = ("Volume", "Segmentation", "Markups")
        return sorted(
            node.GetClassName() for node in slicer.util.getNodesByClass("vtkMRMLNode") if any(k in node.GetClassName() for k in kinds)
        )

    def looks(self) -> dict[str, dict[str, Any]]:
        """What a picture of the panel needs: of each widget its texts and its state."""
        found: dict[str, dict[str, Any]] = {}
        for name, widget in vars(self._widget.ui).items():
            if not isinstance(widget, QWidget) or not name:
                continue
            about = {"enabled": widget.enabled, "visible": not widget.hidden, "styleSheet": widget.styleSheet}
            for key in ("text", "checked", "value", "range", "collapsed"):
                if hasattr(widget, key):
                    about[key] = getattr(widget, key)
            if hasattr(widget, "items"):
                about |= {"items": widget.items(), "current": widget.currentIndex}
            if hasattr(widget, "rowCount"):
                about |= {"rows": self.rows(name), "selected": widget.selected_row, "ticks": hasattr(widget, "cellClicked")}
            found[name] = about
        return found

    def close(self) -> None:
        """Before the process ends."""
        self._widget.cleanup()

    # --- machinery

    @property
    def _session(self) -> Any:
        return self._widget.logic.session

    def _usable(self, name: str) -> Any:
        widget = getattr(self._widget.ui, name)
        hindrance = widget.hindrance()
        if hindrance:
            raise Refused(f"cannot use {name}: {hindrance}")
        return widget

    def _raise_uncaught(self) -> None:
        if self._uncaught:
            text = "".join(self._uncaught)
            self._uncaught.clear()
            raise RuntimeError(text)


def open_module() -> Any:
    """Load the module as Slicer's module factory does. Returns its widget, not yet entered."""
    sys.path.insert(0, str(MODULE.parent))
    spec = importlib.util.spec_from_file_location("GlioLabel", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["GlioLabel"] = module
    spec.loader.exec_module(module)
    slicer.modules.gliolabel = Module(None, path=str(MODULE))
    module.GlioLabel(ModuleParent(path=str(MODULE)))
    widget = module.GlioLabelWidget(WidgetParent())
    widget.setup()
    return widget


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), ModuleDesk)
