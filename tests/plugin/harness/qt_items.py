"""Combo boxes and tables, with Qt's rules for the current index and for what is cleared when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .signals import cosmetic
from .widgets import QLineEdit, QWidget


class QComboBox(QWidget):
    """A list of texts with a current one. Index changes are signalled as Qt does: also by the first `addItem` and by `clear`."""

    SIGNALS = ("currentIndexChanged", "currentTextChanged")

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.editable = False
        self._items: list[str] = []
        self._data: dict[tuple[int, int], Any] = {}
        self._index = -1
        self._line_edit = QLineEdit()

    @property
    def count(self) -> int:
        return len(self._items)

    @property
    def currentIndex(self) -> int:
        return self._index

    @property
    def currentText(self) -> str:
        if self.editable:
            return self._line_edit.text
        return self._items[self._index] if 0 <= self._index < len(self._items) else ""

    @currentText.setter
    def currentText(self, text: str) -> None:
        self.setCurrentText(text)

    def lineEdit(self) -> QLineEdit | None:
        return self._line_edit if self.editable else None

    def addItem(self, *args: Any) -> None:
        """`addItem(text, data=None)` or `addItem(icon, text)`; a text that is no string is an error, as in Qt."""
        texts = [a for a in args[:2] if isinstance(a, str)]
        if not texts:
            raise TypeError(f"QComboBox.addItem: no text in {args!r}")
        self._items.append(texts[0])
        if self._index < 0:
            self.setCurrentIndex(0)

    def addItems(self, texts: list[str]) -> None:
        for text in texts:
            self.addItem(text)

    def itemText(self, index: int) -> str:
        return self._items[index] if 0 <= index < len(self._items) else ""

    def items(self) -> list[str]:
        """All texts, in order."""
        return list(self._items)

    def setItemData(self, index: int, value: Any, role: int = 0) -> None:
        self._data[index, role] = value

    def findText(self, text: str) -> int:
        return self._items.index(text) if text in self._items else -1

    def clear(self) -> None:
        self._items.clear()
        self._data.clear()
        self._line_edit.text = ""
        self._change(-1)

    def setCurrentIndex(self, index: int) -> None:
        """As in Qt, an index outside the list means "none"."""
        self._change(int(index) if 0 <= index < len(self._items) else -1)

    def setCurrentText(self, text: Any) -> None:
        """An editable box takes any text; another one only a text that is in its list."""
        text = "" if text is None else str(text)
        if self.editable:
            self._line_edit.setText(text)
        elif text in self._items:
            self.setCurrentIndex(self._items.index(text))

    def _change(self, index: int) -> None:
        if self.editable and index >= 0:
            self._line_edit.text = self._items[index]
        if index != self._index:
            self._index = index
            self.emit("currentIndexChanged", index)
            self.emit("currentTextChanged", self.currentText)


class QTableWidgetItem:
    """A text cell."""

    def __init__(self, text: str = "") -> None:
        self._text = str(text)
        self._flags = 0b111111
        self._check_state = 0
        self.changed: Callable[[], None] = lambda: None

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        self._text = str(text)
        self.changed()

    def checkState(self) -> int:
        return self._check_state

    def setCheckState(self, state: int) -> None:
        """As in Qt, the table says that the cell changed."""
        if state != self._check_state:
            self._check_state = state
            self.changed()

    def flags(self) -> int:
        return self._flags

    def setFlags(self, flags: int) -> None:
        self._flags = int(flags)


@cosmetic("setSectionResizeMode")
class QHeaderView(QWidget):
    """The header of a table."""

    Stretch, ResizeToContents = 1, 3


@cosmetic("setHorizontalHeaderLabels", "setColumnWidth")
class QTableWidget(QWidget):
    """A table of text cells and cell widgets; `clear` empties both and keeps the size."""

    SIGNALS = ("cellClicked", "cellChanged")

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.rowCount = 0
        self.columnCount = 0
        self.selected_row = -1
        self._header = QHeaderView()
        self._items: dict[tuple[int, int], QTableWidgetItem] = {}
        self._widgets: dict[tuple[int, int], QWidget] = {}

    def setRowCount(self, rows: int) -> None:
        self.rowCount = rows
        self._items = {k: v for k, v in self._items.items() if k[0] < rows}
        self._widgets = {k: v for k, v in self._widgets.items() if k[0] < rows}

    def setColumnCount(self, columns: int) -> None:
        self.columnCount = columns

    def clear(self) -> None:
        self._items.clear()
        self._widgets.clear()

    def item(self, row: int, column: int) -> QTableWidgetItem | None:
        return self._items.get((row, column))

    def setItem(self, row: int, column: int, item: QTableWidgetItem) -> None:
        if row < self.rowCount and column < self.columnCount:
            self._items[row, column] = item
            item.changed = lambda: self.emit("cellChanged", row, column)
            item.changed()

    def horizontalHeader(self) -> QHeaderView:
        return self._header

    def selectRow(self, row: int) -> None:
        self.selected_row = row

    def cellWidget(self, row: int, column: int) -> QWidget | None:
        return self._widgets.get((row, column))

    def setCellWidget(self, row: int, column: int, widget: QWidget) -> None:
        if row < self.rowCount and column < self.columnCount:
            self._widgets[row, column] = widget
