"""A radiologist's desk: one process with the scene, the plugin and a person who can only look, press, choose, type and paint.

Started by `remote.Desk`; answers one request after the other over a pipe: (method name, args, kwargs) in, ("ok", value) or
("error", kind, text, details) out.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from . import boxes, scene
from .install import install
from .observing import hide_folder, keep_answers
from .plugin import open_plugin
from .qt_core import QApplication, QSettings
from .widgets import QDialog

PLUGIN_POINT_LISTS = ("P", "N")  # the plugin's own, for interactive models


class Refused(Exception):
    """A person could not do that: the widget is hidden or disabled, or the choice does not exist."""


class ErrorShown(Exception):
    """The plugin showed an error box; details is the traceback behind "Show details"."""

    def __init__(self, text: str, details: str) -> None:
        super().__init__(text)
        self.details = details


class Desk:
    """The methods a test may call through the pipe."""

    def __init__(self, *, folder: str, settings: dict[str, Any], hidden_folder: str | None) -> None:
        self._folder = Path(folder)
        QSettings.store.update(settings)
        self._uncaught: list[str] = []
        self._logins: list[str] = []
        sys.excepthook = lambda kind, value, trace: self._uncaught.append("".join(traceback.format_exception(kind, value, trace)))
        self._widget = open_plugin(install(self._folder))
        self._view: Any = None
        self._answers = keep_answers(self._folder / "received")
        if hidden_folder:
            hide_folder(Path(hidden_folder))

    # --- what a person does -------------------------------------------------------------------------------------------------------------

    def press(self, button: str) -> list[boxes.Box]:
        """Press a button of the panel. Returns the boxes it showed.

        Raises:
            Refused: the button is hidden or disabled.
            ErrorShown: it ended in an error box, or in an exception that Slicer would print to its console.
        """
        widget = getattr(self._widget.ui, button)
        hindrance = widget.hindrance()
        if hindrance:
            raise Refused(f"cannot press {button}: {hindrance}")
        before = len(boxes.QMessageBox.shown)
        widget.click()
        return self._shown_since(before)

    def choose(self, combo: str, text: str) -> list[boxes.Box]:
        """Choose an entry of a combo box by its text."""
        widget = getattr(self._widget.ui, combo)
        if widget.findText(text) < 0:
            raise Refused(f"{combo} offers {widget.items()}, not {text!r}")
        before = len(boxes.QMessageBox.shown)
        widget.setCurrentText(text)
        return self._shown_since(before)

    def set_option(self, section: str, name: str, key: str, value: Any) -> None:
        """Set one cell of the Options table: text typed, an entry chosen, a box ticked."""
        self.choose("optionsSection", section)
        self.choose("optionsName", name)
        table = self._widget.ui.configTable
        keys = [table.item(row, 0).text() for row in range(table.rowCount)]
        if key not in keys:
            raise Refused(f"the options of {section} {name} are {keys}, not {key!r}")
        row = keys.index(key)
        cell = table.cellWidget(row, 1)
        if cell is None:
            table.item(row, 1).setText(str(value))
        elif hasattr(cell, "findText"):
            if cell.findText(value) < 0:
                raise Refused(f"option {key} offers {cell.items()}, not {value!r}")
            cell.setCurrentText(value)
        else:
            cell.setChecked(value)

    def open_volume(self, path: str, name: str) -> None:
        """Open a file as File > Add Data does, under the node name `name`."""
        import slicer

        slicer.util.loadVolume(path, {"name": name})
        self._raise_uncaught()

    def paint(self, segment: str, brush: np.ndarray) -> None:
        """Paint into a segment of the plugin's segmentation."""
        scene.paint(self._widget._segmentNode, self._widget._volumeNode, name=segment, brush=brush)

    def wait_for_timer(self) -> bool:
        """Let the panel's timer fire once, which looks how far a training is. Returns whether it goes on looking."""
        timer = self._widget.timer
        if timer is not None and timer.active:
            timer.timeout.emit()
            self._raise_uncaught()
        return self._widget.timer is not None

    def close_scene(self) -> None:
        """File > Close Scene."""
        import slicer

        slicer.mrmlScene.Clear(0)
        self._raise_uncaught()

    def spoil_download(self, name: str) -> None:
        """Overwrite a file in the download cache with another image of the same name, as another server might have left it there."""
        import SimpleITK as sitk

        path = str(self._folder / "cache" / name)
        image = sitk.ReadImage(path)
        other = sitk.GetImageFromArray(sitk.GetArrayFromImage(image) // 2 + 1)
        other.CopyInformation(image)
        sitk.WriteImage(other, path)

    def answer_boxes(self, ok: bool) -> None:
        """From now on answer questions with OK, or with Cancel."""
        boxes.ctkMessageBox.answer = None if ok else boxes.QMessageBox.Cancel

    def log_in_as(self, username: str, password: str) -> None:
        """From now on answer the plugin's login box with these."""

        def answer(dialog: Any) -> None:
            self._logins.append(dialog.ui.username.text)
            dialog.ui.username.setText(username)
            dialog.ui.password.setText(password)
            dialog.ui.loginButton.click()

        QDialog.person = answer

    # --- what a person sees -------------------------------------------------------------------------------------------------------------

    def offers(self, combo: str) -> list[str]:
        """The entries of a combo box."""
        return list(getattr(self._widget.ui, combo).items())

    def state(self, widget: str, attribute: str) -> Any:
        """A property of a widget of the panel (`text`, `enabled`, `value`, ...)."""
        return getattr(getattr(self._widget.ui, widget), attribute)

    def options(self, section: str, name: str) -> dict[str, Any]:
        """The Options table of one task: key to text, list of entries, or bool."""
        self.choose("optionsSection", section)
        self.choose("optionsName", name)
        table = self._widget.ui.configTable
        shown: dict[str, Any] = {}
        for row in range(table.rowCount):
            cell = table.cellWidget(row, 1)
            shown[table.item(row, 0).text()] = (
                table.item(row, 1).text() if cell is None else cell.items() if hasattr(cell, "items") else cell.checked
            )
        return shown

    def sample(self) -> dict[str, Any] | None:
        """What the plugin holds about the current case (the server's Next Sample answer)."""
        return dict(self._widget.current_sample) if self._widget.current_sample else None

    def volume(self) -> dict[str, Any]:
        """The volume on the screen: name, array, ijk_to_ras."""
        return scene.describe_volume(self._widget._volumeNode)

    def volume_named(self, name: str) -> dict[str, Any]:
        """Another volume of the scene: name, array, ijk_to_ras."""
        import slicer

        return scene.describe_volume(slicer.util.getFirstNodeByName(name, className="vtkMRMLScalarVolumeNode"))

    def segments(self) -> list[dict[str, Any]]:
        """The segments on the screen: id, name, color, voxels, array on the volume's grid."""
        return scene.describe_segments(self._widget._segmentNode, self._widget._volumeNode)

    def points(self) -> list[dict[str, Any]]:
        """The point lists on the screen."""
        return scene.points(PLUGIN_POINT_LISTS)

    def photograph(self, path: str, *, overlay: str | None, superior_mm: float, heat: tuple[float, float] = (0.05, 0.5)) -> None:
        """Write a .png of the slice view, drawn by Slicer's own code, with another volume (by name) as a heat map over it."""
        import slicer

        from .slice_view import SliceView, show_as_heat

        node = slicer.util.getFirstNodeByName(overlay, className="vtkMRMLScalarVolumeNode") if overlay else None
        if node is not None:
            show_as_heat(node, lower=heat[0], upper=heat[1])
        if self._view is None:
            self._view = SliceView()
        self._view.write(Path(path), volume=self._widget._volumeNode, overlay=node, overlay_opacity=0.6, superior_mm=superior_mm)

    def login_boxes(self) -> list[str]:
        """The user names that the login boxes proposed, one for each time that the plugin asked."""
        return list(self._logins)

    def wait_cursors(self) -> int:
        """How many wait cursors were left behind."""
        return len(QApplication.cursors)

    def received(self) -> dict[str, Any] | None:
        """The last inference answer as it came over the wire: `file` (a copy) and `params`."""
        return self._answers[-1] if self._answers else None

    def download_cache(self) -> list[str]:
        """Names of the files in Slicer's download cache."""
        return sorted(p.name for p in (self._folder / "cache").iterdir())

    def close(self) -> None:
        """Before the process ends."""
        if self._view is not None:
            self._view.close()

    # --- machinery ----------------------------------------------------------------------------------------------------------------------

    def _shown_since(self, before: int) -> list[boxes.Box]:
        self._raise_uncaught()
        shown = boxes.QMessageBox.shown[before:]
        for box in shown:
            if box.kind == "error":
                raise ErrorShown(box.text, box.details)
        return shown

    def _raise_uncaught(self) -> None:
        if self._uncaught:
            text = self._uncaught.pop(0)
            self._uncaught.clear()
            raise ErrorShown(text.strip().splitlines()[-1], text)


def serve(connection: Connection, make: Callable[..., Any] = Desk) -> None:
    """Answer requests until the pipe closes.

    Args:
        connection: the pipe.
        make: makes the desk of what comes first over the pipe.
    """
    desk = make(**connection.recv())
    connection.send(("ok", None))
    while True:
        try:
            method, args, kwargs = connection.recv()
        except EOFError:
            desk.close()
            return
        try:
            connection.send(("ok", getattr(desk, method)(*args, **kwargs)))
        except Exception as error:
            connection.send(("error", type(error).__name__, str(error), getattr(error, "details", traceback.format_exc())))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
