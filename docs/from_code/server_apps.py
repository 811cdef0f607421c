"""What the two apps of this repository say of themselves: their tasks, options and routes.

Each app is put together as MONAI Label does it, over one small synthetic case, in a folder that is gone afterwards. Nothing is served.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def apps() -> dict[str, Any]:
    """The description of each app by its name."""
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(sys.stderr):
        return {"brain_tumor": _brain_tumor(Path(work)), "lgg_flair": _lgg_flair(Path(work))}


def _brain_tumor(work: Path) -> dict[str, Any]:
    from fastapi import FastAPI

    from gliolabel.labelserver.app import GlioLabelApp
    from gliolabel.labelserver.routes import install_routes
    from gliolabel.phantoms import make_phantom, write_phantom_case

    write_phantom_case(make_phantom(shape=(24, 40, 40)), work / "studies" / "Case_000", name="Case_000")
    app = GlioLabelApp(str(work / "app"), str(work / "studies"), {"state": str(work / "state"), "device": "cpu"})
    server = FastAPI()
    from monailabel.app import app as stock

    server.include_router(stock.router)
    install_routes(server, app)
    return {**_tasks(app), "openapi": server.openapi(), "roles": _roles(server.routes)}


def _roles(routes: Iterable[Any]) -> dict[str, str]:
    """The role that a route asks for, by method and path. Of two routes at one address the first answers."""
    from monailabel.endpoints.user.auth import RBAC

    found: dict[str, str] = {}
    for route in _flat(routes):
        for dependency in route.dependant.dependencies:
            if isinstance(dependency.call, RBAC):
                for method in route.methods:
                    found.setdefault(f"{method} {route.path}", str(dependency.call.roles))
    return found


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """The routes with a function; FastAPI keeps included routers whole."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _flat(route.original_router.routes)
        elif hasattr(route, "dependant"):
            yield route


def _lgg_flair(work: Path) -> dict[str, Any]:
    import importlib.util

    import numpy as np
    from PIL import Image

    patient = work / "slices" / "TCGA_XX_0000"
    patient.mkdir(parents=True)
    Image.fromarray(np.zeros((32, 32), dtype=np.uint8)).save(patient / "TCGA_XX_0000_1.tif")
    spec = importlib.util.spec_from_file_location("lgg_flair_main", ROOT / "sample-apps" / "lgg_flair" / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.LggFlairApp(str(work / "lgg"), str(work / "slices"), {"state": str(work / "lgg-state"), "device": "cpu"})
    return _tasks(app)


def _tasks(app: Any) -> dict[str, Any]:
    return {
        "infers": {name: {**task.info(), "config": task.config()} for name, task in app._infers.items()},
        "trainers": {name: task.info() for name, task in app._trainers.items()},
        "strategies": {name: strategy.info() for name, strategy in app._strategies.items()},
        "scoring": {name: method.info() for name, method in app._scoring_methods.items()},
    }
