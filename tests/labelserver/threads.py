"""A FastAPI application behind a real socket, in a thread of the test: for what needs no app around it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import uvicorn
from fastapi import FastAPI

from gliolabel.labelserver.configuration import Configuration


@dataclass
class Site:
    """A running application."""

    url: str
    port: int
    server: FastAPI


@contextmanager
def site(server: FastAPI, install: Callable[..., None], **configuration: Any) -> Iterator[Site]:
    """Serve an application with the door before it.

    Args:
        server: the application.
        install: puts the door before it.
        configuration: of the door, as ``--conf`` says it.
    """
    app = SimpleNamespace(configuration=Configuration(**configuration), hidden_folders=lambda: {"/srv/studies": "(study folder)"})
    install(server, app)
    with running(server) as found:
        yield found


@contextmanager
def running(server: FastAPI) -> Iterator[Site]:
    """Serve an application as it is."""
    uvicorns = uvicorn.Server(uvicorn.Config(server, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=uvicorns.run, daemon=True)
    thread.start()
    while not uvicorns.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = uvicorns.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(f"http://127.0.0.1:{port}", port, server)
    finally:
        uvicorns.should_exit = True
        thread.join(10)
