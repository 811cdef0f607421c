"""The part of Slicer's `qt` module that is not a widget: settings, timers, files, dates, the cursor."""

from __future__ import annotations

import datetime
import os
from typing import Any, ClassVar

from .signals import QObject


class Qt:
    """The enumeration values the plugin names."""

    ToolTipRole = 3
    UserRole = 256
    WaitCursor = 3
    ItemIsSelectable, ItemIsEditable, ItemIsUserCheckable, ItemIsEnabled = 1, 2, 16, 32
    Unchecked, Checked = 0, 2


class QSettings:
    """Slicer's user settings; all instances share one store, as in an application."""

    store: ClassVar[dict[str, Any]] = {}

    def value(self, key: str, default: Any = None) -> Any:
        return self.store.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self.store[key] = value

    def contains(self, key: str) -> bool:
        return key in self.store


class QCursor:
    def __init__(self, shape: int) -> None:
        self._shape = shape

    def shape(self) -> int:
        return self._shape


class QApplication:
    """Counts override cursors, so that a test can see a wait cursor that was never taken away."""

    cursors: ClassVar[list[QCursor]] = []

    @classmethod
    def setOverrideCursor(cls, cursor: Any) -> None:
        cls.cursors.append(cursor if isinstance(cursor, QCursor) else QCursor(cursor))

    @classmethod
    def restoreOverrideCursor(cls) -> None:
        if cls.cursors:
            cls.cursors.pop()

    @classmethod
    def overrideCursor(cls) -> QCursor | None:
        return cls.cursors[-1] if cls.cursors else None

    @staticmethod
    def processEvents(*_: Any) -> None:
        return None


class QTimer(QObject):
    """A timer that never fires on its own."""

    SIGNALS = ("timeout",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.active = False
        self.interval = 0

    def setInterval(self, milliseconds: int) -> None:
        self.interval = int(milliseconds)

    def start(self, *_: Any) -> None:
        self.active = True

    def stop(self) -> None:
        self.active = False


class QKeySequence:
    """A key with its modifiers, as text."""

    def __init__(self, text: str) -> None:
        self.text = text


class QShortcut(QObject):
    """A key of the main window."""

    SIGNALS = ("activated",)
    #: Those that are there, in the order they were made.
    living: ClassVar[list[QShortcut]] = []

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.key = ""
        self.enabled = True
        self.living.append(self)

    def setKey(self, sequence: QKeySequence) -> None:
        self.key = sequence.text

    def setEnabled(self, enabled: bool) -> None:
        self.enabled = bool(enabled)

    def deleteLater(self) -> None:
        self.living.remove(self)


class QIcon:
    def __init__(self, path: str = "") -> None:
        self.path = path


class QFile:
    ReadOnly = 1

    def __init__(self, path: str) -> None:
        self.path = str(path)

    def exists(self) -> bool:
        return os.path.exists(self.path)

    def open(self, mode: int) -> bool:
        return self.exists()


class QDir:
    def __init__(self, path: Any = ".") -> None:
        self.path: str = path.path if isinstance(path, QDir) else str(path)

    def mkpath(self, path: str) -> bool:
        os.makedirs(path, exist_ok=True)
        return True


class QFileInfo:
    def __init__(self, folder: QDir, name: str) -> None:
        self._path = os.path.abspath(os.path.join(folder.path, name))

    def absoluteFilePath(self) -> str:
        return self._path


class QDateTime:
    @staticmethod
    def currentDateTime() -> datetime.datetime:
        return datetime.datetime.now()


class QLocale:
    English = 31
    UnitedStates = 225

    def __init__(self, *_: Any) -> None:
        pass

    def toString(self, when: datetime.datetime, pattern: str) -> str:
        """The only pattern in use names a temporary folder: date and time to the microsecond."""
        return when.strftime("%Y-%m-%d_%H+%M+%S.%f")
