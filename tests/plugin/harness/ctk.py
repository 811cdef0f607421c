"""The part of Slicer's `ctk` module that the plugin uses."""

from __future__ import annotations

from typing import Any

from .boxes import ctkMessageBox
from .qt_core import QSettings
from .qt_items import QComboBox
from .signals import QObject
from .widgets import QLineEdit, QWidget

__all__ = ["ctkMessageBox"]


class ctkCollapsibleButton(QWidget):
    """A section that folds; what is inside a folded section can still be pressed, since a reader would unfold it first."""

    SIGNALS = ("contentsCollapsed",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.collapsed = False
        self.text = ""


class ctkCollapsibleGroupBox(QWidget):
    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.title = ""


class ctkComboBox(QComboBox):
    pass


class ctkPathLineEdit(QWidget):
    SIGNALS = ("currentPathChanged",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.currentPath = ""


class ctkSliderWidget(QWidget):
    SIGNALS = ("valueChanged",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.value = 0.0


class ctkBooleanMapper(QObject):
    """Shows a bool property of another object as an int, for settings."""

    SIGNALS = ("valueAsIntChanged", "valueChanged")

    def __init__(self, target: Any, property_name: str, signal: str) -> None:
        super().__init__()
        self._target, self._property = target, property_name
        target.connect(signal, lambda on: self.emit("valueAsIntChanged", int(on)))

    @property
    def valueAsInt(self) -> int:
        return int(getattr(self._target, self._property))

    @valueAsInt.setter
    def valueAsInt(self, value: int) -> None:
        self._target.setChecked(bool(int(value)))


class ctkSettingsPanel(QWidget):
    """A page of the settings dialog: what a person has set wins, a property nobody has set writes its default to the settings."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)

    def registerProperty(self, key: str, target: Any, property_name: str, signal: str, *_: Any) -> None:
        settings = QSettings()
        if not settings.contains(key):
            settings.setValue(key, getattr(target, property_name))
        elif isinstance(target, QLineEdit):
            target.setText(settings.value(key))
        else:
            setattr(target, property_name, settings.value(key))
        target.connect(signal, lambda value: settings.setValue(key, value))
