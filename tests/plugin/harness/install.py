"""Puts the stand-ins where the plugin imports them from."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import slicer
import slicer.util
from slicer_core import vtkSegmentationCore

from . import ctk, module, qt, sample_data, sitk_utils
from .app import Application, start_application


class SegmentEditorEffect:
    """Constants of Slicer's C++ base class of editor effects."""

    ModificationModeSet, ModificationModeAdd, ModificationModeRemove, ModificationModeRemoveAll = range(4)


def install(folder: Path) -> Application:
    """Start the stand-in application and register every module that a scripted module may import.

    This changes `sys.modules` for good and is meant for a process of its own.
    """
    app = start_application(folder)
    i18n = ModuleType("slicer.i18n")
    i18n.__dict__.update(tr=module.tr, translate=module.translate)
    scripted = ModuleType("slicer.ScriptedLoadableModule")
    classes = ("ScriptedLoadableModule", "ScriptedLoadableModuleWidget", "ScriptedLoadableModuleLogic", "ScriptedLoadableModuleTest")
    scripted.__dict__.update({name: getattr(module, name) for name in classes}, __all__=list(classes))
    slicer.qSlicerSegmentEditorAbstractEffect = SegmentEditorEffect
    sys.modules.update(
        {
            "qt": qt,
            "ctk": ctk,
            "SampleData": sample_data,
            "sitkUtils": sitk_utils,
            "vtkSegmentationCore": vtkSegmentationCore,
            "slicer.i18n": i18n,
            "slicer.ScriptedLoadableModule": scripted,
        }
    )
    return app
