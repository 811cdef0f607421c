"""Finds the stock plugin in the installed monailabel wheel and opens it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

import slicer

from .app import Application, Module
from .module import ModuleParent, WidgetParent

PLUGIN_FILE = "plugins/slicer/MONAILabel/MONAILabel.py"


def find_plugin() -> Path:
    """The path of `MONAILabel.py` in the installed wheel.

    Raises:
        FileNotFoundError: the wheel has no such file, or it does not have the checksum that the wheel's record names.
    """
    for entry in importlib.metadata.files("monailabel") or []:
        if not entry.as_posix().endswith(PLUGIN_FILE):
            continue
        path = Path(str(entry.locate())).resolve()
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        if entry.hash is None or entry.hash.value != digest:
            raise FileNotFoundError(f"{path} is not the file that the monailabel wheel brought; reinstall monailabel")
        return path
    raise FileNotFoundError(f"the installed monailabel has no {PLUGIN_FILE}")


def open_plugin(app: Application) -> Any:
    """Load the module as Slicer's module factory does and open its panel. Returns its `MONAILabelWidget`."""
    path = find_plugin()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("MONAILabel", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    plugin = importlib.util.module_from_spec(spec)
    sys.modules["MONAILabel"] = plugin
    spec.loader.exec_module(plugin)

    slicer.modules.monailabel = Module(None, path=str(path))
    plugin.MONAILabel(ModuleParent(path=str(path)))
    app.complete_startup()
    parent = WidgetParent()
    widget = plugin.MONAILabelWidget(parent)
    widget.setup()
    parent.isEntered = True
    widget.enter()
    return widget
