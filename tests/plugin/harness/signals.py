"""Signals and slots as PythonQt offers them to a scripted module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def positional_limit(slot: Callable[..., Any]) -> int | None:
    """How many positional arguments a slot takes; None when it takes any number."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


class Signal:
    """One signal of one object.

    PythonQt hands a slot as many of the signal's arguments as the slot can take, optional ones included: `clicked(bool)` fills the first
    default argument of `onUploadImage(self, init_sample=True)` with False. That is kept, because the plugin behaves by it.
    """

    def __init__(self, owner: QObject) -> None:
        self._owner = owner
        self._slots: list[Callable[..., Any]] = []

    def connect(self, slot: Callable[..., Any]) -> None:
        """Call `slot` whenever the signal is emitted."""
        self._slots.append(slot)

    def disconnect(self, slot: Callable[..., Any]) -> None:
        """Forget `slot`."""
        self._slots.remove(slot)

    def emit(self, *args: Any) -> None:
        """Call every slot, unless the owner's signals are blocked."""
        if self._owner.signals_blocked:
            return
        for slot in list(self._slots):
            slot(*args[: positional_limit(slot)])


class QObject:
    """An object with a name, children and the signals its class lists in `SIGNALS`."""

    SIGNALS: tuple[str, ...] = ()

    def __init__(self, parent: Any = None) -> None:
        self.name = ""
        self.signals_blocked = False
        self._children: list[QObject] = []
        self._parent = parent if isinstance(parent, QObject) else None
        self._signals: dict[str, Signal] = {}
        for kind in reversed(type(self).__mro__):
            for signal in vars(kind).get("SIGNALS", ()):
                self._signals[signal] = Signal(self)
                setattr(self, signal, self._signals[signal])

    @property
    def objectName(self) -> str:
        return self.name

    def className(self) -> str:
        return type(self).__name__

    def parent(self) -> QObject | None:
        return self._parent

    def children(self) -> list[QObject]:
        return self._children

    def adopt(self, child: QObject) -> None:
        """Make `child` a child of this object."""
        child._parent = self
        self._children.append(child)

    def _signal(self, signature: str) -> Signal:
        """The signal of a signature such as `clicked(bool)`; AttributeError for one this class does not have."""
        name = str(signature).split("(", 1)[0]
        if name not in self._signals:
            raise AttributeError(f"{self.className()} {self.name!r} has no signal {signature!r}")
        return self._signals[name]

    def connect(self, signature: str, slot: Callable[..., Any]) -> bool:
        self._signal(signature).connect(slot)
        return True

    def disconnect(self, signature: str, slot: Callable[..., Any]) -> bool:
        self._signal(signature).disconnect(slot)
        return True

    def emit(self, name: str, *args: Any) -> None:
        """Emit one of this object's signals."""
        self._signals[name].emit(*args)

    def blockSignals(self, block: bool) -> bool:
        before, self.signals_blocked = self.signals_blocked, bool(block)
        return before

    def deleteLater(self) -> None:
        return None


def cosmetic(*names: str) -> Callable[[type], type]:
    """Class decorator: methods that only change looks (icons, tool tips, style) and may be ignored.

    They are listed one by one so that a method nobody thought of still fails with an AttributeError instead of silently doing nothing.
    """

    def ignore(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    def decorate(kind: type) -> type:
        for name in names:
            setattr(kind, name, ignore)
        return kind

    return decorate
