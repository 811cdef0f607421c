"""A real server process over phantoms, with small untrained networks: what is tested here does not depend on what they answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import torch
from monailabel.client import MONAILabelClient

from gliolabel.phantoms.phantom import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version

REPOSITORY = Path(__file__).resolve().parents[2]
APP = REPOSITORY / "apps" / "brain_tumor"
#: A deadline for things that take a second on an idle machine.
PATIENCE_S = 280


@dataclass
class Server:
    """A running server and the unmodified client of it."""

    url: str
    process: subprocess.Popen[bytes]
    studies: Path | str
    state: Path
    log: Path
    downloads: Path

    def client(self, client_id: str = "ann") -> MONAILabelClient:
        return MONAILabelClient(self.url, tmpdir=str(self.downloads), client_id=client_id)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=PATIENCE_S, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=PATIENCE_S, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return requests.put(self.url + path, timeout=PATIENCE_S, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return requests.delete(self.url + path, timeout=PATIENCE_S, **options)

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(30)


def wait_until(condition: Callable[[], Any], *, seconds: float = PATIENCE_S) -> Any:
    """What ``condition`` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained weights for both models, small enough to be quick."""
    folder = tmp_path_factory.mktemp("weights")
    for name in ("unet3d", "resunet2d"):
        recipe = load_recipe(name)
        if name == "unet3d":
            small = {"channels": (4, 8, 8), "dropout": (0.3, 0.3, 0.3)}
            recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update=small)})
        else:
            recipe = recipe.model_copy(update={"inference": recipe.inference.model_copy(update={"planes": ("axial",)})})
        torch.manual_seed(0)
        weights = build_network(recipe.network).state_dict()
        save_model_version(folder / f"{name}.safetensors", weights, name=name, version="untrained-1", recipe=recipe, metadata={})
    return folder


def disturbed(version: ModelVersion, path: Path) -> Path:
    """A weights file ``site-1`` of the same network with other weights."""
    torch.manual_seed(0)
    weights = {
        name: value * (1 + 0.2 * torch.randn_like(value)) if value.is_floating_point() else value
        for name, value in version.build().state_dict().items()
    }
    save_model_version(path, weights, name=version.name, version="site-1", recipe=version.recipe, metadata=dict(version.metadata))
    return path


def write_small_studies(folder: Path, *, cases: int, labelled: int = 0) -> Path:
    """Phantoms of 24 x 40 x 40 voxels of 1 mm; the first ``labelled`` of them with a label."""
    for number in range(cases):
        phantom = make_phantom(shape=(24, 40, 40), seed=(7, number))
        phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0), origin=(12.5, -7.0, 30.0)))
        write_phantom_case(phantom, folder / f"Case_{number:03d}", name=f"Case_{number:03d}", labels=number < labelled)
    return folder


@pytest.fixture
def serve(tmp_path: Path, small_weights: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers; they are stopped at the end of the test."""
    with serving(tmp_path, small_weights) as start:
        yield start


class serving:  # noqa: N801 - a context manager
    """Starts servers and stops them at the end of the block."""

    def __init__(self, folder: Path, weights: Path | None, *, app: Path = APP) -> None:
        self.folder, self.weights, self.app, self.servers = folder, weights, app, []

    def __enter__(self) -> Callable[..., Server]:
        return self.start

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            if server.process.poll() is None:
                server.process.terminate()
                try:
                    server.process.wait(20)
                except subprocess.TimeoutExpired:
                    server.process.kill()
                    server.process.wait(20)

    def start(
        self, studies: Path | str, *, conf: dict[str, str] | None = None, env: dict[str, str] | None = None, host: str = "127.0.0.1"
    ) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        state = self.folder / "state"
        downloads = self.folder / "downloads"
        downloads.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(self.app), "--studies", str(studies)]
        command += ["--host", host, "--port", str(port)]
        weights = {"weights": str(self.weights)} if self.weights else {}
        for key, value in {"state": str(state), **weights, "device": "cpu", **(conf or {})}.items():
            command += ["--conf", key, value]
        log = self.folder / f"server-{port}.log"
        paths = os.pathsep.join(filter(None, [str(REPOSITORY / "apps"), os.environ.get("PYTHONPATH")]))
        # Scoring in the background has tests of its own, which turn it on; here it would only slow down what is tested.
        quiet = {"OMP_NUM_THREADS": "1", "MONAI_LABEL_AUTO_UPDATE_SCORING": "false"}
        environment = {**os.environ, "PYTHONPATH": paths, **quiet, **(env or {})}
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=self.folder)
        server = Server(f"http://127.0.0.1:{port}", process, studies, state, log, downloads)
        self.servers.append(server)

        def answers() -> bool:
            assert process.poll() is None, log.read_text()[-3000:]
            try:
                return requests.get(f"{server.url}/info/", timeout=5).status_code in (200, 401)  # 401: with logins
            except (requests.ConnectionError, requests.Timeout):  # not yet, or the machine is busy
                return False

        wait_until(answers)
        return server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    """One server for the tests that leave it as it was, or do not care."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=4, labelled=1))
