"""Stands in for Slicer's `qt` module: everything the plugin takes from it, gathered from the files beside this one."""

from __future__ import annotations

from .boxes import QMessageBox
from .qt_core import (
    QApplication,
    QCursor,
    QDateTime,
    QDir,
    QFile,
    QFileInfo,
    QIcon,
    QKeySequence,
    QLocale,
    QSettings,
    QShortcut,
    Qt,
    QTimer,
)
from .qt_items import QComboBox, QHeaderView, QTableWidget, QTableWidgetItem
from .signals import QObject
from .ui import QUiLoader
from .widgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QProgressDialog,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

__all__ = [
    "SIGNAL",
    "QApplication",
    "QCheckBox",
    "QComboBox",
    "QCursor",
    "QDateTime",
    "QDialog",
    "QDir",
    "QFile",
    "QFileInfo",
    "QFormLayout",
    "QHBoxLayout",
    "QHeaderView",
    "QIcon",
    "QInputDialog",
    "QKeySequence",
    "QLabel",
    "QLineEdit",
    "QLocale",
    "QMessageBox",
    "QObject",
    "QProgressBar",
    "QProgressDialog",
    "QPushButton",
    "QSettings",
    "QShortcut",
    "QSlider",
    "QSpinBox",
    "QTableWidget",
    "QTableWidgetItem",
    "QTimer",
    "QToolButton",
    "QUiLoader",
    "QVBoxLayout",
    "QWidget",
    "Qt",
]


def SIGNAL(signature: str) -> str:
    """Qt's macro for old-style connections; the signature is enough here."""
    return signature
