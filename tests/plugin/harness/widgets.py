"""The widgets of Slicer's `qt` module that the plugin uses.

Names and camelCase are Qt's. Properties are attributes, as PythonQt shows them (`button.enabled`, `combo.currentText`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from .signals import QObject, cosmetic


@cosmetic("setFixedSize", "activateWindow", "raise_", "setWindowTitle", "resize", "setSizePolicy", "adjustSize")
class QWidget(QObject):
    """A widget: enabled, hidden, with children and perhaps a layout."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.enabled = True
        self.hidden = False
        self.toolTip = ""
        self.styleSheet = ""
        self._layout: QLayout | None = None

    @property
    def visible(self) -> bool:
        return not self.hidden

    def setEnabled(self, enabled: Any) -> None:
        self.enabled = bool(enabled)

    def setVisible(self, visible: Any) -> None:
        self.hidden = not visible

    def setToolTip(self, text: str) -> None:
        self.toolTip = str(text)

    def setStyleSheet(self, style: str) -> None:
        self.styleSheet = str(style)

    def show(self) -> None:
        self.setVisible(True)

    def hide(self) -> None:
        self.setVisible(False)

    def close(self) -> bool:
        self.hide()
        return True

    def layout(self) -> QLayout | None:
        return self._layout

    def setLayout(self, layout: QLayout) -> None:
        self._layout = layout
        layout.owner = self

    def hindrance(self) -> str | None:
        """Why a person could not use this widget now, or None: it or a parent is disabled or hidden."""
        widget: QObject | None = self
        while isinstance(widget, QWidget):
            if not widget.enabled or widget.hidden:
                return f"{widget.className()} {widget.name!r} is {'hidden' if widget.hidden else 'disabled'}"
            widget = widget.parent()
        return None


class QLayout(QObject):
    """Any layout: it only hands its widgets to the widget it belongs to."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.owner: QWidget | None = None
        if isinstance(parent, QWidget):
            parent.setLayout(self)

    def addWidget(self, widget: QObject, *_: Any) -> None:
        (self.owner or self).adopt(widget)

    def addRow(self, *items: Any) -> None:
        for item in items:
            if isinstance(item, QObject):
                self.addWidget(item)

    def addStretch(self, *_: Any) -> None:
        return None


class QVBoxLayout(QLayout):
    pass


class QHBoxLayout(QLayout):
    pass


class QFormLayout(QLayout):
    pass


class QLabel(QWidget):
    def __init__(self, text: Any = "", parent: Any = None) -> None:
        super().__init__(parent)
        self.text = text if isinstance(text, str) else ""

    def setText(self, text: str) -> None:
        self.text = str(text)


@cosmetic("setPlaceholderText")
class QLineEdit(QWidget):
    SIGNALS = ("textChanged", "editingFinished")
    Normal = 0

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.text = ""

    def setText(self, text: Any) -> None:
        self.text = "" if text is None else str(text)
        self.emit("textChanged", self.text)


@cosmetic("setIcon")
class QPushButton(QWidget):
    SIGNALS: tuple[str, ...] = ("clicked", "toggled", "pressed", "released")

    def __init__(self, text: Any = "", parent: Any = None) -> None:
        super().__init__(parent)
        self.text = text if isinstance(text, str) else ""
        self.checkable = False
        self.checked = False

    def setText(self, text: str) -> None:
        self.text = str(text)

    def setChecked(self, checked: Any) -> None:
        """Qt's rule: a button that is not checkable cannot be checked."""
        if self.checkable and bool(checked) != self.checked:
            self.checked = bool(checked)
            self.emit("toggled", self.checked)

    def click(self) -> None:
        """Press the button. As in Qt, nothing happens when it is disabled."""
        if not self.enabled:
            return
        self.setChecked(not self.checked)
        self.emit("clicked", self.checked)


class QToolButton(QPushButton):
    pass


class QCheckBox(QPushButton):
    SIGNALS: tuple[str, ...] = ("stateChanged",)

    def __init__(self, text: Any = "", parent: Any = None) -> None:
        super().__init__(text, parent)
        self.checkable = True

    def setChecked(self, checked: Any) -> None:
        before = self.checked
        super().setChecked(checked)
        if self.checked != before:
            self.emit("stateChanged", self.checkState())

    def checkState(self) -> int:
        return 2 if self.checked else 0


class QSlider(QWidget):
    """A slider, or a box with a number: whole steps within its range."""

    SIGNALS = ("valueChanged",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.value, self.minimum, self.maximum = 0, 0, 99

    def setValue(self, value: int) -> None:
        if not isinstance(value, int):
            raise TypeError(f"{self.className()}.setValue() wants an int, got {value!r}")
        value = min(max(value, self.minimum), self.maximum)
        if value != self.value:
            self.value = value
            self.emit("valueChanged", value)


class QSpinBox(QSlider):
    pass


class QProgressBar(QWidget):
    SIGNALS = ("valueChanged",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.value = 0
        self.range = (0, 100)

    def setRange(self, minimum: int, maximum: int) -> None:
        """(0, 0) is a bar that runs to and fro."""
        self.range = (int(minimum), int(maximum))

    def setValue(self, value: Any) -> None:
        """Qt's slot takes an int: what cannot become one (None, NaN, text) is an error here as there."""
        if isinstance(value, str) or not math.isfinite(value):
            raise ValueError(f"QProgressBar.setValue() wants a number, got {value!r}")
        self.value = int(value)


class QProgressDialog(QProgressBar):
    """The "Wait..." dialog; its looks are plain attributes."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.minimumDuration, self.maximum = 0, 100
        self.windowTitle, self.labelText = "", ""
        self.autoClose = True


class QDialog(QWidget):
    #: What a person does with a dialog, if there is one.
    person: ClassVar[Callable[[Any], None] | None] = None

    def exec(self) -> int:
        if QDialog.person is None:
            raise RuntimeError(f"{self.className()}: a dialog asks for input and nobody answers it")
        QDialog.person(self)
        return 1

    exec_ = exec


class QInputDialog:
    def getText(self, *args: Any) -> str:
        raise RuntimeError("QInputDialog: a dialog asks for input and nobody answers it")
