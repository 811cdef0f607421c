"""Promotions while a real server segments: no error, never a mixed model, no growing memory, and the way back bit for bit."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import Server, disturbed, serving, wait_until, write_small_studies

from gliolabel.registry import Registry
from gliolabel.state import StateFolder

PROMOTIONS = 20
#: A version in memory is 22 MB. Twenty that were not let go would be 440 MB.
GROWTH_MB = 120
#: A request that begins so much later than a promotion is answered by the new version.
EFFECT_S = 2.0


def infer(server: Server, reader: str, case: str = "Case_000", passes: int = 0) -> tuple[np.ndarray, dict]:
    file, params = server.client(reader).infer("unet3d", case, {"passes": passes, "result_extension": ".nrrd"})
    mask = sitk.GetArrayFromImage(sitk.ReadImage(file))
    Path(file).unlink()
    return mask, params


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_promotions_while_readers_segment(tmp_path: Path) -> None:
    with serving(tmp_path, None) as start:
        server = start(write_small_studies(tmp_path / "studies", cases=2))
        assert not (server.state / "models").exists()  # MLflow is not opened by a server that starts
        registry = Registry(state=StateFolder(server.state))
        starter = registry.champion("unet3d").version
        path = disturbed(registry.champion("unet3d"), tmp_path / "site-1.safetensors")
        registry.register(path, parent=None, manifest={"cases": []}, seed=0, metrics={}, actor="ann")

        def switch(version: str) -> None:
            registry.promote("unet3d", version, actor="ann", reason="a test", override=True)

        def takes_effect(version: str) -> np.ndarray:
            time.sleep(EFFECT_S)
            mask, params = infer(server, "ann")
            assert params["model_version"] == version
            return mask

        masks = {starter: infer(server, "ann")[0]}
        switch("site-1")
        masks["site-1"] = takes_effect("site-1")
        assert not np.array_equal(masks[starter], masks["site-1"])

        stop, errors, seen = threading.Event(), [], []

        def read(reader: str) -> None:
            try:
                while not stop.is_set():
                    mask, params = infer(server, reader)
                    seen.append((params["model_version"], np.array_equal(mask, masks[params["model_version"]])))
            except Exception as error:  # told by the main thread
                errors.append(error)

        process = psutil.Process(server.process.pid)
        readers = [threading.Thread(target=read, args=(name,)) for name in ("bob", "cy")]
        for thread in readers:
            thread.start()
        memory = []
        try:
            for number in range(PROMOTIONS):
                before = len(seen)
                version = (starter, "site-1")[number % 2]
                switch(version)
                wait_until(lambda before=before, version=version: errors or any(v == version for v, _ in seen[before:]))
                memory.append(process.memory_info().rss / 2**20)
        finally:
            stop.set()
            for thread in readers:
                thread.join()
        assert errors == []
        assert all(same for _, same in seen)
        changes = sum(a[0] != b[0] for a, b in pairwise(seen))
        assert changes >= PROMOTIONS - 1
        # The first few fill what is kept anyway.
        assert memory[-1] - memory[3] < GROWTH_MB, memory

        registry.rollback("unet3d", actor="ann", reason="a test")
        assert np.array_equal(takes_effect(starter), masks[starter])
        assert server.get("/info/").ok
        print(f"{len(seen)} masks, {changes} changes, memory {memory[3]:.0f} to {memory[-1]:.0f} MB")
