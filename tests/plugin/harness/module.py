"""Slicer's `ScriptedLoadableModule` and `i18n`: the base classes of a scripted module."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import slicer

from .widgets import QVBoxLayout, QWidget


def tr(text: str) -> str:
    """Translation: an English Slicer."""
    return text


def translate(context: str, text: str) -> str:
    return text


class ModuleParent(SimpleNamespace):
    """What a module's own class writes its title and help to."""

    path: str = ""


class WidgetParent(QWidget):
    """The panel a module's widget lives in."""

    def __init__(self) -> None:
        super().__init__()
        self.isEntered = False
        QVBoxLayout(self)


class ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__


class ScriptedLoadableModuleWidget:
    """A module's widget; the stand-in's parent always exists."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent or WidgetParent()
        self.layout = self.parent.layout()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        setattr(slicer.modules, type(self).__name__, self)

    def resourcePath(self, filename: str) -> str:
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", filename)

    def setup(self) -> None:
        """The real one adds the developers' reload section."""


class ScriptedLoadableModuleLogic:
    """A module's logic; its parameter node is one per scene, as in Slicer."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self) -> Any:
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetName(scene.GenerateUniqueName(self.moduleName))
            node = scene.AddNode(node)
        # Closing a scene takes the attribute away.
        node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest:
    """The real one derives from unittest; the plugin's own test does nothing."""
