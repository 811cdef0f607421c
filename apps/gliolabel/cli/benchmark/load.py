"""``gliolabel benchmark --load``: latency and throughput with several clients at once, and stock MONAI Label's beside it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gliolabel.cli.app_folder import find_app_folder
from gliolabel.cli.benchmark.load_clients import Target, run_busy, run_load
from gliolabel.cli.benchmark.scale import free_port, without_scoring
from gliolabel.cli.server_process import ServerProcess
from gliolabel.errors import UnavailableError
from gliolabel.phantoms import Phantom, make_phantom, write_phantom_case
from gliolabel.recipes import ModelVersion
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import SEQUENCES

#: Voxels of a case, of 1 mm: what one of stock MONAI Label's windows holds.
SHAPE: Final = (96, 96, 96)
CASES: Final = 8
CLIENTS: Final = (1, 4, 16)
_BEGIN_S: Final = 90.0


def measure_load(
    version: ModelVersion,
    *,
    clients: Sequence[int] = CLIENTS,
    masks: int,
    busy_s: float,
    device: str | None = None,
    stock: bool = True,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Load our server, then stock MONAI Label's with the same weights and cases.

    Args:
        version: the model.
        clients: numbers of clients.
        masks: how many masks each number of clients asks for in all.
        busy_s: for so many seconds one reader segments, one maps and a training runs on our server; 0: not.
        device: torch device; None: the best one.
        stock: also measure stock MONAI Label.
        report: told what is measured next.

    Returns:
        ``shape``, ``cases``, ``model``, ``rows`` (:func:`run_load`, with ``server``), and ``busy`` (:func:`run_busy`, with ``training``).

    Raises:
        UnavailableError: a server did not start, or refused a request for good.
    """
    rows: list[dict[str, Any]] = []
    busy: dict[str, Any] | None = None
    with tempfile.TemporaryDirectory(prefix="gliolabel-load-") as name:
        folder = Path(name)
        ids, label = _write_cases(folder)
        for server, running in (("gliolabel", _ours), ("stock", _stock))[: 2 if stock else 1]:
            report(f"starting {server}")
            with without_scoring(), running(folder, version, device) as process:
                process.wait_until_ready()
                strategy = "most_uncertain" if server == "gliolabel" else "random"
                target = Target(process.address, ids, version.name, strategy, label)
                run_load(target, clients=1, masks=1)  # cold: libraries and weights are read
                for number in clients:
                    report(f"{server}, {number} client{'s' if number > 1 else ''}")
                    rows.append({"server": server, **run_load(target, clients=number, masks=masks)})
                if server == "gliolabel" and busy_s:
                    report(f"{server}, a reader segments, one maps, a training runs")
                    busy = _busy(target, seconds=busy_s)
    return {
        "shape": list(SHAPE),
        "cases": CASES,
        "model": f"{version.name} {version.version}",
        "rows": rows,
        "busy": busy,
    }


def _busy(target: Target, *, seconds: float) -> dict[str, Any]:
    import requests

    answer = requests.post(f"{target.address}/train/{target.model}", json={"client_id": "cem", "epochs": 1000}, timeout=60)
    if not answer.ok:
        raise UnavailableError(f"The server refused to train: {answer.text[:300]}")
    end = time.monotonic() + _BEGIN_S
    while _training(target)[1] < 1 and time.monotonic() < end:  # until it has left the preparations behind
        time.sleep(1)
    before = _training(target)
    result = run_busy(target, seconds=seconds)
    after = _training(target)
    requests.delete(f"{target.address}/train/", params={"client_id": "cem"}, timeout=60)
    return {**result, "training": {"status": after[0], "epoch_before": before[1], "epoch_after": after[1]}}


def _training(target: Target) -> tuple[str, float]:
    import requests

    answer = requests.get(f"{target.address}/train/", timeout=60).json()
    return str(answer["status"]), float((answer.get("progress") or {}).get("epoch") or 0)


def _write_cases(folder: Path) -> tuple[list[str], bytes]:
    """The same cases for both servers: a folder each for ours, a 4-D file each for the stock one. Returns ids and a label file."""
    ids = [f"Case_{number:02d}" for number in range(CASES)]
    (folder / "stock").mkdir()
    for number, case_id in enumerate(ids):
        phantom = make_phantom(shape=SHAPE, seed=(0, number))
        phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0)))
        write_phantom_case(phantom, folder / "studies" / case_id, name=case_id)
        _write_4d(phantom, folder / "stock" / f"{case_id}.nii.gz")
    label = folder / "label.nii.gz"
    write_volume(phantom.labels, phantom.grid, label)
    return ids, label.read_bytes()


def _write_4d(phantom: Phantom, path: Path) -> None:
    import nibabel
    import numpy as np

    grid = phantom.grid
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(grid.direction).reshape(3, 3) * np.asarray(grid.spacing)
    affine[:3, 3] = grid.origin
    affine[:2] *= -1  # NIfTI points right and anterior, ours left and posterior
    volumes = np.stack([phantom.sequences[sequence].transpose(2, 1, 0) for sequence in SEQUENCES], axis=-1)
    nibabel.save(nibabel.Nifti1Image(volumes, affine), path)


@contextmanager
def _ours(folder: Path, version: ModelVersion, device: str | None) -> Iterator[ServerProcess]:
    app = find_app_folder()
    if app is None:
        raise UnavailableError("The MONAI Label app folder brain_tumor was not found. Install GlioLabel again.")
    weights = folder / "weights"
    weights.mkdir()
    (weights / version.path.name).write_bytes(version.path.read_bytes())
    conf = {"weights": str(weights), **({"device": device} if device else {})}
    with _process(app, folder / "studies", folder / "state", conf, log=folder / "ours.log") as server:
        yield server


@contextmanager
def _stock(folder: Path, version: ModelVersion, device: str | None) -> Iterator[ServerProcess]:
    from gliolabel.labelserver.benchmark_stock_server import make_app_folder

    conf = {"weights": str(version.path), **({"device": device} if device else {})}
    with _process(make_app_folder(folder / "app"), folder / "stock", None, conf, log=folder / "stock.log") as server:
        yield server


def _process(app: Path, studies: Path, state: Path | None, conf: Mapping[str, str], *, log: Path) -> ServerProcess:
    return ServerProcess(app=app, studies=studies, state=state, host="127.0.0.1", port=free_port(), log=log, conf=conf)
