"""A provider as a process, and the app behind it in this one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from monailabel.config import settings
from tests.labelserver.conftest import small_weights as small_weights
from tests.labelserver.conftest import write_small_studies
from tests.login.running import RunningProvider

from gliolabel.labelserver.app import GlioLabelApp
from gliolabel.labelserver.routes import install_routes

#: The routers that `monailabel.app` puts together.
MONAILABELS = ("info", "model", "infer", "wsi_infer", "batch_infer", "train", "activelearning", "scoring", "datastore")
OTHERS = ("logs", "ohif", "proxy", "session")


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    """A provider that stays where it is. Its keys may be changed."""
    running = RunningProvider(tmp_path_factory.mktemp("provider"))
    yield running
    running.stop()


@dataclass
class Site:
    """An app with logins in this process, and a client of it without a token."""

    app: GlioLabelApp
    server: FastAPI
    http: TestClient

    def from_address(self, address: str) -> TestClient:
        """A client elsewhere."""
        return TestClient(self.server, client=(address, 50000), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def site(provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The real app and all routes of MONAI Label, with logins at the provider; proxies at 10.0.0.0/8 are believed."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MONAI_LABEL_AUTH_ENABLE", True)
        patch.setattr(settings, "MONAI_LABEL_AUTH_REALM_URI", provider.realm)
        conf = {"state": str(folder / "state"), "device": "cpu", "trusted_proxies": "10.0.0.0/8"}
        app = GlioLabelApp(str(folder), str(write_small_studies(folder / "studies", cases=4)), conf)
        server = FastAPI()
        for name in (*MONAILABELS, *OTHERS):
            server.include_router(importlib.import_module(f"monailabel.endpoints.{name}").router)
        install_routes(server, app)
        yield Site(app, server, TestClient(server, client=("192.0.2.1", 50000), raise_server_exceptions=False))
        app.database.close()
