"""Desks of several readers, closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.remote import Desk


@contextmanager
def opening_desks(new_folder: Callable[[str], Path], **program: Any) -> Iterator[Callable[..., Desk]]:
    """Opens desks; all are closed at the end. The first argument of what it gives is the reader's client id.

    Args:
        new_folder: makes a folder of that name.
        program: of :class:`Desk`, the same for all: ``program``, ``paths``.
    """
    desks: list[Desk] = []

    def open_one(name: str, server_url: str, *, settings: dict[str, Any] | None = None, hidden_folder: Path | None = None) -> Desk:
        settings = {"MONAILabel/clientId": name, **(settings or {})}
        desks.append(Desk(folder=new_folder(name), server=server_url, settings=settings, hidden_folder=hidden_folder, **program))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.close()
