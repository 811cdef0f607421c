"""Draws the GlioLabel module's panel without Slicer: its own .ui file, filled with what the widgets really held.

    python docs/pictures/render_panel.py LOOKS.json PANEL.png [--width 420]

LOOKS.json is what `ModuleDesk.looks` of tests/slicer_extension tells of a running panel. Needs PySide6 (`pip install PySide6-Essentials`),
which nothing else here does.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtUiTools, QtWidgets

UI = Path(__file__).resolve().parents[2] / "apps" / "slicer-extension" / "GlioLabel" / "Resources" / "UI" / "GlioLabel.ui"
_HEADER = 24
#: The column of each table that takes what room is left, as the panel sets it.
_STRETCHED = {"placesTable": 2, "changesTable": 0}


class Section(QtWidgets.QWidget):
    """Stands in for ctkCollapsibleButton: a header over the contents."""

    title, collapsed = "", False

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, _HEADER, 0, 0)

    def fold(self) -> None:
        """Hide the contents if the section is folded."""
        if self.collapsed:
            for child in self.findChildren(QtWidgets.QWidget):
                child.hide()
            self.setFixedHeight(_HEADER)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        painter, option = QtWidgets.QStylePainter(self), QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), _HEADER - 2)
        option.text = f"{'▸' if self.collapsed else '▾'}  {self.title}"
        option.state |= QtWidgets.QStyle.StateFlag.State_Raised
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButton, option)


class Loader(QtUiTools.QUiLoader):
    """Loads the panel."""

    def createWidget(self, kind: str, parent: QtWidgets.QWidget | None = None, name: str = "") -> QtWidgets.QWidget:  # noqa: N802
        if kind != "ctkCollapsibleButton":
            return super().createWidget(kind, parent, name)
        section = Section(parent)
        section.setObjectName(name)
        return section


def fill(widget: Any, about: dict[str, Any]) -> None:
    """Give a widget what its stand-in held."""
    widget.setEnabled(about["enabled"])
    if about["styleSheet"]:
        widget.setStyleSheet(about["styleSheet"])
    if isinstance(widget, Section):
        widget.title, widget.collapsed = about["text"], about["collapsed"]
    elif isinstance(widget, QtWidgets.QComboBox):
        widget.addItems(about["items"])
        widget.setCurrentIndex(about["current"])
    elif isinstance(widget, QtWidgets.QTableWidget):
        fill_table(widget, about["rows"], selected=about["selected"])
    elif isinstance(widget, QtWidgets.QProgressBar):
        widget.setRange(*about["range"])
        widget.setValue(about["value"])
    elif isinstance(widget, QtWidgets.QSlider | QtWidgets.QSpinBox):
        widget.setValue(about["value"])
    elif isinstance(widget, QtWidgets.QCheckBox):
        widget.setChecked(about["checked"])
    elif "text" in about:
        widget.setText(about["text"])
    widget.setVisible(about["visible"])


def fill_table(table: QtWidgets.QTableWidget, rows: list[list[str]], *, selected: int) -> None:
    """Fill a table; the first column of the places is their tick."""
    table.setRowCount(len(rows))
    for column in range(table.columnCount()):
        stretched = column == _STRETCHED[table.objectName()]
        modes = QtWidgets.QHeaderView.ResizeMode
        table.horizontalHeader().setSectionResizeMode(column, modes.Stretch if stretched else modes.ResizeToContents)
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            ticked = table.objectName() == "placesTable" and column == 0
            item = QtWidgets.QTableWidgetItem("" if ticked else text)
            if ticked:
                item.setCheckState(QtCore.Qt.CheckState.Checked if text == "x" else QtCore.Qt.CheckState.Unchecked)
            table.setItem(row, column, item)
    if 0 <= selected < len(rows):
        table.selectRow(selected)


def draw(looks: dict[str, dict[str, Any]], target: Path, *, width: int) -> None:
    """Write the picture.

    Args:
        looks: what each widget holds, by name.
        target: the .png.
        width: of the panel in pixels.
    """
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    file = QtCore.QFile(str(UI))
    file.open(QtCore.QFile.OpenModeFlag.ReadOnly)
    panel = Loader().load(file)
    for name, about in looks.items():
        widget = panel if panel.objectName() == name else panel.findChild(QtWidgets.QWidget, name)
        if widget is not None:
            fill(widget, about)
    for section in panel.findChildren(Section):
        section.fold()
    panel.setFixedWidth(width)
    panel.show()
    application.processEvents()
    panel.setFixedHeight(panel.layout().heightForWidth(width) if panel.layout().hasHeightForWidth() else panel.sizeHint().height())
    application.processEvents()
    target.parent.mkdir(parents=True, exist_ok=True)
    panel.grab().save(str(target))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("looks", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--width", type=int, default=420)
    options = parser.parse_args()
    draw(json.loads(options.looks.read_text(encoding="utf-8")), options.target, width=options.width)
