"""`slicer.app`, `slicer.mrmlScene` and `slicer.modules` over the real MRML scene and the real module logics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer

from .files import CoreIOManager
from .qt_core import QApplication
from .widgets import QWidget


class Module:
    """A module of the application: only its logic, and where its file is."""

    def __init__(self, logic: Any, path: str = "") -> None:
        self._logic = logic
        self.path = path

    def logic(self) -> Any:
        return self._logic


class SettingsDialog:
    """Slicer's settings dialog: keeps the panels that modules add."""

    def __init__(self) -> None:
        self.panels: dict[str, QWidget] = {}

    def addPanel(self, title: str, panel: QWidget) -> None:
        self.panels[title] = panel


class Application:
    """The application object, without windows other than an empty main window (message boxes need one)."""

    applicationName = "Slicer"

    def __init__(self, *, temporary: Path, io_manager: CoreIOManager, application_logic: Any) -> None:
        self.temporaryPath = str(temporary)
        self._io_manager = io_manager
        self._application_logic = application_logic
        self._settings_dialog = SettingsDialog()
        self._startup: list[Callable[[], Any]] = []
        self._main_window = QWidget()
        self._main_window.name = "qSlicerMainWindow"

    def connect(self, signature: str, slot: Callable[[], Any]) -> None:
        """Modules ask to be called after start-up."""
        if signature != "startupCompleted()":
            raise AttributeError(f"slicer.app has no signal {signature!r} here")
        self._startup.append(slot)

    def complete_startup(self) -> None:
        """Call the modules that asked for it; in Slicer this is before any module is opened."""
        for slot in self._startup:
            slot()
        self._startup.clear()

    def commandOptions(self) -> SimpleNamespace:
        return SimpleNamespace(noMainWindow=False)

    def settingsDialog(self) -> SettingsDialog:
        return self._settings_dialog

    def coreIOManager(self) -> CoreIOManager:
        return self._io_manager

    def ioManager(self) -> CoreIOManager:
        return self._io_manager

    def applicationLogic(self) -> Any:
        return self._application_logic

    def topLevelWidgets(self) -> list[QWidget]:
        return [self._main_window]

    def testingEnabled(self) -> bool:
        """False: in testing mode Slicer would skip the message boxes, which are what a test wants to see."""
        return False

    def processEvents(self) -> None:
        return None

    def overrideCursor(self) -> Any:
        return QApplication.overrideCursor()

    def setOverrideCursor(self, cursor: Any) -> None:
        QApplication.setOverrideCursor(cursor)

    def restoreOverrideCursor(self) -> None:
        QApplication.restoreOverrideCursor()


def start_application(folder: Path) -> Application:
    """Create scene, logics and application object and hang them into `slicer`, as Slicer's start does.

    Args:
        folder: where temporary files and the download cache go.
    """
    temporary, cache = folder / "tmp", folder / "cache"
    for path in (temporary, cache):
        path.mkdir(parents=True, exist_ok=True)

    scene = slicer.vtkMRMLScene()
    cache_manager = slicer.vtkCacheManager()
    cache_manager.SetRemoteCacheDirectory(str(cache))
    scene.SetCacheManager(cache_manager)

    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(scene)
    logics: dict[str, Any] = {
        "colors": slicer.vtkSlicerColorLogic(),
        "volumes": slicer.vtkSlicerVolumesLogic(),
        "subjecthierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic(),
        "segmentations": slicer.vtkSlicerSegmentationsModuleLogic(),
        "markups": slicer.vtkSlicerMarkupsLogic(),
        "models": slicer.vtkSlicerModelsLogic(),
    }
    modules = SimpleNamespace()
    for name, logic in logics.items():
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
        application_logic.SetModuleLogic(name.capitalize(), logic)
        setattr(modules, name, Module(logic))

    app = Application(temporary=temporary, io_manager=CoreIOManager(scene=scene, modules=modules), application_logic=application_logic)
    slicer.mrmlScene, slicer.modules, slicer.app = scene, modules, app
    return app
