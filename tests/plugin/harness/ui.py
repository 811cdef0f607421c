"""Builds the stand-in widgets from a Qt Designer `.ui` file, so that the plugin's own file decides what exists and how it starts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from .signals import QObject

#: Properties that the stand-ins keep.
_MODELLED = ("enabled", "text", "checkable", "checked", "collapsed", "maximum", "value", "editable", "toolTip")


def _value(element: ET.Element) -> Any:
    """The value of a `<property>`: bool, number or text; None for what the stand-ins do not model (sizes, fonts, policies)."""
    child = next(iter(element), None)
    if child is None:
        return None
    text = child.text or ""
    match child.tag:
        case "bool":
            return text == "true"
        case "number":
            return int(text)
        case "double":
            return float(text)
        case "string":
            return text
    return None


class QUiLoader:
    """Reads the widget tree of a `.ui` file."""

    def load(self, file: Any) -> QObject:
        """Build the top widget. LookupError names a widget class that has no stand-in."""
        root = ET.parse(file.path).getroot().find("widget")
        if root is None:
            raise LookupError(f"{file.path}: no widget in this .ui file")
        return self._build(root)

    def _build(self, element: ET.Element) -> QObject:
        class_name = element.get("class", "")
        widget: Any = _widget_class(class_name)()
        widget.name = element.get("name", "")
        for item in element.findall("item"):
            text = next((_value(p) for p in item.findall("property") if p.get("name") == "text"), None)
            if text is not None:
                widget.addItem(text)
        if hasattr(widget, "columnCount"):
            widget.columnCount = len(element.findall("column"))
        for prop in element.findall("property"):
            self._apply(widget, str(prop.get("name")), _value(prop))
        for child in self._child_widgets(element):
            widget.adopt(self._build(child))
        return widget

    def _apply(self, widget: Any, name: str, value: Any) -> None:
        """Set a property if the stand-in models it; looks (sizes, margins, tool tips) are not modelled."""
        if value is None:
            return
        if name == "visible":
            widget.setVisible(value)
        elif name == "currentIndex":
            widget.setCurrentIndex(value)
        elif name in _MODELLED and hasattr(widget, name):
            setattr(widget, name, value)

    def _child_widgets(self, element: ET.Element) -> list[ET.Element]:
        """Widgets directly inside `element`, through any depth of layouts and layout items."""
        found: list[ET.Element] = []
        for child in element:
            if child.tag == "widget":
                found.append(child)
            elif child.tag in ("layout", "item"):
                found.extend(self._child_widgets(child))
        return found


def _widget_class(name: str) -> type[QObject]:
    from . import ctk, mrml_widgets, qt

    for module in (qt, ctk, mrml_widgets):
        kind = getattr(module, name, None)
        if isinstance(kind, type):
            return kind
    raise LookupError(f"the .ui file wants a {name}, for which the harness has no stand-in")
