"""The state of a running server is backed up, lost, restored and served."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import REPOSITORY, Server, disturbed, serving, wait_until, write_small_studies

from gliolabel.registry import Registry
from gliolabel.state import StateFolder

CASES = 4


def mask_of(server: Server, case: str) -> tuple[np.ndarray, str]:
    file, params = server.client().infer("unet3d", case, {"passes": 0, "result_extension": ".nrrd"})
    return sitk.GetArrayFromImage(sitk.ReadImage(file)), params["model_version"]


def submit(server: Server, case: str, *, value: int, reader: str, folder: Path) -> None:
    image = sitk.ReadImage(str(next((server_studies(server) / case).glob("*_t1ce*"))))
    label = sitk.GetImageFromArray(np.zeros(image.GetSize()[::-1], np.uint8))
    label.CopyInformation(image)
    label[20, 20, 10 + value] = 1
    path = folder / f"{case}-{reader}-{value}.nii.gz"
    sitk.WriteImage(label, str(path))
    server.client(reader).save_label(case, str(path), params={"label_info": [{"name": "necrosis", "idx": 1}]})


def server_studies(server: Server) -> Path:
    return Path(server.studies)


def versions(server: Server) -> dict[str, list[tuple[str, int, str]]]:
    found = {}
    for number in range(CASES):
        rows = server.get(f"/datastore/label/versions?label=Case_{number:03d}").json()
        found[f"Case_{number:03d}"] = [(row["tag"], row["version"], row["author"]) for row in rows]
    return found


def label_bytes(server: Server) -> dict[tuple[str, str, int], bytes]:
    return {
        (case, tag, version): server.get(f"/datastore/label?label={case}&tag={tag}&version={version}").content
        for case, rows in versions(server).items()
        for tag, version, _ in rows
    }


def gliolabel(state: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "apps"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gliolabel.cli", "--state", str(state), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_backed_up_while_it_runs_lost_and_restored(tmp_path: Path) -> None:
    with serving(tmp_path, None) as start:
        server = start(write_small_studies(tmp_path / "studies", cases=CASES))
        registry = Registry(state=StateFolder(server.state))
        starter = registry.champion("unet3d").version
        path = disturbed(registry.champion("unet3d"), tmp_path / "site-1.safetensors")
        registry.register(path, parent=None, manifest={"cases": []}, seed=0, metrics={}, actor="ann")
        registry.promote("unet3d", "site-1", actor="ann", reason="a test", override=True)
        wait_until(lambda: mask_of(server, "Case_000")[1] == "site-1")
        for number in range(CASES):
            submit(server, f"Case_{number:03d}", value=number, reader="ann", folder=tmp_path)
        mask, before = mask_of(server, "Case_001")[0], label_bytes(server)

        stop = threading.Event()

        def go_on_submitting() -> None:
            for number in range(200):
                if stop.is_set():
                    return
                submit(server, "Case_003", value=number % 5, reader="bob", folder=tmp_path)

        reader = threading.Thread(target=go_on_submitting)
        reader.start()
        try:
            for number in range(2):
                gliolabel(server.state, "backup", str(tmp_path / f"backup-{number}"))
        finally:
            stop.set()
            reader.join()
        at_the_end = label_bytes(server)
        server.stop()

        # The disk is gone. Another one, at the same place and then at another.
        shutil.rmtree(server.state)
        shutil.copytree(tmp_path / "backup-1", server.state)
        for place in (server.state, tmp_path / "elsewhere"):
            if not place.exists():
                shutil.copytree(tmp_path / "backup-1", place)
            again = start(tmp_path / "studies", conf={"state": str(place)})
            restored = label_bytes(again)
            assert before.items() <= restored.items() <= at_the_end.items()
            found, version = mask_of(again, "Case_001")
            assert version == "site-1"
            assert np.array_equal(found, mask)
            # It goes on: a label, and the way back to the version before.
            submit(again, "Case_000", value=4, reader="cleo", folder=tmp_path)
            assert versions(again)["Case_000"][-1][2] == "cleo"
            assert "promotion" in gliolabel(place, "models", "audit")
            gliolabel(place, "models", "rollback", "unet3d", "--reason", "a test")
            wait_until(lambda server=again: mask_of(server, "Case_001")[1] == starter)
            again.stop()
