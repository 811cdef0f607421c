"""Message boxes: recorded, and answered with OK, instead of shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Box:
    """One box a reader would have seen: kind is `info`, `warning`, `error` or `question`; details is the text behind "Show details"."""

    kind: str
    text: str
    details: str = ""


class QMessageBox:
    """The constants of Qt's message box, and the list of boxes shown so far."""

    Ok, Yes, No, Cancel, Retry, Close = 0x400, 0x4000, 0x10000, 0x400000, 0x80000, 0x200000
    NoIcon, Information, Warning, Critical, Question = 0, 1, 2, 3, 4
    KINDS: ClassVar[dict[int, str]] = {0: "info", 1: "info", 2: "warning", 3: "error", 4: "question"}
    shown: ClassVar[list[Box]] = []

    @classmethod
    def record(cls, icon: int, text: str, details: str = "") -> None:
        """Note a box that would have been on the screen."""
        cls.shown.append(Box(kind=cls.KINDS[icon], text=str(text), details=str(details or "")))

    @classmethod
    def information(cls, parent: Any, title: str, text: str) -> int:
        cls.record(cls.Information, text)
        return cls.Ok


class ctkMessageBox:
    """The box that Slicer's `slicer.util.messageBox` builds: its looks are attributes, `exec_` shows it."""

    answer: ClassVar[int | None] = None

    def __init__(self, parent: Any = None) -> None:
        self.text = ""
        self.windowTitle = ""
        self.icon = QMessageBox.NoIcon
        self.standardButtons = QMessageBox.Ok
        self.detailedText = ""
        self.dontShowAgainSettingsKey = ""

    def deleteLater(self) -> None:
        return None

    def exec_(self) -> int:
        """Record the box and answer it: OK or Yes, or what `answer` says."""
        QMessageBox.record(self.icon, self.text, self.detailedText)
        if self.answer is not None:
            return self.answer
        return QMessageBox.Yes if self.standardButtons & QMessageBox.Yes else QMessageBox.Ok
